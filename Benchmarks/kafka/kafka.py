#!/usr/bin/env python3
"""What a record costs on Kafka, beside a bare loop over librdkafka that consumes and produces as much.

usage: kafka.py [--kafka HOST:PORT] [--records N] [--runs N] [--rate N] [--seconds N] [--part PART]... [--streams PATH]
    [--setting NAME=VALUE]... [QUERY...]

Input: JSON of 200 bytes in 4 partitions. Parts:
  cost       each query over a backlog, in turns with the loop: records a second, CPU a record (user and system, of the
             whole process with its start), and both against the loop, which writes as many records of the same sizes,
             changelogs and exchanges too, in one transaction each 100 ms; medians, of the ratios pair by pair
  latency    from before the append to after the read of the output, at a moderate rate and without the first two seconds;
             and what a bare commit takes
  processes  CPU a record of 1, 2 and 4 processes that share the partitions, and of as many loops that copy as many records
  restart    seconds until a process whose state has a key for each record works again: with what it has kept of its state,
             and from the changelogs
  many       memory and CPU of a process with 100 queries over the topic
  streams    each query over a backlog, in turns with Kafka Streams (Streams.java), where --streams or KAFKA_STREAMS is
             a class path with it, Jackson and rocksdbjni: records a second, and CPU a record of the whole process with
             its start, from the first rows of the output on, and for the second half of them; medians, of the ratios
             pair by pair. --setting is one of Kafka Streams, which wins over those of Streams.java

Without --kafka or KAFKA a broker of Scripts/broker is started. HEADRACE names the binary (default:
.build/release/headrace).
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("HEADRACE", str(ROOT / ".build/release/headrace"))
PARTITIONS = 4
KEYS = 1000
LIMIT_S = 300
PARTS = ["cost", "latency", "processes", "restart", "many", "streams"]
SOURCE = """CREATE STREAM events (k STRING KEY, id BIGINT, ts BIGINT, grp STRING, amount INT, note STRING)
  WITH (KAFKA_TOPIC='{t}.events', VALUE_FORMAT='JSON', PARTITIONS=4);
