#!/usr/bin/env python3
"""Reads sealed tables with pyarrow, and with Polars where it is installed: values equal with key and AAD prefix,
refused without either.

Needs pyarrow (`python3 -m venv VENV && VENV/bin/pip install pyarrow polars`) and cargo. Run from the repository:
`VENV/bin/python crates/cache/tests/read_sealed.py`. Exit status 0 when every check held.
"""

import base64
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

import warnings

import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

try:
    import polars
except ImportError:
    polars = None

EPOCH = datetime.date(1970, 1, 1)


def seal(directory):
    command = ["cargo", "run", "--quiet", "-p", "bedside-cache", "--example", "seal_for_readers", "--", directory]
    repository = pathlib.Path(__file__).resolve().parents[3]
    return json.loads(subprocess.run(command, cwd=repository, check=True, stdout=subprocess.PIPE).stdout)


def read_by_pyarrow(table, key=None, aad_prefix=None):
    if key is None:
        return pq.ParquetFile(table["path"]).read()
    properties = pe.create_decryption_properties(footer_key=key, aad_prefix=aad_prefix)
    return pq.ParquetFile(table["path"], decryption_properties=properties).read()


def read_by_polars(table, key=None, aad_prefix=None):
    if key is None:
        return polars.read_parquet(table["path"]).to_arrow()
    with warnings.catch_warnings():
        # Polars calls the class unstable.
        warnings.simplefilter("ignore")
        properties = polars.ParquetDecryptionProperties(footer_key=key, aad_prefix=aad_prefix)
    return polars.read_parquet(table["path"], decryption=properties).to_arrow()


READERS = {"pyarrow": read_by_pyarrow} | ({"polars": read_by_polars} if polars else {})


def plain(value):
    """A value as the sealing program prints it: a day as a number."""
    if isinstance(value, datetime.date):
        return (value - EPOCH).days
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def refused(read, what, table, **arguments):
    try:
        read(table, **arguments)
    except Exception:  # every reader has its own
        return 1
    sys.exit(f"{table['table']}: read {what}")


def check(read, table, others):
    key, aad_prefix = base64.b64decode(table["key"]), table["aad_prefix"].encode()
    frame = read(table, key=key, aad_prefix=aad_prefix)
    found = {name: plain(frame.column(name).to_pylist()) for name in frame.column_names}
    if frame.num_rows != table["rows"] or found != table["columns"]:
        sys.exit(f"{table['table']}: values differ")
    raw = pathlib.Path(table["path"]).read_bytes()
    if b"Canarizine" in raw or b"entry_index" in raw:
        sys.exit(f"{table['table']}: a value or a column's name stands in the file in clear")
    checks = refused(read, "without a key", table)
    checks += refused(read, "with a wrong key", table, key=bytes(32), aad_prefix=aad_prefix)
    checks += refused(read, "without an AAD prefix", table, key=key)
    for other in others:
        prefix = other["aad_prefix"].encode()
        checks += refused(read, f"as {other['table']}", table, key=key, aad_prefix=prefix)
    other_generation = table["aad_prefix"].replace("|1|", "|2|", 1).encode()
    checks += refused(read, "as another generation", table, key=key, aad_prefix=other_generation)
    return 1 + checks


def main():
    with tempfile.TemporaryDirectory() as directory:
        tables = seal(directory)
        if len(tables) != 9:
            sys.exit(f"{len(tables)} tables were sealed, not nine")
        for name, read in READERS.items():
            checks = sum(check(read, table, [other for other in tables if other is not table]) for table in tables)
            print(f"{name} read {len(tables)} sealed tables and was refused where it must be: {checks} passed, 0 failed")


if __name__ == "__main__":
    main()
