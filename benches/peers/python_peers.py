"""Times what Python has for it: `python_peers.py FILE SECONDS`. One JSON line for each peer:
{"peer": NAME, "seconds": [...], "error": null}."""

import gc
import json
import sys
import time

import duckdb
import orjson
import polars
from fhir.resources.STU3.bundle import Bundle
from pydantic import ValidationError

import walk

TURNS = 3
SELECTS = {
    "MedicationStatement": """id, status, medicationReference.reference, effectivePeriod.start,
        effectivePeriod.end, dosage[0].text, basedOn[0].reference""",
    "AllergyIntolerance": "id, clinicalStatus, verificationStatus, code.text, onsetDateTime, assertedDate",
    "Condition": "id, clinicalStatus, code.text, onsetDateTime, abatementDateTime, assertedDate",
}

TEXTS = "resourceType id status clinicalStatus verificationStatus onsetDateTime abatementDateTime assertedDate"
REFERENCE = polars.Struct({"reference": polars.String})
RESOURCE = polars.Struct(
    dict.fromkeys(TEXTS.split(), polars.String)
    | {
        "medicationReference": REFERENCE,
        "effectivePeriod": polars.Struct({"start": polars.String, "end": polars.String}),
        "basedOn": polars.List(REFERENCE),
        "dosage": polars.List(polars.Struct({"text": polars.String})),
    }
)
POLARS_SCHEMA = {"entry": polars.List(polars.Struct({"resource": RESOURCE}))}


def orjson_walk(file, bytes):
    return walk.tables(orjson.loads(bytes))


def json_walk(file, bytes):
    return walk.tables(json.loads(bytes))


def duckdb_read_json(file, bytes):
    """Three tables by paths into each resource; no reference is followed."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(
        """create temp table resources as select unnest(entry).resource as r from read_json(?,
        columns = {entry: 'STRUCT(resource JSON)[]'}, maximum_object_size = 1000000000)""",
        [file],
    )
    tables = []
    for kind, paths in SELECTS.items():
        columns = ", ".join(f"r ->> '$.{path.strip()}' as c{number}" for number, path in enumerate(paths.split(",")))
        query = f"select {columns} from resources where r ->> '$.resourceType' = '{kind}'"
        tables.append(connection.sql(query).to_arrow_table())
    return tables


def polars_read_json(file, bytes):
    """Three frames of what has one type in every resource; `code` has not, and types cannot be guessed."""
    resources = polars.read_json(bytes, schema=POLARS_SCHEMA).select(
        polars.col("entry").explode().struct.field("resource").struct.unnest()
    )
    return [resources.filter(polars.col("resourceType") == kind) for kind in SELECTS]


def fhir_resources(file, bytes):
    """Bundles of real systems break its patterns; what it cost to find out is told all the same."""
    try:
        return Bundle.model_validate_json(bytes)
    except ValidationError as refused:
        return refused


PEERS = {
    "orjson + walk to pyarrow": orjson_walk,
    "json + walk to pyarrow": json_walk,
    "DuckDB read_json": duckdb_read_json,
    "polars read_json": polars_read_json,
    "fhir.resources parse": fhir_resources,
}


def main(file, seconds):
    with open(file, "rb") as opened:
        bytes = opened.read()
    for name, work in PEERS.items():
        times, error = timed(work, file, bytes, float(seconds))
        print(json.dumps({"peer": name, "seconds": times, "error": error}), flush=True)


def timed(work, file, bytes, seconds):
    times, end = [], time.perf_counter() + seconds
    # One unmeasured turn: imports and first-time tables are not the bundle's.
    try:
        work(file, bytes)
        while len(times) < TURNS or time.perf_counter() < end:
            gc.collect()
            begun = time.perf_counter()
            made = work(file, bytes)
            times.append(time.perf_counter() - begun)
            del made
    except Exception as error:  # a peer that refuses a file says so in the table
        return times, f"{type(error).__name__}: {error}".splitlines()[0][:100]
    return times, None


if __name__ == "__main__":
    main(*sys.argv[1:])
