"""One query, asked in every way: as a pull query, as a push query, as a persistent query, over one partition and over
eight, over a stream and over a table of the same rows. With distinct times of the rows the answers must be the same.
The data is made of what is equal in one way and different in another: texts in several Unicode forms, signed zeros,
NaN, the ends of INT, BIGINT and DECIMAL, empty texts, NULLs in every column.

Used by Scripts/differential --modes N.
"""
import json
import random
import subprocess
from collections import Counter

QUERIES_A_WORLD = 10
TEXTS = ["caf\u00e9", "cafe\u0301", "K", "\u212a", "", "a", "A", "0", "-0", "NaN", "null", "\u00e9", "e\u0301", "\U0001f600", "x y"]
DOUBLES = ["0e0", "-0e0", "CAST('NaN' AS DOUBLE)", "1e0", "-1.5e0", "1.7976931348623157e308", "4.9e-324", "1e15", "2147483647e0"]
INTS = ["0", "1", "-1", "2147483647", "-2147483647", "7", "7"]
BIGINTS = ["0", "1", "-1", "9223372036854775807", "-9223372036854775807", "2147483648", "7"]
DECIMALS = ["0.00", "1.00", "-1.50", "9999999999999999.99", "-9999999999999999.99", "7.00"]
COLUMNS = {"T": "STRING", "D": "DOUBLE", "I": "INT", "B": "BIGINT", "M": "DECIMAL(18, 2)", "A": "ARRAY<STRING>",
           "N": "ARRAY<DOUBLE>"}
NUMBERS = ["D", "I", "B", "M"]


def text(value):
    return "'" + value.replace("'", "''") + "'"


def literal(rng, name):
    if name == "T":
        return text(rng.choice(TEXTS))
    return rng.choice({"D": DOUBLES, "I": INTS, "B": BIGINTS, "M": DECIMALS}[name])


def value(rng, name):
    if rng.random() < 0.12:
        return "NULL"
    if name == "A":
        return "ARRAY[" + ", ".join(text(rng.choice(TEXTS)) for _ in range(rng.randint(1, 4))) + "]"
    if name == "N":
        return "ARRAY[" + ", ".join(rng.choice(DOUBLES) for _ in range(rng.randint(1, 3))) + "]"
    return literal(rng, name)


def group(rng):
    """Something to group by: a column, or an expression over one."""
    name = rng.choice(["T", "D", "I", "B", "M"])
    if rng.random() < 0.6:
        return name
    return rng.choice({
        "T": ["COALESCE(T, '')", "UCASE(T)", "T + ''", "SUBSTRING(T, 1, 3)"],
        "D": ["COALESCE(D, 0e0)", "D * 0e0", "-D", "ABS(D)"],
        "I": ["I % 2", "COALESCE(I, 0)", "CAST(I AS DOUBLE) * -0e0"],
        "B": ["B % 3", "CAST(B AS STRING)", "CAST(B AS DOUBLE)"],
        "M": ["COALESCE(M, 0.00)", "CAST(M AS STRING)"],
    }[name])


def scalar(rng):
    a, b = rng.choice(NUMBERS), rng.choice(NUMBERS)
    return rng.choice([
        f"{a}", "T", "A", "N", f"{a} = {b}", f"{a} < {b}", f"{a} IS DISTINCT FROM {b}",
        f"T = {literal(rng, 'T')}", f"T IN ({literal(rng, 'T')}, {literal(rng, 'T')})",
        f"D IN ({literal(rng, 'D')}, {literal(rng, 'D')})", f"NULLIF(T, {literal(rng, 'T')})", f"NULLIF(D, {literal(rng, 'D')})",
        f"ARRAY_CONTAINS(A, {literal(rng, 'T')})", f"ARRAY_CONTAINS(N, {literal(rng, 'D')})", "ARRAY_DISTINCT(A)",
        "ARRAY_DISTINCT(N)", f"ARRAY_REMOVE(A, {literal(rng, 'T')})", f"ARRAY_REMOVE(N, {literal(rng, 'D')})",
        f"ARRAY_UNION(N, ARRAY[{literal(rng, 'D')}])", f"ARRAY_EXCEPT(A, ARRAY[{literal(rng, 'T')}])",
        "ARRAY_MAX(N)", "ARRAY_MIN(N)", f"FIELD(T, {literal(rng, 'T')}, {literal(rng, 'T')})", f"INSTR(T, {literal(rng, 'T')})",
        "CASE T WHEN 'K' THEN 1 ELSE 2 END", f"CASE D WHEN {literal(rng, 'D')} THEN 1 ELSE 2 END", "LEN(T)",
        f"A = ARRAY[{literal(rng, 'T')}]", f"N = ARRAY[{literal(rng, 'D')}]", "STRUCT(F := D) = STRUCT(F := 0e0)",
        f"MAP({literal(rng, 'T')} := 1, {literal(rng, 'T')} := 2)", f"{a} BETWEEN {literal(rng, a)} AND {literal(rng, a)}",
        f"COALESCE({a}, {literal(rng, a)})",
    ])


