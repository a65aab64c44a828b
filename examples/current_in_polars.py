"""Counts current medication by type with Polars, from standard input.

bedside show EPISODE current-medication --format arrow --reader reader.json | python3 current_in_polars.py

Needs polars. The caveats are columns of every row, so that a query cannot lose them by accident.
"""

import sys

import polars as pl

frame = pl.read_ipc_stream(sys.stdin.buffer.read())
print(
    frame.group_by("group", "prescription_type", "medications_incomplete")
    .agg(pl.len().alias("medications"), pl.col("lapsed").sum())
    .sort("group", "prescription_type")
)
