#!/usr/bin/env python3
"""Wall time of `bedside show` until the first byte of a table, on a warm cache, and of starting the program at all.

    cargo build --release -p bedside-cli -p bedside-lab
    python3 benches/first_table.py target/release

The cache is the demo's, in a temporary folder. Both processes' start is in the figures, as it is for who types the
command; what an empty program costs here stands beside them. On a quiet machine: others' syncs are waited for, too.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 40
EPISODE = "EP-2026-0002"


def first_byte(command: list[str], folder: str) -> float:
    """Milliseconds until the first byte of standard output."""
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        read = os.read(process.stdout.fileno(), 1)
        took = (time.perf_counter() - begun) * 1000
        process.stdout.read()
    if process.returncode != 0 or (not read and command[0] != "true"):
        sys.exit(f"{' '.join(command)}: status {process.returncode}")
    return took


def main() -> None:
    programs = Path(sys.argv[1]).resolve()
    bedside = str(programs / "bedside")
    with tempfile.TemporaryDirectory() as outer:
        demo = f"{outer}/demo"
        subprocess.run([programs / "bedside-lab", "demo", "--keep", demo], check=True, stdout=subprocess.DEVNULL)
        show = [bedside, "--config", "config.toml", "show", EPISODE, "--reader", "reader.json"]
        print(f"milliseconds to the first byte, {RUNS} runs: best, median, 90th percentile")
        for name, command in [
            ("an empty program", ["true"]),
            ("bedside --version", [bedside, "--version"]),
            ("bedside show --table medications --format arrow", [*show, "--table", "medications", "--format", "arrow"]),
            ("bedside show --table medications --format json", [*show, "--table", "medications", "--format", "json"]),
            ("bedside show", show),
            ("bedside show current-medication", [*show, "current-medication"]),
            ("bedside show --html", [*show, "--html"]),
        ]:
            first_byte(command, demo)
            times = sorted(first_byte(command, demo) for _ in range(RUNS))
            ninth = times[RUNS * 9 // 10]
            print(f"{name:<50} {times[0]:6.1f} {statistics.median(times):6.1f} {ninth:6.1f}")


if __name__ == "__main__":
    main()
