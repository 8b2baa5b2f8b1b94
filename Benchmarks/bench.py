#!/usr/bin/env python3
"""Runs the benchmark queries with headrace and, where it is installed, with DuckDB, one after the other, and
prints what each costs and how they compare.

usage: bench.py DATA [--format json|csv] [--runs N] [--sink topic|discard] [--durability os|disk]
                [--workers N] [--tiny DATA] [--check] [QUERY...]

DATA holds one folder a table (bid, auction, person, orders, customers) with part files; --tiny a set of a
thousand events of the same shape, whose whole run counts as start-up and is taken off for the steady state.
--check compares the answers with DuckDB's instead of timing: every row, sorted.
HEADRACE names the binary (default: .build/release/headrace).
"""
import argparse
import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BINARY = os.environ.get("HEADRACE", os.path.join(ROOT, ".build/release/headrace"))
QUERIES = ["q0", "q1", "q2", "q3", "q5", "q5h", "q7", "q8", "q11", "q12", "qg", "sj"]
TABLES = {"q3": ["auction", "person"], "q8": ["auction", "person"], "sj": ["orders"]}
COLUMNS = {
    "bid": "auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, "
    "dateTime BIGINT, extra VARCHAR",
    "auction": "id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, "
    "reserve BIGINT, dateTime BIGINT, expires BIGINT, seller BIGINT, category BIGINT, extra VARCHAR",
    "person": "id BIGINT, name VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, city VARCHAR, "
    "state VARCHAR, dateTime BIGINT, extra VARCHAR",
    "orders": "order_id BIGINT, customer_id BIGINT, item VARCHAR, quantity BIGINT, amount BIGINT, "
    "ts BIGINT",
    "customers": "customer_id BIGINT, name VARCHAR, region VARCHAR, tier VARCHAR, updated_at BIGINT",
}
START = "dateTime // 10000 * 10000"
# The batch form of each query. Windows that are still open at the end of the input are not closed by
# headrace (stream time has not passed them), so the check leaves them out on both sides.
DUCKDB = {
    "q0": "SELECT auction, bidder, price, dateTime, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q3": "SELECT p.id, p.name, p.city, p.state, a.id FROM auction a JOIN person p "
    "ON a.seller = p.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')",
    "q5": f"SELECT auction, {START} AS ws, count(*) AS n FROM bid GROUP BY ALL",
    "q5h": "SELECT auction, (dateTime // 2000 - i) * 2000 AS ws, count(*) AS n FROM bid, "
    "range(5) t(i) WHERE dateTime // 2000 >= i GROUP BY ALL",
    "q7": f"SELECT 1 AS one, {START} AS ws, max(price) AS m FROM bid GROUP BY ALL",
    "q8": f"SELECT p.id, p.ws, p.name FROM (SELECT DISTINCT id, name, {START} AS ws FROM person) p "
    f"JOIN (SELECT DISTINCT seller, {START} AS ws FROM auction) a ON p.id = a.seller AND p.ws = a.ws",
    "q11": """SELECT bidder, min(dateTime) AS ws, max(dateTime) AS we, count(*) AS n FROM (
        SELECT *, sum(g) OVER (PARTITION BY bidder ORDER BY dateTime ROWS UNBOUNDED PRECEDING) AS sid
        FROM (SELECT bidder, dateTime, CASE WHEN dateTime - lag(dateTime)
          OVER (PARTITION BY bidder ORDER BY dateTime) > 10000 THEN 1 ELSE 0 END AS g FROM bid))
        GROUP BY bidder, sid""",
    "q12": f"SELECT bidder, {START} AS ws, count(*) AS n FROM bid GROUP BY ALL",
    "qg": "SELECT auction, count(*) AS n FROM bid GROUP BY ALL",
    "sj": "SELECT o.customer_id, o.order_id, o.amount, c.name, c.region, c.tier FROM orders o "
    "LEFT JOIN customers c ON o.customer_id = c.customer_id",
}
# What is asked of headrace's result for the check, in the order of the columns above.
ANSWERS = {
    "q3": "SELECT * FROM q3",
    "q5": "SELECT auction, windowstart, n FROM q5",
    "q5h": "SELECT auction, windowstart, n FROM q5h",
    "q7": "SELECT one, windowstart, m FROM q7",
    "q8": "SELECT id, windowstart, name FROM q8",
    "q11": "SELECT bidder, windowstart, windowend, n FROM q11",
    "q12": "SELECT bidder, windowstart, n FROM q12",
}
# Length of the windows by which the check leaves out what is open at the end; ms.
WINDOWS = {"q5": (1, 10_000), "q5h": (1, 10_000), "q7": (1, 10_000), "q12": (1, 10_000), "q11": (2, 10_000)}

