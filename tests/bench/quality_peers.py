"""The peers of the quality benchmark, each in an environment of its own: ``quality_peers.py PEER TABLE``.

Every peer reads the same Parquet file and checks the rules of ``quality_rules``; what it prints last is one JSON line with
seconds, CPU seconds, peak memory and the broken rows that it found, by rule. Repeated values are counted
differently by everybody and left out of the comparison.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from quality_rules import COLUMNS, DAY, RULES, TODAY, name_of, predicate

PICKED = list(COLUMNS)
ROW_RULES = [rule for rule in RULES if rule[0] != "duplicate"]
Figure = dict[str, int] | None


def great_expectations(path: str) -> Figure:
    """Expectations on a pandas frame; what compares columns is computed beforehand."""
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd

    frame = pd.read_parquet(path, columns=PICKED)
    frame["income"] = pd.to_numeric(frame["income"], errors="coerce")
    number = frame["citizen_id"].where(frame["citizen_id"].str.match(r"[1-9][0-9]{16}[0-9X]\Z", na=False))
    frame["id_birth"], frame["birth8"] = number.str[6:14], frame["birth_date"].str.replace("-", "")
    for name in ("birth_date", "changed_date"):
        valid = frame[name].str.match(DAY + r"\Z", na=False) | frame[name].isna()
        frame[f"{name}_n"] = pd.to_numeric(frame[name].where(valid, "0").str.replace("-", ""))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("t")
    batch = asset.add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name="s")
    for kind, (x, *_rest), options in RULES:
        one: Any = {
            "missing": lambda x, o: gxe.ExpectColumnValuesToNotBeNull(column=x),
            "format": lambda x, o: gxe.ExpectColumnValuesToMatchRegex(column=x, regex=f"^(?:{o['pattern']})\\Z"),
            "code": lambda x, o: gxe.ExpectColumnValuesToBeInSet(column=x, value_set=list(o["codes"])),
            "length": lambda x, o: gxe.ExpectColumnValueLengthsToBeBetween(column=x, min_value=o["least"], max_value=o["most"]),
            "number_range": lambda x, o: gxe.ExpectColumnValuesToBeBetween(column=x, min_value=o["least"], max_value=o["most"]),
            "date_range": lambda x, o: gxe.ExpectColumnValuesToBeBetween(
                column=f"{x}_n", min_value=int(o["first"].replace("-", "")), max_value=int(TODAY.replace("-", ""))
            ),
            "consistent": lambda x, o: gxe.ExpectColumnPairValuesToBeEqual(
                column_A="id_birth", column_B="birth8", ignore_row_if="either_value_is_missing"
            ),
            "duplicate": lambda x, o: gxe.ExpectColumnValuesToBeUnique(column=x),
        }[kind](x, options)
        suite.add_expectation(one)
    found = batch.validate(suite, result_format="BASIC").results
    failed = [r.exception_info for r in found if "unexpected_count" not in r.result]
    assert len(found) == len(RULES) and not failed, failed[:1]
    return None


def soda(path: str) -> Figure:
    """Soda's own checks where it has one, its failed rows by condition for the rest; DuckDB beneath."""
    import duckdb
    from soda.scan import Scan

    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW citizens AS SELECT * FROM read_parquet('{path}')")
    lines = ["checks for citizens:"]
    for rule in RULES:
        kind, (x, *_rest), options = rule
        if kind == "missing":
            lines.append(f"  - missing_count({x}) = 0")
        elif kind == "duplicate":
            lines.append(f"  - duplicate_count({x}) = 0")
        elif kind == "code":
            lines += [f"  - invalid_count({x}) = 0:", f"      valid values: {json.dumps(list(options['codes']))}"]
        elif kind == "length":
            least, most = options["least"], options["most"]
            lines += [f"  - invalid_count({x}) = 0:", f"      valid min length: {least}", f"      valid max length: {most}"]
        elif kind == "format":
            pattern = json.dumps(f"^(?:{options['pattern']})$")
            lines += [f"  - invalid_count({x}) = 0:", f"      name: {x} format", f"      valid regex: {pattern}"]
        else:
            label = name_of(rule).replace(".", "_").replace("+", "_")
            metric = f"broken_{label}"
            lines += [f"  - {metric} = 0:", f"      {metric} expression: count(CASE WHEN NOT {json.dumps(predicate(rule))[1:-1]} THEN 1 END)"]
    scan = Scan()
    scan.disable_telemetry()
    scan.add_duckdb_connection(connection, data_source_name="d")
    scan.set_data_source_name("d")
    scan.add_sodacl_yaml_str("\n".join(lines))
    scan.execute()
    checks = scan.get_scan_results()["checks"]
    assert len(checks) == len(RULES), scan.get_logs_text()
    assert all(check["outcome"] for check in checks), scan.get_logs_text()
    return None


def cuallee(path: str) -> Figure:
    """Predicates in DuckDB."""
    import duckdb
    from cuallee import Check, CheckLevel

    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW citizens AS SELECT * FROM read_parquet('{path}')")
    check = Check(CheckLevel.WARNING, "c", table_name="citizens")
    for rule in RULES:
        if rule[0] == "missing":
            check.is_complete(rule[1][0])
        elif rule[0] == "duplicate":
            check.is_unique(rule[1][0])
        else:
            check.satisfies(rule[1][0], predicate(rule))
    found = check.validate(connection)
    counts = [int(n) for n in found["violations"]]
    assert len(counts) == len(RULES)
    return _named(counts)


