#!/usr/bin/env python3
"""How the work of each operator and aggregate grows with the number of changes: instructions, counted by callgrind, for
n, 2n and 4n of them. What a change costs may grow with the logarithm of what is held, not with it: twice as many
changes take about twice the work. A ratio of the two increases above the bound is a finding.

usage: scaling.py [--sample N] [--seed N] [CASE...]

--sample: so many cases, drawn with the seed (default: the day). HEADRACE names the binary.
"""
import datetime
import os
import random
import subprocess
import sys
import tempfile

import instructions

# Fewer end within one epoch, which writes a state once: what is compared would be one epoch with several.
SIZE = 3000
# Of cases whose changes each take so much that it does not matter how often a state is written.
SMALL = 1000
# 2 is linear, 4 quadratic; n log n and growing tables lie between.
BOUND = 2.7

TABLE = ("CREATE TABLE t (k BIGINT PRIMARY KEY, v INT, d DOUBLE, s STRING, o BIGINT) WITH "
         "(KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS={p});\n")
STREAM = ("CREATE STREAM s (k BIGINT KEY, v INT, d DOUBLE, s STRING, o BIGINT) WITH "
          "(KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS={p});\n")
ONE = ("CREATE TABLE one (k BIGINT PRIMARY KEY, v INT, d DOUBLE, s STRING, o BIGINT) WITH "
       "(KAFKA_TOPIC='one', VALUE_FORMAT='JSON', PARTITIONS=1);\n")

AGGREGATES = [
    "COUNT(*)", "COUNT(v)", "SUM(v)", "SUM(d / 1000)", "AVG(v)", "MIN(v)", "MAX(v)", "MIN(s)", "MAX(d)", "TOPK(v, 3)", "TOPK(v, s, 3)",
    "TOPKDISTINCT(v, 3)", "COUNT_DISTINCT(v)", "LATEST_BY_OFFSET(v)", "LATEST_BY_OFFSET(v, 3)", "EARLIEST_BY_OFFSET(v)",
    "EARLIEST_BY_OFFSET(v, 3)", "ATTR(v)", "HISTOGRAM(CAST(v % 20 AS STRING))", "COLLECT_SET(v % 20)", "STDDEV_SAMP(v)",
    "CORRELATION(v, d)", "COUNT(DISTINCT v)", "SUM(DISTINCT v)", "COUNT(DISTINCT s)",
    # A list or a text of all rows grows with them, and so does each of its results.
    "COUNT(*) FILTER (WHERE v > 5)", "SUM(DISTINCT v) FILTER (WHERE v > 5)", "BOOL_OR(v > 5)", "BIT_AND(v)", "VAR_POP(d)",
    "CORR(v, d)", "MEDIAN(v)", "PERCENTILE_DISC(v, 0.9)", "PERCENTILE_DISC(s, 0.9)", "APPROX_PERCENTILE(d, 0.9)", "MODE(v)",
    "MAX_BY(s, v)", "MIN_BY(v, s)",
]


