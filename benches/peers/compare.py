"""Runs every peer over every file, round after round, and prints one table: `compare.py PROGRAM... -- FILE...`,
the Rust programs that there are.

A round runs each program once, so that a machine whose speed drifts drifts for all of them."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = os.environ.get("SECONDS_EACH", "1")
# What each makes of the bytes, and what it leaves out.
LEAVES = {
    "ours": "makes all nine tables, everything validated",
    "serde_json Value": "a tree; no table",
    "simd-json tape": "a tape over its input, which it overwrites; no table; copying the input is not timed",
    "simd-json borrowed DOM": "a tree over its input, which it overwrites; no table; copying is not timed",
    "sonic-rs DOM": "a tree; no table",
    "arrow-json": "three tables of 14 columns, nested; entries told apart first; nothing resolved, no issues, links, notices",
    "orjson + walk to pyarrow": "three flat tables of 25 columns; no issues, links, consultations, notices, flags",
    "json + walk to pyarrow": "the same walk over the standard library's dicts",
    "DuckDB read_json": "three flat tables of 19 columns; no reference followed, no drug; one thread; reads the file",
    "polars read_json": "three frames of 13 fields in all, by a schema; no code or term: their type is not one; the guessed schema fails",
    "fhir.resources parse": "objects of its STU3 model; no table; refuses most real bundles for ids and empty texts, after this long",
    "fhir-sdk STU3 model": "objects of its STU3 model, every resource of FHIR; no table; not here without FHIR_SDK=1",
    "node JSON.parse": "objects; no table; from bytes through a string",
}


def main(rust, files):
    programs = [*([program] for program in rust), [sys.executable, str(HERE / "python_peers.py")]]
    if shutil.which("node"):
        programs.append(["node", str(HERE / "node_peer.mjs")])
    else:
        print("node is not here: its row is left out")
    for file in files:
        print(table(file, measured(programs, file)), flush=True)
    print("\n".join(f"{peer}: {leaves}" for peer, leaves in LEAVES.items()))


def measured(programs, file):
    found = {}
    for _ in range(ROUNDS):
        for program in programs:
            ran = subprocess.run([*program, file, SECONDS], stdout=subprocess.PIPE, text=True)
            lines = [json.loads(line) for line in ran.stdout.splitlines()]
            if ran.returncode:
                print(f"{Path(program[-1]).name} ended with status {ran.returncode} on {file}", file=sys.stderr)
            for line in lines:
                times, _ = found.setdefault(line["peer"], ([], line["error"]))
                times.extend(line["seconds"])
    return found


def table(file, found):
    size = Path(file).stat().st_size
    lines = [f"{Path(file).name}, {size} bytes", f"  {'':<26}{'MB/s':>9}{'quartiles':>18}{'ours faster':>13}{'turns':>7}"]
    ours = statistics.median(found["ours"][0]) if found.get("ours", ((), ""))[0] else None
    for peer, (times, error) in found.items():
        if error or len(times) < 2:
            lines.append(f"  {peer:<26}{'refuses it: ' + str(error) if error else 'did not finish'}")
            continue
        low, median, high = statistics.quantiles(times, n=4)
        speed = lambda seconds: size / seconds / 1e6
        ratio = f"{median / ours:.1f}x" if ours else ""
        quartiles = f"{speed(high):.1f} to {speed(low):.1f}"
        lines.append(f"  {peer:<26}{speed(median):>9.1f}{quartiles:>18}{ratio:>13}{len(times):>7}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    end = sys.argv.index("--")
    main(sys.argv[1:end], sys.argv[end + 1 :])