def pointblank(path: str) -> Figure:
    """Validation steps on a Polars frame."""
    import pointblank as pb
    import polars as pl

    frame = pl.read_parquet(path, columns=PICKED).with_columns(pl.col("income").cast(pl.Float64, strict=False))
    steps = pb.Validate(data=frame)
    for kind, (x, *_rest), o in RULES:
        if kind == "missing":
            steps = steps.col_vals_not_null(columns=x)
        elif kind == "duplicate":
            steps = steps.rows_distinct(columns_subset=x)
        elif kind == "format":
            steps = steps.col_vals_regex(columns=x, pattern=f"^(?:{o['pattern']})$", na_pass=True)
        elif kind == "code":
            steps = steps.col_vals_in_set(columns=x, set=[*o["codes"], None])
        elif kind == "number_range":
            steps = steps.col_vals_between(columns=x, left=o["least"], right=o["most"], na_pass=True)
        else:
            steps = steps.col_vals_expr(expr=_polars(kind, x, o))
    failed = steps.interrogate(collect_extracts=False).n_failed()
    return _named([int(failed[i + 1]) for i in range(len(RULES))])


def pandera(path: str) -> Figure:
    """A schema on a Polars frame, all failures collected."""
    import pandera.polars as pa
    import polars as pl

    frame = pl.read_parquet(path, columns=PICKED).with_columns(pl.col("income").cast(pl.Float64, strict=False))
    checks: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for kind, (x, *_rest), o in RULES:
        if kind == "format":
            checks[x].append(pa.Check.str_matches(f"^(?:{o['pattern']})$"))
        elif kind == "code":
            checks[x].append(pa.Check.isin(list(o["codes"])))
        elif kind == "length":
            checks[x].append(pa.Check.str_length(o["least"], o["most"]))
        elif kind == "number_range":
            checks[x].append(pa.Check.in_range(o["least"], o["most"]))
        elif kind == "date_range":
            checks[x].append(pa.Check(lambda data, k=kind, x=x, o=o: data.lazyframe.select(_polars(k, x, o))))
    filled = {rule[1][0] for rule in RULES if rule[0] == "missing"}
    unique = {rule[1][0] for rule in RULES if rule[0] == "duplicate"}
    kinds = {name: pl.Float64 if name == "income" else pl.String for name in COLUMNS}
    columns = {
        name: pa.Column(kinds[name], checks[name], nullable=name not in filled, unique=name in unique) for name in COLUMNS
    }
    agree = pa.Check(lambda data: data.lazyframe.select(_polars("consistent", "citizen_id", {})))
    try:
        pa.DataFrameSchema(columns, checks=agree).validate(frame, lazy=True)
        raise AssertionError("nothing found")
    except pa.errors.SchemaErrors as error:
        assert len(error.failure_cases)
    return None


def ydata_profiling(path: str) -> Figure:
    """The report of a pandas frame, in its minimal form (the full one does not bear these rows)."""
    import pandas as pd
    from ydata_profiling import ProfileReport

    report = ProfileReport(pd.read_parquet(path, columns=PICKED), minimal=True, progress_bar=False)
    assert report.get_description().variables
    return None


def _polars(kind: str, x: str, o: dict[str, Any]) -> Any:
    """What a row fulfils that keeps the rule, missing values too."""
    import polars as pl

    column = pl.col(x)
    if kind == "length":
        good = column.str.len_chars().is_between(o["least"], o["most"])
    elif kind == "date_range":
        good = column.str.contains(f"^{DAY}$") & column.is_between(pl.lit(o["first"]), pl.lit(TODAY))
    else:
        shape = column.str.contains("^[1-9][0-9]{16}[0-9X]$")
        good = ~shape | (pl.col("birth_date").str.replace_all("-", "") == column.str.slice(6, 8))
    return good.fill_null(True)


def _named(counts: list[int]) -> dict[str, int]:
    pairs = zip(RULES, counts, strict=True)
    return {name_of(rule): count for rule, count in pairs if rule[0] != "duplicate" and count}


MODULES = {
    "great_expectations": ("great_expectations", "great_expectations.expectations", "pandas"),
    "soda": ("duckdb", "soda.scan"),
    "cuallee": ("duckdb", "cuallee", "cuallee.duckdb_validation"),
    "pointblank": ("pointblank", "polars"),
    "pandera": ("pandera.polars", "polars"),
    "ydata_profiling": ("pandas", "ydata_profiling"),
}
"""What each loads before the clock starts."""
PEERS: dict[str, Callable[[str], Figure]] = {
    f.__name__: f for f in (great_expectations, soda, cuallee, pointblank, pandera, ydata_profiling)
}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run one peer."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    peer, path = sys.argv[1:]
    for module in MODULES[peer]:
        importlib.import_module(module)
    began, used = time.perf_counter(), _cpu()
    figure = PEERS[peer](path)
    seconds, cpu = time.perf_counter() - began, _cpu() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, "figure": figure}) + "\n")


if __name__ == "__main__":
    main()