def aggregate(rng):
    call = plain_aggregate(rng) if rng.random() < 0.5 else newer_aggregate(rng)
    if rng.random() < 0.25:
        a, b = rng.choice(NUMBERS), rng.choice(NUMBERS)
        call += f" FILTER (WHERE {a} <= {b})"
    return call


def newer_aggregate(rng):
    """Those that KSQL does not have."""
    name, key = rng.choice(list("TDIBM")), rng.choice(list("TDIBM"))
    whole = rng.choice(["I", "B"])
    share = rng.choice(["0", "0.25", "0.5", "0.9", "1"])
    way = rng.choice(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
    return rng.choice([
        f"BOOL_AND({whole} > 0)", "BOOL_OR(D = 0e0)", f"MAX({whole} = 7)", f"BIT_AND({whole})", f"BIT_OR({whole})",
        f"BIT_XOR(DISTINCT {whole})", f"MODE({name})", f"MODE() WITHIN GROUP (ORDER BY {name} DESC)", "MEDIAN(I)", "MEDIAN(D)",
        f"PERCENTILE_CONT(I, {share})", f"PERCENTILE_DISC({name}, {share})",
        f"PERCENTILE_DISC({share}) WITHIN GROUP (ORDER BY {name}{way})", f"APPROX_PERCENTILE(D, {share})",
        f"MAX_BY({name}, {key})", f"MIN_BY({name}, {key})", f"ARRAY_AGG({name})", f"ARRAY_AGG({name} ORDER BY {key}{way}, ID)",
        f"ARRAY_AGG(DISTINCT {name} ORDER BY {name}{way})", f"STRING_AGG(T, '|' ORDER BY {key}{way}, ID)", "STRING_AGG(T, '')",
        f"COLLECT_LIST({name} ORDER BY ID DESC)", f"APPROX_COUNT_DISTINCT({name})", "VAR_POP(I)", "STDDEV(M)", "CORR(I, M)",
        "REGR_SLOPE(I, M)", "REGR_COUNT(D, I)",
    ])


def plain_aggregate(rng):
    name = rng.choice(list("TDIBM"))
    number = rng.choice(["I", "M", "D"])
    return rng.choice([
        "COUNT(*)", f"COUNT({name})", f"MIN({rng.choice(NUMBERS)})", f"MAX({rng.choice(NUMBERS)})", f"COUNT_DISTINCT({name})",
        f"COLLECT_SET({name})", f"COLLECT_LIST({name})", "HISTOGRAM(T)", f"AVG({number})", "SUM(CAST(I AS BIGINT))",
        f"TOPK({rng.choice(['I', 'B', 'T'])}, 3)", f"TOPKDISTINCT({rng.choice(['I', 'B', 'T', 'D'])}, 3)", f"COUNT(DISTINCT {name})",
        "MIN(T)", "MAX(T)",
    ])


class Query:
    """`asks`: (way, statements that make it, the SELECT). `key`: places of the group in a row; None: rows are compared
    as they are."""

    def __init__(self, what, asks, key=None):
        self.what, self.asks, self.key = what, asks, key


def ways(number, kind, select, sources, key, pull=True):
    asks = []
    for source in sources:
        query = select.replace("{S}", source)
        name = f"Q{number}_{source}"
        is_table = source.startswith("X")
        made = "TABLE" if kind == "TABLE" or is_table else "STREAM"
        asks.append((f"persistent {source}", f"CREATE {made} {name} WITH (KEY_FORMAT='JSON') AS SELECT {query};", f"SELECT * FROM {name}"))
        if made == "TABLE":
            asks.append((f"conflated {source}", f"CREATE TABLE {name}C WITH (KEY_FORMAT='JSON') AS SELECT {query} EMIT CONFLATED;",
                         f"SELECT * FROM {name}C"))
        if pull:
            asks.append((f"pull {source}", "", f"SELECT {query}"))
        asks.append((f"push {source}", "", f"SELECT {query} EMIT CHANGES"))
    return Query(select, asks, key)


def random_query(rng, number):
    kind = rng.random()
    sources = ["S1", "S8"]
    if kind < 0.35:
        columns = ", ".join(f"{scalar(rng)} AS V{i}" for i in range(rng.randint(1, 3)))
        condition = f" WHERE {rng.choice(NUMBERS)} <> {rng.choice(NUMBERS)}" if rng.random() < 0.3 else ""
        return ways(number, "STREAM", f"K, ID, {columns} FROM {{S}}{condition}", sources, None)
    if kind < 0.75:
        expressions = ", ".join(f"{aggregate(rng)} AS V{i}" for i in range(rng.randint(1, 3)))
        g = group(rng)
        condition = f" WHERE ({scalar(rng)}) IS NOT NULL" if rng.random() < 0.2 else ""
        return ways(number, "TABLE", f"{g} AS G, {expressions} FROM {{S}}{condition} GROUP BY {g}", sources + ["X1", "X8"], [0])
    if kind < 0.85:
        g = rng.choice(["T", "D", "I", "B"])
        select = f"X.{g} AS G, X.ID AS XI, Y.ID AS YI FROM {{S}} X JOIN {{S}} Y WITHIN 1 DAY ON X.{g} = Y.{g}"
        query = ways(number, "STREAM", select, sources, None, pull=False)
        query.asks += [(f"pull {s}", "", "SELECT " + select.replace("{S}", s).replace(" WITHIN 1 DAY", "")) for s in sources]
        return query
    if kind < 0.93:
        g = rng.choice(["T", "D", "I", "B", "M", "A", "N"])
        return Query(f"DISTINCT {g}", [(f"distinct {s}", "", f"SELECT DISTINCT {g} AS G FROM {s}") for s in sources])
    form = rng.choice(["K = {a}", "K IN ({a}, {b})", "K = {a} OR K = {b}"])
    return Query(form, [(f"lookup {s}", "", ("SELECT K, ID FROM " + s + " WHERE " + form)) for s in ("X1", "X8", "S1", "S8")])


def world(rng, queries):
    key = rng.choice(["T", "D", "I", "B"])
    lines = []
    for name, partitions in (("S1", 1), ("S8", 8)):
        columns = ", ".join(f"{c} {t}" for c, t in COLUMNS.items())
        lines.append(f"CREATE STREAM {name} (K {COLUMNS[key]} KEY, ID BIGINT, {columns}) WITH (KAFKA_TOPIC='{name}', "
                     f"VALUE_FORMAT='JSON', KEY_FORMAT='{rng.choice(['KAFKA', 'JSON'])}', PARTITIONS={partitions});")
        lines.append(f"CREATE TABLE X{partitions} (K {COLUMNS[key]} PRIMARY KEY, ID BIGINT, {columns}) WITH "
                     f"(KAFKA_TOPIC='X{partitions}', VALUE_FORMAT='JSON', PARTITIONS={partitions});")
    rows, seen = [], set()
    for number in range(rng.randint(3, 25)):
        values = {c: value(rng, c) for c in COLUMNS}
        k = literal(rng, key)
        values["K"], values["ID"] = k, str(number)
        rows.append((1_000_000 + number * 1000, values))
    names = ["K", "ID"] + list(COLUMNS)
    order = {}
    for time, values in rows:
        order[equal_form(values["K"])] = time
    for time, values in rows:
        listed = ", ".join([str(time)] + [values[n] for n in names])
        for source in ("S1", "S8", "X1", "X8"):
            lines.append(f"INSERT INTO {source} (ROWTIME, {', '.join(names)}) VALUES ({listed});")
    # Tables are compared with streams of the same rows: of each key there is one.
    if rng.random() < 0.5:
        last = set(order.values())
        rows = [row for row in rows if row[0] in last]
        lines = [l for l in lines if not l.startswith("INSERT") or any(f"VALUES ({time}," in l for time, _ in rows)]
        tables_agree = True
    else:
        tables_agree = False
    for query in queries:
        keys = {"a": literal(rng, key), "b": literal(rng, key)}
        query.asks = [(way, make, ask.format(**keys) if "lookup" in way else ask) for way, make, ask in query.asks]
        if not tables_agree:
            query.asks = [a for a in query.asks if not (a[0].split()[1].startswith("X") and query.key is not None)]
    return lines, tables_agree


def equal_form(text):
    return "0e0" if text in ("-0e0", "-0.00") else text


def normal(value):
    if isinstance(value, list):
        return tuple(normal(v) for v in value)
    if isinstance(value, dict):
        return tuple(sorted((k, normal(v)) for k, v in value.items()))
    if isinstance(value, float):
        return value + 0.0
    return value


def answers(binary, lines, queries):
    script, tags = list(lines), []
    for query in queries:
        script += [make for _, make, _ in query.asks if make]
    for number, query in enumerate(queries):
        for way, _, ask in query.asks:
            tags.append((number, way))
            script.append(f"SELECT {len(tags) - 1} AS TAG FROM ONE;")
            script.append(ask + ";")
    script.insert(0, "CREATE STREAM ONE (V INT) WITH (KAFKA_TOPIC='ONE', VALUE_FORMAT='JSON'); INSERT INTO ONE VALUES (1); "
                     "SET 'headrace.fail.on' = 'none';")
    source = "\n".join(script)
    done = subprocess.run([binary, "run", "--output", "ndjson", "-"], input=source, capture_output=True, text=True)
    found = {tag: [] for tag in tags}
    current = None
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if list(row) == ["TAG"]:
            current = tags[row["TAG"]]
        else:
            found[current].append(tuple(normal(v) for v in row.values()))
    return found, source, done.stderr[done.stderr.find("error"):] if done.returncode else ""


def folded(rows, key, way):
    if key is None:
        return Counter(rows)
    last = {}
    for row in rows:
        last[tuple(row[i] for i in key)] = row
    return Counter(last.values())


def compare(binary, count, seed, show):
    done = differences = number = 0
    while done < count:
        rng = random.Random(seed * 1_000_003 + number)
        queries = [random_query(rng, n) for n in range(min(QUERIES_A_WORLD, count - done))]
        lines, tables_agree = world(rng, queries)
        found, source, error = answers(binary, lines, queries)
        if show:
            print(source)
        if error:
            differences += 1
            print(f"world {number}: the script failed\n{error}")
        else:
            for place, query in enumerate(queries):
                asked = {way: folded(found[(place, way)], query.key, way) for way, _, _ in query.asks}
                if query.what.startswith("K ") and not tables_agree:
                    groups = [["lookup X1", "lookup X8"], ["lookup S1", "lookup S8"]]
                else:
                    groups = [list(asked)]
                for names in groups:
                    first = asked[names[0]]
                    for way in names[1:]:
                        if asked[way] != first:
                            differences += 1
                            print(f"world {number} (seed {seed}), {query.what}\n  {names[0]}: {sorted((first - asked[way]).elements(), key=str)[:4]}"
                                  f"\n  {way}: {sorted((asked[way] - first).elements(), key=str)[:4]}")
                            break
        done += len(queries)
        number += 1
    print(f"{done} queries in every way, {number} worlds, {differences} differences")
    return differences
