"""Lists active allergies with pandas, from standard input, below what must be known of the list.

bedside show EPISODE --table allergies --format arrow --reader reader.json | python3 allergies_in_pandas.py

Needs pandas and pyarrow. Arrow's types are kept: pandas's own would make floats of whole numbers that may be absent.
"""

import sys

import pandas
import pyarrow.ipc

table = pyarrow.ipc.open_stream(sys.stdin.buffer).read_all()
print(table.schema.metadata[b"bedside.section.allergies"].decode())
allergies = table.to_pandas(types_mapper=pandas.ArrowDtype)
active = allergies[allergies["derived_status"] == "active"]
print(active[["allergy_term", "asserted_from"]].to_string(index=False))
