"""Lists the latest issue of each drug with DuckDB, from standard input.

bedside show EPISODE --table medication_issues --format arrow --reader reader.json | python3 issues_in_duckdb.py

Needs duckdb and pyarrow.
"""

import sys

import duckdb
import pyarrow.ipc

issues = pyarrow.ipc.open_stream(sys.stdin.buffer).read_all()
print(
    duckdb.sql(
        """
        select medication_term, max(issued_from) as latest, count(*) as issues
        from issues where status is distinct from 'stopped'
        group by medication_term order by latest desc
        """
    )
)
