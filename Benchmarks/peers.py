"""The engines that the benchmark runs beside headrace, and each query in their words.

DuckDB answers the batch form of a query over the same files. Flink SQL runs it as a stream in a cluster of one
process (FlinkJob.java), with as many slots as headrace has workers, its state on the heap and no checkpoints."""
import glob
import importlib.util
import os
import shutil
import sys

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

# --- DuckDB

START = "dateTime // 10000 * 10000"
# Counts that q15, q16 and q17 share, by rank of the price, and the bids while their auction was open.
RANKS = ["price < 10000", "price >= 10000 AND price < 1000000", "price >= 1000000"]


def ranked(count):
    return ", ".join([count] + [f"{count} FILTER (WHERE {rank})" for rank in RANKS])


STATISTICS = ", ".join(ranked(count) for count in ["count(*)", "count(DISTINCT bidder)", "count(DISTINCT auction)"])
DAY = "strftime(make_timestamp(dateTime * 1000), '%Y-%m-%d') AS day"
OPEN_BIDS = "auction a JOIN bid b ON a.id = b.auction WHERE b.dateTime BETWEEN a.dateTime AND a.expires"
WINNING = "QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.dateTime, b.bidder) = 1"
HOPS = ("SELECT auction, (dateTime // 2000 - i) * 2000 AS ws, count(*) AS n FROM bid, range(5) t(i) "
        "WHERE dateTime // 2000 >= i GROUP BY ALL")
CHANNEL_ID = "regexp_extract(url, '(&|^)channel_id=([^&]*)', 2)"
# The batch form of each query. Windows that are still open at the end of the input are not closed by
# headrace (stream time has not passed them), so the check leaves them out on both sides.
DUCKDB = {
    "q0": "SELECT auction, bidder, price, dateTime, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE auction % 123 = 0",
    "q3": "SELECT p.id, p.name, p.city, p.state, a.id FROM auction a JOIN person p "
    "ON a.seller = p.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')",
    "q4": "SELECT category, avg(final) FROM (SELECT a.id, a.category, max(b.price) AS final "
    f"FROM {OPEN_BIDS} GROUP BY a.id, a.category) GROUP BY category",
    "q5": f"SELECT auction, {START} AS ws, count(*) AS n FROM bid GROUP BY ALL",
    "q5h": HOPS,
    "q5top": f"SELECT auction, ws, n FROM ({HOPS}) QUALIFY rank() OVER (PARTITION BY ws ORDER BY n DESC) = 1",
    "q6": "SELECT id, seller, avg(final) OVER (PARTITION BY seller ORDER BY ended, id ROWS BETWEEN 10 PRECEDING "
    "AND CURRENT ROW) AS average FROM (SELECT a.id, a.seller, b.price AS final, b.dateTime AS ended "
    f"FROM {OPEN_BIDS} {WINNING})",
    "q7": f"SELECT 1 AS one, {START} AS ws, max(price) AS m FROM bid GROUP BY ALL",
    "q8": f"SELECT p.id, p.ws, p.name FROM (SELECT DISTINCT id, name, {START} AS ws FROM person) p "
    f"JOIN (SELECT DISTINCT seller, {START} AS ws FROM auction) a ON p.id = a.seller AND p.ws = a.ws",
    "q9": "SELECT a.id, a.itemName, a.description, a.initialBid, a.reserve, a.dateTime AS starts, a.expires, a.seller, "
    "a.category, a.extra, b.bidder, b.price, b.dateTime AS bid_time, b.extra AS bid_extra "
    f"FROM {OPEN_BIDS} {WINNING}",
    "q10": f"SELECT auction, bidder, price, dateTime, extra, {DAY}, "
    "strftime(make_timestamp(dateTime * 1000), '%H:%M') AS minute FROM bid",
    "q11": """SELECT bidder, min(dateTime) AS ws, max(dateTime) AS we, count(*) AS n FROM (
        SELECT *, sum(g) OVER (PARTITION BY bidder ORDER BY dateTime ROWS UNBOUNDED PRECEDING) AS sid
        FROM (SELECT bidder, dateTime, CASE WHEN dateTime - lag(dateTime)
          OVER (PARTITION BY bidder ORDER BY dateTime) > 10000 THEN 1 ELSE 0 END AS g FROM bid))
        GROUP BY bidder, sid""",
    "q12": f"SELECT bidder, {START} AS ws, count(*) AS n FROM bid GROUP BY ALL",
    "q13": "SELECT b.auction % 10000 AS id, b.auction, b.bidder, b.price, b.dateTime, c.name FROM bid b "
    "JOIN customers c ON b.auction % 10000 = c.customer_id",
    "q14": "SELECT auction, bidder, 0.908 * price AS price, CASE WHEN h BETWEEN 8 AND 18 THEN 'dayTime' WHEN h <= 6 "
    "OR h >= 20 THEN 'nightTime' ELSE 'otherTime' END AS kind, dateTime, extra, "
    "length(extra) - length(replace(extra, 'c', '')) AS cs FROM (SELECT *, hour(make_timestamp(dateTime * 1000)) AS h "
    "FROM bid) WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000",
    "q15": f"SELECT {DAY}, {STATISTICS} FROM bid GROUP BY day",
    "q16": f"SELECT channel, {DAY}, max(strftime(make_timestamp(dateTime * 1000), '%H:%M')) AS minute, {STATISTICS} "
    "FROM bid GROUP BY channel, day",
    "q17": f"SELECT auction, {DAY}, {ranked('count(*)')}, min(price), max(price), avg(price), sum(price) FROM bid "
    "GROUP BY auction, day",
    "q18": "SELECT bidder, auction, price, channel, url, dateTime, extra FROM bid QUALIFY row_number() OVER "
    "(PARTITION BY bidder, auction ORDER BY dateTime DESC, price DESC) = 1",
    "q19": "SELECT auction, n, bidder, price, channel, url, dateTime, extra FROM (SELECT *, row_number() OVER "
    "(PARTITION BY auction ORDER BY price DESC, dateTime, bidder) AS n FROM bid) WHERE n <= 10",
    "q20": "SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime AS bid_time, b.extra AS bid_extra, "
    "a.itemName, a.description, a.initialBid, a.reserve, a.dateTime AS starts, a.expires, a.seller, a.category, "
    "a.extra AS extra FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10",
    "q21": "SELECT auction, bidder, price, channel, CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' "
    f"WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3' ELSE {CHANNEL_ID} END AS channel_id FROM bid "
    f"WHERE {CHANNEL_ID} <> '' OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')",
    "q22": "SELECT auction, bidder, price, channel, split_part(url, '/', 4), split_part(url, '/', 5), "
    "split_part(url, '/', 6) FROM bid",
    "qg": "SELECT auction, count(*) AS n FROM bid GROUP BY ALL",
    "sj": "SELECT o.customer_id, o.order_id, o.amount, c.name, c.region, c.tier FROM orders o "
    "LEFT JOIN customers c ON o.customer_id = c.customer_id",
}
DUCKDB_PROGRAM = """
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


def duckdb_views(data, form):
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


def duckdb_version():
    """None: not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    return duckdb.__version__