PEER = """
import duckdb, sys
query, target, form, data = sys.argv[1:5]
connection = duckdb.connect()
connection.execute("SET threads = 2; SET preserve_insertion_order = false")
exec(sys.stdin.read())
if target == "-":
    connection.execute(f"CREATE TEMP TABLE sink AS SELECT count(*) FROM (SELECT hash(COLUMNS(*)) FROM ({query}))")
else:
    connection.execute(f"COPY ({query}) TO '{target}' (FORMAT {form})")
"""


def views(data, form):
    lines = []
    for table, columns in COLUMNS.items():
        spec = "{" + ", ".join("'%s': '%s'" % tuple(c.split()) for c in columns.split(", ")) + "}"
        path = f"{data}/{table}/*.{form}"
        if form == "json":
            source = f"read_json('{path}', format = 'newline_delimited', columns = {spec})"
        else:
            source = f"read_csv('{path}', header = false, columns = {spec}, auto_detect = false, delim = ',')"
        lines.append(f'connection.execute("""CREATE VIEW {table} AS SELECT * FROM {source}""")')
    return "\n".join(lines)


def measured(command, stdin=""):
    """Wall seconds, CPU seconds and peak MB of a process from its start to its end."""
    with tempfile.TemporaryFile() as text:
        text.write(stdin.encode())
        text.seek(0)
        start = time.monotonic()
        process = subprocess.Popen(
            command, stdin=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed: {errors.decode()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def headrace(query, data, options, statements=(), output="csv"):
    command = [BINARY, "run", "--output", output, "--workers", str(options.workers)]
    form = "JSON" if options.format == "json" else "DELIMITED"
    for name, value in (("data", data), ("suffix", options.format), ("format", form)):
        command += ["--define", f"{name}={value}"]
    with open(os.path.join(HERE, "queries", query + ".sql")) as file:
        text = file.read()
    if options.sink == "discard":
        text = "SET 'headrace.sink' = 'discard';\n" + text
    command.append("--command=" + text)
    for statement in statements:
        command.append("--command=" + statement)
    return command


def run_headrace(query, data, options):
    directory = tempfile.mkdtemp(prefix="headrace-bench-", dir=options.scratch)
    try:
        command = headrace(query, data, options)
        command[2:2] = ["--data", directory + "/data", "--durability", options.durability]
        return measured(command)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run_duckdb(query, data, options):
    directory = tempfile.mkdtemp(prefix="headrace-bench-", dir=options.scratch)
    try:
        target = "-" if options.sink == "discard" else f"{directory}/result.{options.format}"
        return measured(
            [sys.executable, "-c", PEER, DUCKDB[query], target, options.format, data],
            views(data, options.format))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def count(data, query, form):
    total = 0
    for table in TABLES.get(query, ["bid"]):
        for path in glob.glob(f"{data}/{table}/*.{form}"):
            with open(path, "rb") as file:
                while block := file.read(1 << 24):
                    total += block.count(b"\n")
    return total


def compare(options, has_duckdb):
    title = f"{'query':5} {'records':>9} | {'headrace rec/s':>14} {'steady':>11} {'CPU us':>7} {'MB':>5}"
    if has_duckdb:
        title += f" | {'DuckDB rec/s':>13} {'steady':>11} {'CPU us':>7} {'MB':>5} | {'whole':>6} {'steady':>6}"
    print(title)
    for query in options.queries:
        records = count(options.data, query, options.format)
        engines = [("headrace", run_headrace)] + ([("DuckDB", run_duckdb)] if has_duckdb else [])
        runs = {name: [] for name, _ in engines}
        starts = {name: [] for name, _ in engines}
        for _ in range(options.runs):
            for name, run in engines:
                if options.tiny:
                    starts[name].append(run(query, options.tiny, options)[0])
                runs[name].append(run(query, options.data, options))
        line = f"{query:5} {records:>9} |"
        rates = {}
        for name, _ in engines:
            wall = statistics.median(r[0] for r in runs[name])
            cpu = statistics.median(r[1] for r in runs[name])
            peak = max(r[2] for r in runs[name])
            start = statistics.median(starts[name]) if starts[name] else 0
            steady = max(wall - start, 1e-3)
            rates[name] = (records / wall, records / steady)
            width = 14 if name == "headrace" else 13
            line += (
                f" {records / wall:>{width},.0f} {records / steady:>11,.0f} {cpu / records * 1e6:>7.2f}"
                f" {peak:>5.0f}" + (" |" if has_duckdb else ""))
        if has_duckdb:
            whole = rates["headrace"][0] / rates["DuckDB"][0]
            steady = rates["headrace"][1] / rates["DuckDB"][1]
            line += f" {whole:>5.2f}x {steady:>5.2f}x"
        print(line, flush=True)


def normal(value):
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if isinstance(value, (int, float)) or hasattr(value, "as_tuple"):
        return f"{float(value):.6f}"
    return str(value)


def check(options):
    """Every row of each answer against DuckDB's."""
    import csv
    import duckdb

    connection = duckdb.connect()
    exec(views(options.data, options.format))
    wrong = 0
    for query in options.queries:
        answer = ANSWERS.get(query, f"SELECT * FROM {query}")
        options.sink = "topic"
        result = subprocess.run(
            headrace(query, options.data, options, [answer + ";"]), capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{query}: {result.stderr[-2000:]}")
        ours = [[normal(v) for v in row] for row in list(csv.reader(result.stdout.splitlines()))[1:]]
        theirs = [[normal(v) for v in row] for row in connection.execute(DUCKDB[query]).fetchall()]
        if query in WINDOWS:
            place, length = WINDOWS[query]
            last = connection.execute("SELECT max(dateTime) FROM bid").fetchone()[0]
            closed = (lambda row: float(row[place]) + length <= last) if query != "q11" else (
                lambda row: float(row[place]) + length < last)
            theirs = [row for row in theirs if closed(row)]
            ours = [row for row in ours if closed(row)]
        same = sorted(ours) == sorted(theirs)
        print(f"{query}: {len(ours)} rows, {'equal' if same else 'DIFFERENT'}", flush=True)
        if not same:
            wrong += 1
            a, b = set(map(tuple, ours)), set(map(tuple, theirs))
            print("  only headrace:", sorted(a - b)[:3], "\n  only DuckDB:", sorted(b - a)[:3])
    sys.exit(1 if wrong else 0)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("data")
    parser.add_argument("queries", nargs="*", metavar="QUERY")
    parser.add_argument("--format", choices=["json", "csv"], default="json")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sink", choices=["topic", "discard"], default="topic")
    parser.add_argument("--durability", choices=["os", "disk"], default="os")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tiny")
    parser.add_argument("--scratch", help="where data directories and results go (default: the temporary directory)")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    options.queries = options.queries or QUERIES
    if unknown := set(options.queries) - set(QUERIES):
        sys.exit(f"unknown query {sorted(unknown)[0]}; there are {' '.join(QUERIES)}")
    if options.check:
        return check(options)
    try:
        import duckdb

        version = duckdb.__version__
    except ImportError:
        version = None
    print(f"{options.format}, sink {options.sink}, durability {options.durability}, "
          f"{options.workers} workers, medians of {options.runs}; DuckDB {version or 'not installed'}")
    compare(options, version is not None)


main()
