#!/usr/bin/env python3
"""Counts the instructions that bytes to record batches take, and fails on a rise of more than 5 %.

    python3 benches/instructions.py              compare with benches/instructions.json; status 1 on a rise
    python3 benches/instructions.py --update     write benches/instructions.json anew
    python3 benches/instructions.py FILE...      count bundles of your own, and compare nothing

Each input is read once and twice under `valgrind --tool=callgrind`, and the difference is told: one reading, without
the start of the program. The inputs are generated, so the counts are the same on every machine of one architecture
with one Rust version; the baseline names its own. Another version is compared all the same, since a gate that leaves
itself out keeps nobody from anything, and what is to be done then is said. Another architecture, or a processor
without AVX2, runs another kernel: there nothing can be compared, a line says so, and the status is 3.

Needs valgrind and a Rust toolchain. What generates the inputs is `bedside-lab`, built for it unless BEDSIDE_LAB names
one that is built already.
"""

import json
import os
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
SUPPLIERS = ("emis", "tpp")
SIZES = (25_000, 250_000, 3_000_000)
# A string of JSON, which stays, or white space, which goes.
STRING_OR_SPACE = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')


def main(arguments):
    if not shutil.which("valgrind"):
        return said("valgrind is missing; apt-get install valgrind", 2)
    if arguments and arguments != ["--update"]:
        program = built("--release", "-p", "bedside-instructions")
        for file in arguments:
            show(Path(file).stem, count(program, "whole", file), None)
        return 0
    baseline = None if arguments else json.loads(BASELINE.read_text())
    kernel = {"architecture": platform.machine(), "avx2": has_avx2()}
    if baseline and baseline["kernel"] != kernel:
        return said(f"NOT COMPARED: the baseline counts the kernel of {baseline['kernel']}, this is {kernel}", 3)
    counts = dict(counted(built("--release", "-p", "bedside-instructions")))
    if baseline:
        return compare(counts, baseline)
    BASELINE.write_text(json.dumps({"rustc": rustc(), "kernel": kernel, "inputs": counts}, indent=2) + "\n")
    return 0


def said(why, status):
    print(f"instructions.py: {why}", file=sys.stderr)
    return status


def built(*arguments):
    command = ["cargo", "build", *arguments, "--message-format", "json-render-diagnostics"]
    ran = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
    messages = map(json.loads, ran.stdout.splitlines())
    return [message["executable"] for message in messages if message.get("executable")][-1]


def rustc():
    return subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]


def has_avx2():
    processor = Path("/proc/cpuinfo")
    return processor.exists() and re.search(r"^flags.* avx2( |$)", processor.read_text(), re.MULTILINE) is not None


def counted(program):
    """Every generated input, whole; the largest as it arrives in pieces, too."""
    lab = os.environ.get("BEDSIDE_LAB") or built("-p", "bedside-lab")
    with tempfile.TemporaryDirectory() as folder:
        for supplier in SUPPLIERS:
            for size in SIZES:
                for form, file in twins(lab, supplier, size, folder):
                    for way in ("whole", "fed") if size == SIZES[-1] else ("whole",):
                        yield f"{supplier}-{size}-{form}-{way}", count(program, way, file)


def twins(lab, supplier, size, folder):
    """A generated bundle, and the same record without white space between its tokens."""
    pretty, minified = Path(folder, "pretty.json"), Path(folder, "minified.json")
    with pretty.open("wb") as output:
        command = [lab, "generate", "--bytes", str(size), "--seed", "1", "--supplier", supplier]
        subprocess.run(command, check=True, stdout=output)
    minified.write_bytes(STRING_OR_SPACE.sub(rb"\1", pretty.read_bytes()))
    return ("pretty", pretty), ("minified", minified)


def count(program, way, file):
    once, twice = (callgrind([program, way, str(file), passes]) for passes in ("1", "2"))
    return {"bytes": Path(file).stat().st_size, "instructions": twice - once}


def callgrind(command):
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    ran = subprocess.run(valgrind + command, stderr=subprocess.PIPE, text=True)
    collected = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode or not collected:
        sys.exit(f"instructions.py: {' '.join(command)} failed\n{ran.stderr}")
    return int(collected[1])


def compare(counts, baseline):
    worst = 0.0
    for name, found in counts.items():
        before = baseline["inputs"].get(name)
        change = per_byte(found) / per_byte(before) - 1 if before else None
        show(name, found, change)
        worst = max(worst, change or 0.0)
    gone = sorted(set(baseline["inputs"]) - set(counts))
    other = rustc() if rustc() != baseline["rustc"] else None
    if other:
        print(f"\nThe baseline was counted with Rust {baseline['rustc']}, this with {other}: a part of each difference may be the "
              f"compiler's.")
    if worst <= RISE and not gone:
        return 0
    why = f"a rise of {worst:.1%}, more than {RISE:.0%}" if worst > RISE else f"{', '.join(gone)} not counted any more"
    print(f"\nFAILED: {why}. Mend it, or say why in the commit that runs instructions.py --update.")
    if other:
        print(f"To tell the compiler's part from yours: `rustup run {baseline['rustc']} python3 benches/instructions.py` has "
              f"the baseline's compiler. To move on to {other}, update on the commit before your change, by itself.")
    return 1


def per_byte(found):
    return found["instructions"] / found["bytes"]


def show(name, found, change):
    change = "" if change is None else f"{change:>+9.2%}"
    print(f"{name:<36}{found['bytes']:>10} bytes{found['instructions']:>14}{per_byte(found):>8.2f} per byte{change}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