def duckdb_command(query, data, form, sink, scratch):
    """The command and its standard input."""
    target = "-" if sink == "discard" else f"{scratch}/result.{form}"
    return [sys.executable, "-c", DUCKDB_PROGRAM, DUCKDB[query], target, form, data], duckdb_views(data, form)


# --- Flink

# Times of events, with the delay that their sets need; queries without windows take none.
EVENT_TIME = ", ts AS TO_TIMESTAMP_LTZ(`dateTime`, 3), WATERMARK FOR ts AS ts - INTERVAL '4' SECOND"
TUMBLE = "TABLE(TUMBLE(TABLE {}, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
WINDOW = "window_start, window_end"
# Per query: the columns of the sink, and the rows that go there.
FLINK = {
    "q0": ("auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` BIGINT, extra STRING",
           "SELECT auction, bidder, price, `dateTime`, extra FROM bid"),
    "q1": ("auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), `dateTime` BIGINT, extra STRING",
           "SELECT auction, bidder, 0.908 * price, `dateTime`, extra FROM bid"),
    "q2": ("auction BIGINT, price BIGINT", "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0"),
    "q3": ("person BIGINT, name STRING, city STRING, state STRING, auction BIGINT",
           "SELECT p.id, p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id "
           "WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')"),
    "q5": ("auction BIGINT, ws TIMESTAMP(3), n BIGINT",
           f"SELECT auction, window_start, COUNT(*) FROM {TUMBLE.format('bid')} GROUP BY auction, {WINDOW}"),
    "q5h": ("auction BIGINT, ws TIMESTAMP(3), n BIGINT",
            "SELECT auction, window_start, COUNT(*) FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), "
            f"INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction, {WINDOW}"),
    "q7": ("ws TIMESTAMP(3), m BIGINT",
           f"SELECT window_start, MAX(price) FROM {TUMBLE.format('bid')} GROUP BY {WINDOW}"),
    "q8": ("id BIGINT, name STRING, ws TIMESTAMP(3)",
           "SELECT p.id, p.name, p.window_start FROM "
           f"(SELECT id, name, {WINDOW} FROM {TUMBLE.format('person')} GROUP BY id, name, {WINDOW}) p JOIN "
           f"(SELECT seller, {WINDOW} FROM {TUMBLE.format('auction')} GROUP BY seller, {WINDOW}) a "
           "ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end"),
    "q11": ("bidder BIGINT, ws TIMESTAMP(3), we TIMESTAMP(3), n BIGINT",
            f"SELECT bidder, {WINDOW}, COUNT(*) FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, "
            f"DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY bidder, {WINDOW}"),
    "q12": ("bidder BIGINT, ws TIMESTAMP(3), n BIGINT",
            f"SELECT bidder, window_start, COUNT(*) FROM {TUMBLE.format('bid')} GROUP BY bidder, {WINDOW}"),
    "q18": ("bidder BIGINT, auction BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT, extra STRING",
            "SELECT bidder, auction, price, channel, url, `dateTime`, extra FROM (SELECT *, ROW_NUMBER() OVER "
            "(PARTITION BY bidder, auction ORDER BY `dateTime` DESC, price DESC) AS n FROM bid) WHERE n <= 1"),
    "q19": ("auction BIGINT, n BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT, "
            "extra STRING",
            "SELECT auction, n, bidder, price, channel, url, `dateTime`, extra FROM (SELECT *, ROW_NUMBER() OVER "
            "(PARTITION BY auction ORDER BY price DESC, `dateTime`, bidder) AS n FROM bid) WHERE n <= 10"),
    "qg": ("auction BIGINT, n BIGINT", "SELECT auction, COUNT(*) FROM bid GROUP BY auction"),
    "sj": ("order_id BIGINT, amount BIGINT, name STRING, region STRING, tier STRING",
           "SELECT o.order_id, o.amount, c.name, c.region, c.tier FROM orders o "
           "LEFT JOIN customers FOR SYSTEM_TIME AS OF o.rt AS c ON o.customer_id = c.customer_id"),
}
FLINK_TIMES = {
    "orders": ", rt AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR rt AS rt",
    "customers": ", rt AS TO_TIMESTAMP_LTZ(updated_at, 3), WATERMARK FOR rt AS rt, "
    "PRIMARY KEY (customer_id) NOT ENFORCED",
}
# Packages of the JDK that Flink reaches into.
OPENED = [
    "java.lang", "java.util", "java.net", "java.nio", "java.io", "java.util.concurrent",
    "java.util.concurrent.atomic", "java.lang.reflect", "java.text", "java.time",
    "java.util.concurrent.locks", "sun.net.util",
]