"""
QUERIES = {
    "pass": "CREATE STREAM passed WITH (KAFKA_TOPIC='{t}.out') AS SELECT * FROM events;",
    "filter": "CREATE STREAM filtered WITH (KAFKA_TOPIC='{t}.out') AS SELECT * FROM events WHERE amount < 500;",
    "count": "CREATE TABLE counts WITH (KAFKA_TOPIC='{t}.out') AS SELECT k, COUNT(*) AS n FROM events GROUP BY k;",
    "window": "CREATE TABLE windows WITH (KAFKA_TOPIC='{t}.out') AS SELECT k, COUNT(*) AS n FROM events "
    "WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY k;",
    "regroup": "CREATE TABLE groups WITH (KAFKA_TOPIC='{t}.out', PARTITIONS=4) AS SELECT grp, COUNT(*) AS n "
    "FROM events GROUP BY grp;",
}


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.number = options, folder, 0
        self.loop_program = str(folder / "loop")
        source = str(Path(__file__).parent / "loop.c")
        subprocess.run(["cc", "-O2", "-o", self.loop_program, source, "-lrdkafka"], check=True)

    def loop(self, mode, *arguments):
        """Starts the C program on the cluster."""
        words = [self.loop_program, mode, self.options.kafka, *map(str, arguments)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def answer(self, process):
        out = process.communicate(timeout=LIMIT_S + 60)[0]
        if process.returncode != 0:
            sys.exit(f"{' '.join(process.args)}: {process.returncode}")
        return [json.loads(line) for line in out.splitlines()]

    def fresh(self):
        self.number += 1
        return f"bench-{os.getpid()}-{self.number}"

    def serve(self, name, share):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        index = share.split("/")[0]
        log = folder / f"log-{index}"
        process = subprocess.Popen(
            [BINARY, "serve", "--kafka", self.options.kafka, "--service", name, "--share", share, "--workers", "1",
             "--data", str(folder / index), "--create", "--queries", str(folder / "queries.sql")],
            stderr=open(log, "w"), stdin=subprocess.DEVNULL)
        while "headrace serves" not in log.read_text():
            if process.poll() is not None:
                sys.exit(log.read_text())
            time.sleep(0.01)
        return process

    def declare(self, query, shares):
        """A service that has executed its statements. Returns its name."""
        name = self.fresh()
        (self.folder / name).mkdir()
        (self.folder / name / "queries.sql").write_text((SOURCE + QUERIES[query]).format(t=name))
        for share in shares:
            stop(self.serve(name, share))
        return name

    def load(self, name, records, rate=0):
        return self.answer(self.loop("load", f"{name}.events", records, rate, KEYS))[0]

    def watch(self, name, records):
        return self.loop("watch", f"{name}.out", PARTITIONS, records, LIMIT_S)

    def follow(self, watcher, began, processes, expected):
        """One run, once its rows have come."""
        marks = []
        for line in watcher.stdout:
            cpu = sum(cpu_seconds(process.pid) for process in processes)
            marks.append({**json.loads(line), "seconds": time.monotonic() - began, "cpu": cpu})
        if watcher.wait() != 0 or marks[-1]["seen"] != expected:
            sys.exit(f"{marks[-1]['seen'] if marks else 0} of {expected} rows; see {self.folder}")
        return {**marks[-1], "marks": marks}

    def ours(self, query, processes=1):
        """One run over a backlog. Returns its figures, and the name of the service."""
        shares = [f"{index}/{processes}" for index in range(processes)]
        name, records = self.declare(query, shares), self.options.records
        self.load(name, records)
        expected = records // 2 if query == "filter" else records
        watcher = self.watch(name, expected)
        began = time.monotonic()
        members = [self.serve(name, share) for share in shares]
        run = self.follow(watcher, began, members, expected)
        for member in members:
            stop(member)
        return run, name

    def theirs(self, query, topic):
        """One run of Kafka Streams over a topic. Returns its figures, and the name of the application."""
        name, records = self.fresh(), self.options.records
        self.answer(self.loop("create", PARTITIONS, f"{name}.out"))
        expected = records // 2 if query == "filter" else records
        watcher = self.watch(name, expected)
        began = time.monotonic()
        process = subprocess.Popen(
            ["java", "-Xmx1g", "-cp", f"{self.folder}:{self.options.streams}", "Streams", self.options.kafka, name,
             query, topic, f"{name}.out", str(self.folder / name), *self.options.setting],
            stdout=open(self.folder / f"{name}.log", "w"), stderr=subprocess.STDOUT)
        run = self.follow(watcher, began, [process], expected)
        stop(process)
        return run, name

    def written(self, name):
        """Records and mean size of what a service has written for its rows."""
        prefixes = [f"{name}.", f"{name}-", f"_headrace_{name}_"]
        topics = [topic for prefix in prefixes for topic in self.answer(self.loop("count", prefix))]
        ends = (".out", "-changelog", "-repartition")
        return {topic["topic"]: (topic["records"], topic["bytes"] // max(1, topic["records"]))
                for topic in topics if topic["topic"].endswith(ends)}

    def bare(self, name, written):
        """The loop over the same input, with as much output."""
        other = self.fresh()
        names = {topic: f"{other}.{index}" for index, topic in enumerate(written)}
        if names:
            self.answer(self.loop("create", PARTITIONS, *names.values()))
        # What goes through an exchange is read there and written again.
        exchanged = [topic for topic in written if topic.endswith("-repartition")]
        stages = {f"{name}.events": (self.options.records, exchanged or list(written))}
        for topic in exchanged:
            stages[names[topic]] = (written[topic][0], [each for each in written if each not in exchanged])
        texts = []
        for topic, (records, outputs) in stages.items():
            parts = [topic, records] + [part for each in outputs for part in (names[each], *written[each])]
            texts.append(",".join(map(str, parts)))
        return self.answer(self.loop("bare", PARTITIONS, other, *texts))[-1]

    def crowd(self, processes):
        """CPU seconds of so many loops at once, which copy as many records as there are, each its part."""
        each, members = self.options.records // processes, []
        for _ in range(processes):
            name = self.fresh()
            self.answer(self.loop("create", PARTITIONS, f"{name}.events", f"{name}.out"))
            self.load(name, each)
            members.append(name)
        loops = [self.loop("bare", PARTITIONS, self.fresh(), f"{name}.events,{each},{name}.out,{each},0")
                 for name in members]
        return sum(self.answer(loop)[-1]["cpu"] for loop in loops)

    # Parts

    def cost(self):
        records = self.options.records
        print(f"{'query':8} {'written':>9} {'rec/s':>9} {'loop':>9} {'us/rec':>7} {'loop':>7} {'CPU ratio':>9}")
        for query in self.options.queries:
            rows = []
            for _ in range(self.options.runs):
                ours, name = self.ours(query)
                written = self.written(name)
                rows.append((ours, self.bare(name, written), sum(count for count, _ in written.values())))
            middle = lambda of: statistics.median(of(*row) for row in rows)
            print(
                f"{query:8} {middle(lambda a, b, c: c):9.0f} {middle(lambda a, b, c: records / a['seconds']):9.0f} "
                f"{middle(lambda a, b, c: records / b['seconds']):9.0f} "
                f"{middle(lambda a, b, c: a['cpu'] / records * 1e6):7.2f} "
                f"{middle(lambda a, b, c: b['cpu'] / records * 1e6):7.2f} "
                f"{middle(lambda a, b, c: a['cpu'] / b['cpu']):9.2f}", flush=True)

    def latency(self):
        rate, seconds = self.options.rate, self.options.seconds
        count = int(rate * seconds)
        name = self.declare("pass", ["0/1"])
        watcher, member = self.watch(name, count), self.serve(name, "0/1")
        self.load(name, count, rate)
        ours = self.answer(watcher)[-1]
        stop(member)
        other = self.fresh()
        self.answer(self.loop("create", PARTITIONS, f"{other}.events", f"{other}.out"))
        stage = f"{other}.events,{count},{other}.out,{count},0"
        watcher, bare = self.watch(other, count), self.loop("bare", PARTITIONS, other, stage)
        bare.stdout.readline()
        self.load(other, count, rate)
        theirs, commits = self.answer(watcher)[-1], self.answer(bare)[0]
        print(f"{rate:.0f} records a second, ms: p50 {ours['p50']}, p99 {ours['p99']}; loop: p50 {theirs['p50']}, "
              f"p99 {theirs['p99']}; its commit: p50 {commits['commit_p50']}, p99 {commits['commit_p99']}", flush=True)

    def processes(self):
        records = self.options.records
        print(f"{'query':8} {'processes':>9} {'rec/s':>9} {'us/rec':>7} {'of one':>7}")
        for query in [query for query in self.options.queries if query in ("pass", "count")]:
            runs = {1: [], 2: [], 4: []}
            for _ in range(self.options.runs):
                for processes in runs:
                    runs[processes].append(self.ours(query, processes)[0])
            for processes, found in runs.items():
                cpu = statistics.median(run["cpu"] for run in found)
                ratio = statistics.median(run["cpu"] / one["cpu"] for run, one in zip(found, runs[1]))
                speed = statistics.median(records / run["seconds"] for run in found)
                print(f"{query:8} {processes:9} {speed:9.0f} {cpu / records * 1e6:7.2f} {ratio:7.2f}", flush=True)
        # What the machine takes from several processes beside its broker, whatever they do.
        crowds = {1: [], 2: [], 4: []}
        for _ in range(self.options.runs):
            for processes in crowds:
                crowds[processes].append(self.crowd(processes))
        for processes, found in crowds.items():
            cpu = statistics.median(found)
            ratio = statistics.median(many / one for many, one in zip(found, crowds[1]))
            print(f"{'loop':8} {processes:9} {'':9} {cpu / records * 1e6:7.2f} {ratio:7.2f}", flush=True)

    def restart(self):
        records = self.options.records
        name = self.declare("count", ["0/1"])
        self.answer(self.loop("load", f"{name}.events", records, 0, records))
        watcher, member = self.watch(name, records), self.serve(name, "0/1")
        self.answer(watcher)
        folder, log = self.folder / name / "0", self.folder / name / "log-0"
        print(f"{'restart':16} {'seconds':>8} {'MB kept':>8}")
        for kind in ["kept", "from changelogs"] * self.options.runs:
            stop(member)
            if kind != "kept":
                shutil.rmtree(folder / "state")
            size = sum(file.stat().st_size for file in folder.glob("state/*"))
            began = time.monotonic()
            member = self.serve(name, "0/1")
            while not all(state in ("CATCHING_UP", "LIVE") for state in self.states(folder)):
                time.sleep(0.02)
            print(f"{kind:16} {time.monotonic() - began:8.2f} {size / 1e6:8.1f}", flush=True)
            for line in log.read_text().splitlines():
                if "restore" in line:
                    print(f"  {line}", flush=True)
        stop(member)

    def states(self, folder):
        answer = subprocess.run(
            [BINARY, "run", "--data", str(folder), "--output", "csv", "-c", "SHOW QUERIES;"], capture_output=True, text=True)
        return [line.split(",")[1] for line in answer.stdout.splitlines()[1:]] or ["not there"]

    def many(self):
        name, queries, records = self.fresh(), 100, self.options.records
        (self.folder / name).mkdir()
        texts = [SOURCE.format(t=name)] + [
            f"CREATE STREAM o{index} WITH (KAFKA_TOPIC='{name}.out{index}') AS SELECT * FROM events "
            f"WHERE id % 1000 = {index};" for index in range(queries)]
        (self.folder / name / "queries.sql").write_text("\n".join(texts))
        stop(self.serve(name, "0/1"))
        self.load(name, records)
        watcher, member = self.loop("watch", f"{name}.out{queries - 1}", PARTITIONS, records // 1000, LIMIT_S), \
            self.serve(name, "0/1")
        self.answer(watcher)
        status = Path(f"/proc/{member.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
        fetched = cpu_seconds(member.pid)
        stop(member)
        print(f"{queries} queries: {peak:.0f} MB at most, {fetched / records * 1e6:.2f} us of CPU a record", flush=True)

    def streams(self):
        records = self.options.records
        source = str(Path(__file__).parent / "Streams.java")
        subprocess.run(["javac", "-d", str(self.folder), "-cp", self.options.streams, source], check=True)
        print(f"{'':8} {'':8} {'':>9} {'':>9} {'us/rec:':>9} {'from the':>9} {'second':>9}")
        print(f"{'query':8} {'engine':8} {'written':>9} {'rec/s':>9} {'whole':>9} {'first on':>9} {'half':>9}")
        for query in self.options.queries:
            pairs = []
            for _ in range(self.options.runs):
                ours, name = self.ours(query)
                theirs, other = self.theirs(query, f"{name}.events")
                pairs.append(
                    [(self.total(name), *figures(ours, records)), (self.total(other), *figures(theirs, records))])
            for index, engine in enumerate(["headrace", "streams"]):
                written, speed, *cpu = (statistics.median(column) for column in zip(*(pair[index] for pair in pairs)))
                cells = " ".join(f"{value:9.2f}" for value in cpu)
                print(f"{query:8} {engine:8} {written:9.0f} {speed:9.0f} {cells}")
            ratios = [statistics.median(column) for column in zip(
                *([their / max(1e-9, our) for our, their in zip(*pair)] for pair in pairs))]
            print(f"{query:8} {'ratio':8} " + " ".join(f"{ratio:9.2f}" for ratio in ratios), flush=True)

    def total(self, name):
        return sum(count for count, _ in self.written(name).values())


def figures(run, records):
    """Records a second, and us of CPU a record: of the whole run, after the first rows, and after half of them."""
    first, half, last = run["marks"]
    # Rows of the output stand for the part of the input that they are of the whole output.
    later = [(last["cpu"] - mark["cpu"]) / max(1e-9, 1 - mark["seen"] / last["seen"]) for mark in (first, half)]
    return [records / run["seconds"]] + [cpu / records * 1e6 for cpu in (run["cpu"], *later)]


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stop(process):
    process.send_signal(signal.SIGTERM)
    if process.wait() != 0:
        sys.exit(f"serve has ended with {process.returncode}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("--kafka", default=os.environ.get("KAFKA"))
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--streams", default=os.environ.get("KAFKA_STREAMS"))
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("queries", nargs="*", metavar="QUERY")
    options = parser.parse_args()
    if not options.kafka:
        os.execv(str(ROOT / "Scripts/broker"), ["broker", sys.executable, *sys.argv])
    options.queries = options.queries or list(QUERIES)
    with tempfile.TemporaryDirectory(prefix="headrace-kafka-") as folder:
        bench = Bench(options, Path(folder))
        for part in options.part or PARTS:
            if part != "streams" or options.streams:
                getattr(bench, part)()


if __name__ == "__main__":
    main()
