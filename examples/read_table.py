"""Reads a table or a view from standard input, and shows what must be known of it before its rows.

bedside show EPISODE --table medications --format arrow --reader reader.json | python3 read_table.py

Needs pyarrow.
"""

import sys

import pyarrow.ipc

with pyarrow.ipc.open_stream(sys.stdin.buffer) as reader:
    about = {key.decode(): value.decode() for key, value in (reader.schema.metadata or {}).items()}
    table = reader.read_all()

for name in sorted(about):
    if about[name]:
        print(f"{name}: {about[name]}")
print(f"{table.num_rows} rows of {table.num_columns} columns")
for row in table.to_pylist():
    term = next((row[name] for name in row if name.endswith("_term") and row[name]), None)
    print(" ", row.get("class") or row.get("derived_status") or row.get("clinical_status"), "|", term)
