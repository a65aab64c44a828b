#!/usr/bin/env python3
"""Counts the instructions that bytes to record batches take, and fails on a rise of more than 5 %.

    python3 benches/instructions.py              compare with benches/instructions.json; status 1 on a rise
    python3 benches/instructions.py --update     write benches/instructions.json anew
    python3 benches/instructions.py FILE...      count bundles of your own, and compare nothing

Each input is read once and twice under `valgrind --tool=callgrind`, and the difference is told: one reading, without
the start of the program. The inputs are generated, so the counts are the same on every machine of one architecture
with one Rust version; another compiler moves them, and the baseline names its own. Needs valgrind and a Rust
toolchain, nothing else.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
RISE = 0.05
MADE = [(supplier, size, form) for supplier in ("emis", "tpp") for size in (25_000, 250_000, 3_000_000)
        for form in ("pretty", "minified")]


def main(arguments):
    if not shutil.which("valgrind"):
        print("instructions.py: valgrind is missing; apt-get install valgrind", file=sys.stderr)
        return 2
    program = build()
    if arguments and arguments != ["--update"]:
        for file in arguments:
            show(Path(file).stem, count(program, "whole", file), None)
        return 0
    counts = dict(counted(program))
    made_with = {"rustc": version(), "architecture": platform.machine()}
    if arguments:
        BASELINE.write_text(json.dumps({"made_with": made_with, "inputs": counts}, indent=2) + "\n")
        return 0
    return compare(counts, made_with)


def build():
    command = ["cargo", "build", "--release", "-p", "bedside-benches", "--bin", "bedside-instructions",
               "--message-format", "json-render-diagnostics"]
    built = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
    messages = map(json.loads, built.stdout.splitlines())
    return [message["executable"] for message in messages if message.get("executable")][-1]


def version():
    return subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]


def counted(program):
    """Every generated input, whole; the largest as it arrives in pieces, too."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "input.json"))
        for supplier, size, form in MADE:
            subprocess.run([program, "make", supplier, str(size), form, file], check=True)
            for way in ("whole", "fed") if size == 3_000_000 else ("whole",):
                name = f"{supplier}-{size}-{form}-{way}"
                found = count(program, way, file)
                print(f"{name:<36}{found['instructions']:>14}", file=sys.stderr)
                yield name, found


def count(program, way, file):
    once, twice = (callgrind([program, way, file, passes]) for passes in ("1", "2"))
    return {"bytes": Path(file).stat().st_size, "instructions": twice - once}


def callgrind(command):
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    ran = subprocess.run(valgrind + command, stderr=subprocess.PIPE, text=True)
    collected = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode or not collected:
        sys.exit(f"instructions.py: {' '.join(command)} failed\n{ran.stderr}")
    return int(collected[1])


def compare(counts, made_with):
    baseline = json.loads(BASELINE.read_text())
    if baseline["made_with"] != made_with:
        print(f"the baseline was made with {baseline['made_with']}, this is {made_with}: a difference may be theirs")
    worst = 0.0
    for name, found in counts.items():
        before = baseline["inputs"].get(name)
        change = per_byte(found) / per_byte(before) - 1 if before else None
        show(name, found, change)
        worst = max(worst, change or 0.0)
    if worst > RISE:
        print(f"\nFAILED: a rise of {worst:.1%}, more than {RISE:.0%}; "
              "mend it, or say why in the commit that runs instructions.py --update")
        return 1
    return 0


def per_byte(found):
    return found["instructions"] / found["bytes"]


def show(name, found, change):
    change = "" if change is None else f"{change:>+9.2%}"
    print(f"{name:<36}{found['bytes']:>10} bytes{found['instructions']:>14}{per_byte(found):>8.2f} per byte{change}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
