"""Ask `bedside serve` for a table over its Unix socket, and query the stream with pyarrow, pandas, Polars and DuckDB:

    bedside serve --socket serve.sock &
    python3 examples/served_table.py serve.sock EP-2026-0002 medication_issues < reader.json

The record stays in memory: what is written to a file is no longer sealed and does not end with the episode.
"""

import http.client
import socket
import sys
from urllib.parse import quote

import duckdb
import pandas
import polars
import pyarrow

ARROW = "application/vnd.apache.arrow.stream"


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("bedside")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


def main() -> None:
    path, episode, table = sys.argv[1:]
    connection = UnixConnection(path)
    url = f"/v1/episodes/{quote(episode, safe='')}/tables/{table}"
    connection.request("POST", url, body=sys.stdin.buffer.read(), headers={"Accept": ARROW})
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"{answer.status}: {answer.read().decode()}")
    rows = pyarrow.ipc.open_stream(answer).read_all()

    # Before anything is said of the rows: what may be concluded of them.
    for key, value in sorted(rows.schema.metadata.items()):
        print(f"{key.decode()}: {value.decode()}")
    print(f"pyarrow: {rows.num_rows} rows")
    print(f"pandas: {len(rows.to_pandas(types_mapper=pandas.ArrowDtype))} rows")
    print(f"Polars: {polars.from_arrow(rows).height} rows")
    print(f"DuckDB: {duckdb.sql('select count(*) from rows').fetchall()[0][0]} rows")


if __name__ == "__main__":
    main()