def flink_home():
    """The folder of the package apache-flink-libraries that holds lib/; None: not installed, or no JDK."""
    home = os.environ.get("FLINK_HOME")
    if not home and (spec := importlib.util.find_spec("pyflink")):
        home = list(spec.submodule_search_locations)[0]
    found = home and glob.glob(f"{home}/lib/flink-dist-*.jar")
    return home if found and shutil.which("javac") else None


def flink_version():
    home = flink_home()
    if not home:
        return None
    return os.path.basename(glob.glob(f"{home}/lib/flink-dist-*.jar")[0])[len("flink-dist-"):-4]


def flink_script(query, data, form, sink, scratch):
    lines = []
    for table, columns in COLUMNS.items():
        if table not in FLINK[query][1]:
            continue
        quoted = ", ".join("`%s` %s" % tuple(c.split()) for c in columns.split(", ")).replace("VARCHAR", "STRING")
        times = FLINK_TIMES.get(table, "" if query in ("q0", "q1", "q2", "q3", "q18", "q19", "qg") else EVENT_TIME)
        lines.append(
            f"CREATE TABLE {table} ({quoted}{times}) WITH ('connector' = 'filesystem', "
            f"'path' = 'file://{os.path.abspath(data)}/{table}', 'format' = '{form}');")
    target = (
        "'connector' = 'blackhole'" if sink == "discard" or query not in ("q0", "q1", "q2")
        else f"'connector' = 'filesystem', 'path' = 'file://{scratch}/result', 'format' = '{form}'")
    columns, rows = FLINK[query]
    lines.append(f"CREATE TABLE sink ({columns}) WITH ({target});")
    lines.append(f"INSERT INTO sink {rows};")
    return "\n".join(lines) + "\n"


def flink_command(query, data, form, sink, scratch, workers):
    """The command and its standard input. Changes of tables go to a sink that counts them."""
    with open(scratch + "/job.sql", "w") as file:
        file.write(flink_script(query, data, form, sink, scratch))
    with open(scratch + "/log4j2.properties", "w") as file:
        file.write("rootLogger.level = ERROR\n")
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    jars = ":".join(sorted(glob.glob(f"{flink_home()}/lib/*.jar")))
    return [
        "java", "-Xms2g", "-Xmx6g", "-XX:+UseParallelGC", *opens,
        f"-Dlog4j2.configurationFile={scratch}/log4j2.properties", "-cp", jars,
        os.path.join(os.path.dirname(os.path.abspath(__file__)), "FlinkJob.java"),
        f"{scratch}/job.sql", str(workers),
    ], ""
