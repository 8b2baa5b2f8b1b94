#!/usr/bin/env python3
"""The bid record of format-benchmark, read by fastavro, by libavro (libavro-dev), by polars and, where FORMAT_BENCHMARK names
its executable, by ours, on one core. polars reads container files only, in columns.

Usage: python3 libraries.py [RECORDS]     (pip install fastavro==1.13.1 polars)
"""
import io, json, os, random, struct, subprocess, sys, tempfile, time

# One core: read when polars is imported.
os.environ["POLARS_MAX_THREADS"] = "1"
import fastavro
import polars

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
TYPES = [("AUCTION", "long"), ("BIDDER", "long"), ("PRICE", "int"), ("RATE", "double"), ("IS_OPEN", "boolean"),
         ("CHANNEL", "string"), ("URL", "string")]


def bids():
    r = random.Random(7)
    channels = ["Google", "Facebook", "Baidu", "Apple", "channel-4711"]
    for _ in range(COUNT):
        yield {"AUCTION": 1000 + r.randrange(2000), "BIDDER": 1000 + r.randrange(5000),
               "PRICE": 100 + r.randrange(9_999_900), "RATE": r.randrange(1_000_000) / 100,
               "IS_OPEN": r.random() < 0.5, "CHANNEL": r.choice(channels),
               "URL": "https://www.nexmark.com/item.htm?query=%d" % r.randrange(100_000)}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    rows = list(bids())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cc", "-O2", "-o", folder + "/libavro", here + "/libavro.c", "-lavro"], check=True)
        for kind in ("required", "nullable"):
            fields = [{"name": n, "type": t if kind == "required" else ["null", t]} for n, t in TYPES]
            text = json.dumps({"type": "record", "name": "Bid", "fields": fields})
            schema = fastavro.parse_schema(json.loads(text))
            started = time.process_time()
            records = []
            for row in rows:
                out = io.BytesIO()
                fastavro.schemaless_writer(out, schema, row)
                records.append(out.getvalue())
            wrote = time.process_time() - started
            started = time.process_time()
            for record in records:
                fastavro.schemaless_reader(io.BytesIO(record), schema, None)
            read = time.process_time() - started
            print("fastavro, %s: read %.0f ns/record, write %.0f" % (kind, read / COUNT * 1e9, wrote / COUNT * 1e9))
            with open(folder + "/bids.avro", "wb") as file:
                fastavro.writer(file, schema, rows)
            best = None
            for _ in range(5):
                started = time.process_time()
                assert len(polars.read_avro(folder + "/bids.avro")) == COUNT
                took = time.process_time() - started
                best = took if best is None else min(best, took)
            print("polars, %s: read %.0f ns/record" % (kind, best / COUNT * 1e9))
            with open(folder + "/bids", "wb") as file:
                for record in records:
                    file.write(struct.pack("<I", len(record)) + record)
            with open(folder + "/schema", "w") as file:
                file.write(text)
            print("libavro, %s: " % kind, end="", flush=True)
            subprocess.run([folder + "/libavro", folder + "/schema", folder + "/bids"], check=True)
    if "FORMAT_BENCHMARK" in os.environ:
        subprocess.run([os.environ["FORMAT_BENCHMARK"]], check=True)


main()