def cases():
    """Name: statements before the data, and what is loaded: (source, keys of n, times each); n, where it is not SIZE."""
    found = {}
    for call in AGGREGATES:
        found[f"table {call}"] = (
            TABLE + f"CREATE TABLE q AS SELECT 1 AS g, {call} AS r FROM t GROUP BY 1;", [("t", "all", 2)])
        found[f"stream {call}"] = (
            STREAM + f"CREATE TABLE q AS SELECT v % 3 AS g, {call} AS r FROM s GROUP BY v % 3;", [("s", "all", 1)])
    windows = {"tumbling": "TUMBLING (SIZE 1 SECOND)", "hopping": "HOPPING (SIZE 2 SECONDS, ADVANCE BY 1 SECOND)",
               "session": "SESSION (1 SECOND)"}
    for name, window in windows.items():
        for emit in ("", " EMIT FINAL"):
            found[f"{name}{emit}"] = (
                STREAM + f"CREATE TABLE q AS SELECT k, COUNT(*) AS r FROM s WINDOW {window} GROUP BY k{emit};", [("s", "all", 1)])
    found["foreign key, the right row as before"] = (
        TABLE + ONE + "CREATE TABLE q AS SELECT t.k, t.v, one.v FROM t JOIN one ON t.o = one.k;", [("t", "all", 1), ("one", "one", 1)])
    found["foreign key, the left rows"] = (
        ONE + TABLE + "CREATE TABLE q AS SELECT t.k, t.v, one.v FROM t JOIN one ON t.o = one.k;", [("one", "one", 1), ("t", "all", 2)])
    found["table-table"] = (
        TABLE + ONE + "CREATE TABLE q AS SELECT t.k, t.v, one.v FROM t LEFT JOIN one ON t.k = one.k;", [("t", "all", 1), ("one", "all", 2)])
    found["stream-table"] = (
        STREAM + ONE + "CREATE STREAM q AS SELECT s.k, s.v, one.v FROM s JOIN one ON s.k = one.k;", [("one", "all", 1), ("s", "all", 1)])
    found["stream-stream"] = (
        STREAM + STREAM.replace("STREAM s ", "STREAM r ").replace("'s'", "'r'")
        + "CREATE STREAM q AS SELECT s.k, s.v, r.v FROM s LEFT JOIN r WITHIN 1 DAY ON s.k = r.k;", [("s", "all", 1), ("r", "all", 1)])
    found["filter of a table"] = (TABLE + "CREATE TABLE q AS SELECT * FROM t WHERE v % 2 = 0;", [("t", "all", 2)])
    found["partition by"] = (STREAM + "CREATE STREAM q AS SELECT * FROM s PARTITION BY v;", [("s", "all", 1)])
    found["explode"] = (STREAM + "CREATE STREAM q AS SELECT k, EXPLODE(ARRAY[v, v + 1]) AS e FROM s;", [("s", "all", 1)])
    return found | over_cases() | row_cases()


def over_cases():
    """Ranks and frames. Those over a table are worked out over a whole partition at each change: here one of two rows."""
    found = {}
    few, pairs = "PARTITION BY v % 3", "PARTITION BY k / 2"
    for name, over in {
            "ROWS": f"SUM(v) OVER ({few} ORDER BY ROWTIME ROWS 9 PRECEDING)",
            "RANGE": f"AVG(v) OVER ({few} ORDER BY ROWTIME RANGE BETWEEN 1 SECOND PRECEDING AND CURRENT ROW)",
            "a running total": f"SUM(v) OVER ({few} ORDER BY ROWTIME)",
            # Each row changes the one before it, as a row out of order does.
            "LEAD": f"LEAD(v) OVER ({few} ORDER BY ROWTIME)"}.items():
        found[f"over a stream, {name}"] = (
            STREAM + f"CREATE STREAM q AS SELECT k, {over} AS r FROM s;", [("s", "all", 1)], SMALL if name == "LEAD" else SIZE)
    for name, over in {
            "ROWS": f"SUM(v) OVER ({pairs} ORDER BY v ROWS 2 PRECEDING)",
            "RANK": f"RANK() OVER ({pairs} ORDER BY v)"}.items():
        found[f"over a table, {name}"] = (
            TABLE + f"CREATE TABLE q AS SELECT k, {over} AS r FROM t;", [("t", "all", 1)], SMALL if name == "ROWS" else SIZE)
    number = "ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {} DESC)"
    found["top of a stream"] = (
        STREAM + f"CREATE TABLE q AS SELECT o, v, {number.format('o', 'd')} AS n FROM s QUALIFY n <= 10;", [("s", "all", 1)])
    found["top of a table"] = (
        TABLE + f"CREATE TABLE q AS SELECT k, v, {number.format('o', 'd')} AS n FROM t QUALIFY n <= 10;", [("t", "all", 1)])
    found["deduplication"] = (
        STREAM + f"CREATE TABLE q AS SELECT k, v FROM s QUALIFY {number.format('k', 'ROWTIME')} = 1;", [("s", "all", 2)])
    found["first rows of a table"] = (TABLE + "CREATE TABLE q AS SELECT k, v FROM t ORDER BY v DESC LIMIT 10;", [("t", "all", 1)])
    return found


