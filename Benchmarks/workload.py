"""The benchmark's queries and the statements that declare what they read: queries/NAME.sql over sources/NAME.sql.
A source is a set of files, or a topic into which they were loaded."""
import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
QUERIES = [
    "q0", "q1", "q2", "q3", "q4", "q5", "q5h", "q5top", "q6", "q7", "q8", "q9", "q10", "q11", "q12", "q13", "q14", "q15",
    "q16", "q17", "q18", "q19", "q20", "q21", "q22", "qg", "sj",
]
SOURCES = {
    "q3": ["auction", "person"], "q4": ["auction", "bid"], "q6": ["auction", "bid"],
    "q9": ["auction", "bid"], "q13": ["bid", "customer_changes"], "q20": ["auction", "bid"], "q8": ["auction", "person"], "sj": ["customer_changes", "orders"],
    "qk": ["orders"],
}
# Sources whose records are counted; customers are a few beside many orders.
COUNTED = {"q13": ["bid"], "sj": ["orders"]}


def read(*path):
    with open(os.path.join(HERE, *path)) as file:
        return file.read()


def sources(query):
    return SOURCES.get(query, ["bid"])


def folder(source):
    """The folder of the source's part files."""
    return "customers" if source == "customer_changes" else source


def declaration(source, data, form, topic=False, name=None):
    """The statement that declares a source over its files in the folder `data`, or over its topic."""
    place = f"KAFKA_TOPIC = '{source}'" if topic else f"FILE = '{data}/{folder(source)}/*.{form}'"
    text = read("sources", source + ".sql").replace("${source}", place)
    text = text.replace("${format}", "JSON" if form == "json" else "DELIMITED")
    return text.replace(f"CREATE STREAM {source} ", f"CREATE STREAM {name or source} ")


def script(query, data, form, topic=False, copies=1):
    """The statements of a benchmark: its sources, its query, and more copies of the query's last statement."""
    text = "".join(declaration(source, data, form, topic) for source in sources(query))
    body = read("queries", query + ".sql")
    last = body.rindex("CREATE ")
    more = "".join(
        body[last:].replace(f" {query} AS", f" {query}_{n} AS") for n in range(2, copies + 1))
    return text + body + more


def load(query, data, form):
    """The statements that fill the topics of a query's sources from their files."""
    text = ""
    for source in sources(query):
        text += declaration(source, data, form, name=source + "_file")
        text += (
            f"CREATE STREAM {source}_topic WITH (KAFKA_TOPIC = '{source}') AS SELECT * FROM {source}_file;\n")
    return text


def unload(query):
    """The statements after `load`: the topics stay, the queries go."""
    text = "TERMINATE ALL;\n"
    for source in sources(query):
        text += f"DROP STREAM {source}_topic;\nDROP STREAM {source}_file;\n"
    return text


def undo(query, copies=1):
    """The statements that take back what `script` made over topics."""
    text = read("queries", query + ".sql")
    made = re.findall(r"CREATE (STREAM|TABLE) (\w+) AS", text)
    made += [(made[-1][0], f"{query}_{n}") for n in range(2, copies + 1)]
    drops = [f"DROP {kind} {name} DELETE TOPIC;\n" for kind, name in reversed(made)]
    return "TERMINATE ALL;\n" + "".join(drops) + "".join(
        f"DROP STREAM {source};\n" for source in sources(query))


def count(query, data, form):
    """Records that a query reads."""
    total = 0
    for source in COUNTED.get(query, sources(query)):
        for path in glob.glob(f"{data}/{folder(source)}/*.{form}"):
            with open(path, "rb") as file:
                while block := file.read(1 << 24):
                    total += block.count(b"\n")
    return total