def row_cases():
    """Sets of whole rows, and queries in other queries."""
    found = {}
    both = [("t", "all", 1), ("one", "all", 1)]
    for word in ("UNION", "INTERSECT", "EXCEPT"):
        found[f"{word.lower()} of tables"] = (
            TABLE + ONE + f"CREATE TABLE q AS SELECT k, v FROM t {word} SELECT k, v FROM one;", both)
    found["distinct rows of a stream"] = (STREAM + "CREATE STREAM q AS SELECT DISTINCT k, v % 100 AS r FROM s;", [("s", "all", 1)])
    found["grouping sets"] = (
        TABLE + "CREATE TABLE q WITH (KEY_FORMAT='JSON') AS SELECT v % 3 AS g, v % 5 AS h, COUNT(*) AS n, SUM(v) AS r FROM t "
        "GROUP BY GROUPING SETS ((v % 3, v % 5), (v % 5), ());", [("t", "all", 2)])
    for word in ("IN", "NOT IN"):
        found[f"{word} of tables"] = (
            TABLE + ONE + f"CREATE TABLE q AS SELECT k, v FROM t WHERE k {word} (SELECT k FROM one WHERE v % 2 = 0);", both)
    found["unnest"] = (STREAM + "CREATE STREAM q AS SELECT k, e FROM s CROSS JOIN UNNEST(ARRAY[v, v + 1]) AS e;", [("s", "all", 1)])
    return found


def write(path, count, which, times):
    with open(path, "w") as file:
        for n in range(count * times):
            key = n % count if which == "all" else 0
            value = (n * 7919) % count if which == "all" else 7
            time = 1_600_000_000_000 + n * 10
            file.write('{"K":%d,"V":%d,"D":%d.5,"S":"%d","O":0,"ROWTIME":%d}\n' % (key, value, value, value, time))


def measured(statements, loads, count, folder, binary):
    text = statements.replace("{p}", "1") + "\n"
    for number, (source, which, times) in enumerate(loads):
        path = f"{folder}/{number}.json"
        write(path, count, which, times)
        text += f"COPY {source} FROM '{path}';\nSELECT COUNT(*) FROM q;\n"
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, "run", "--workers", "1", "--command=" + text],
        capture_output=True, text=True)
    for line in result.stderr.splitlines():
        if "Collected :" in line and result.returncode == 0:
            return int(line.split(":")[1].split()[0])
    sys.exit(f"{text}\n{result.stderr[-1500:]}")


def main():
    arguments = sys.argv[1:]

    def option(name, standard):
        if name not in arguments:
            return standard
        place = arguments.index(name)
        value = int(arguments[place + 1])
        del arguments[place:place + 2]
        return value

    sample = option("--sample", 0)
    seed = option("--seed", datetime.date.today().toordinal())
    known = cases()
    wanted = [name for name in known if not arguments or any(word in name for word in arguments)]
    if sample:
        wanted = sorted(random.Random(seed).sample(wanted, min(sample, len(wanted))))
    above = 0
    with tempfile.TemporaryDirectory() as folder:
        binary = instructions.stripped(folder)
        for name in wanted:
            statements, loads, *own = known[name]
            size = own[0] if own else SIZE
            small, middle, large = (measured(statements, loads, size * factor, folder, binary) for factor in (1, 2, 4))
            ratio = (large - middle) / max(1, middle - small)
            verdict = "  ABOVE" if ratio > BOUND else ""
            above += ratio > BOUND
            print(f"{name:40} {(large - middle) // (2 * size):>8} instructions a change, growing by {ratio:.2f}{verdict}", flush=True)
    print(f"{len(wanted)} cases, {above} above {BOUND}")
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
