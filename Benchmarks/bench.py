#!/usr/bin/env python3
"""Runs the benchmark queries with headrace and, where they are installed, with DuckDB and Flink, one after the other,
and prints what each costs and how they compare.

usage: bench.py DATA [--format json|csv] [--source file|topic] [--sink topic|discard] [--durability os|disk]
                [--runs N] [--workers N] [--copies N] [--tiny DATA] [--peers NAME,...] [--check | --count] [QUERY...]

DATA holds one folder a table (bid, auction, person, orders, customers) with part files; --tiny a set of a
thousand events of the same shape, whose whole run counts as start-up and is taken off for the steady state.
--source topic loads the files into topics first, untimed, and reads those. --copies N runs N queries of the kind.
--check compares the answers with DuckDB's instead of timing: every row, sorted. --count prints how many rows each
answer has. HEADRACE names the binary (default: .build/release/headrace); FLINK_HOME the folder of the package
apache-flink-libraries, where Python does not find it.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import peers
import workload

ROOT = os.path.dirname(workload.HERE)
BINARY = os.environ.get("HEADRACE", os.path.join(ROOT, ".build/release/headrace"))
# What is asked of headrace's result for the check, in the order of the columns above.
ANSWERS = {
    "q3": "SELECT * FROM q3",
    "q5": "SELECT auction, windowstart, n FROM q5",
    "q5h": "SELECT auction, windowstart, n FROM q5h",
    "q5top": "SELECT auction, ws, n FROM q5top",
    "q7": "SELECT one, windowstart, m FROM q7",
    "q8": "SELECT id, windowstart, name FROM q8",
    "q11": "SELECT bidder, windowstart, windowend, n FROM q11",
    "q12": "SELECT bidder, windowstart, n FROM q12",
}
# Length of the windows by which the check leaves out what is open at the end; ms.
WINDOWS = {query: (1, 10_000) for query in ("q5", "q5h", "q5top", "q7", "q8", "q12")} | {"q11": (2, 10_000)}


class Peak(threading.Thread):
    """The most memory that a process held, looked up while it runs: what wait4 tells begins with this one's own."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.bytes = process, 0
        self.start()

    def run(self):
        while True:
            try:
                with open(f"/proc/{self.process}/status") as status:
                    found = [line.split()[1] for line in status if line.startswith("VmHWM")]
            except OSError:
                return
            if not found:
                return  # It has ended and nobody has waited for it yet.
            self.bytes = max(self.bytes, int(found[0]) * 1024)
            time.sleep(0.01)


def measured(command, stdin=""):
    """Wall seconds, CPU seconds and peak MB of a process from its start to its end."""
    with tempfile.TemporaryFile() as text:
        text.write(stdin.encode())
        text.seek(0)
        start = time.monotonic()
        process = subprocess.Popen(
            command, stdin=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        peak = Peak(process.pid)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        peak.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed: {errors.decode()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, peak.bytes / 2**20


def headrace(query, data, options, statements=(), output="csv"):
    text = workload.script(query, data, options.format, options.source == "topic", options.copies)
    if options.sink == "discard":
        text = "SET 'headrace.sink' = 'discard';\n" + text
    command = [BINARY, "run", "--output", output, "--workers", str(options.workers), "--command=" + text]
    return command + ["--command=" + statement for statement in statements]


class Headrace:
    """Over files every run has a data directory of its own; over topics those of a query's runs share the one into
    which its sources were loaded."""

    def __init__(self, query, data, options):
        self.query, self.data, self.options = query, data, options
        self.directory = tempfile.mkdtemp(prefix="headrace-bench-", dir=options.scratch)
        self.runs = 0
        if options.source == "topic":
            self.quietly(workload.load(query, data, options.format))
            self.quietly(workload.unload(query))

    def place(self):
        topic = self.options.source == "topic"
        return [
            "--data", f"{self.directory}/{0 if topic else self.runs}", "--create", "--durability", self.options.durability]

    def quietly(self, text):
        measured([BINARY, "run", *self.place(), "--command=" + text])

    def run(self):
        command = headrace(self.query, self.data, self.options)
        command[2:2] = self.place()
        result = measured(command)
        if self.options.source == "topic":
            self.quietly(workload.undo(self.query, self.options.copies))
        else:
            shutil.rmtree(f"{self.directory}/{self.runs}")
        self.runs += 1
        return result

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class Peer:
    def __init__(self, make, options):
        self.make, self.scratch = make, options.scratch

    def run(self):
        directory = tempfile.mkdtemp(prefix="headrace-bench-", dir=self.scratch)
        try:
            return measured(*self.make(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def close(self):
        pass


def contestants(query, data, options):
    """Name and runner of headrace and of each peer."""
    result = [("headrace", Headrace(query, data, options))]
    if "DuckDB" in options.peers:
        result.append(("DuckDB", Peer(lambda folder: peers.duckdb_command(
            query, data, options.format, options.sink, folder), options)))
    if "Flink" in options.peers and query in peers.FLINK:
        result.append(("Flink", Peer(lambda folder: peers.flink_command(
            query, data, options.format, options.sink, folder, options.workers), options)))
    return result


def compare(options):
    names = ["headrace"] + options.peers
    title = f"{'query':5} {'records':>9}"
    for name in names:
        title += f" | {name + ' rec/s':>14} {'steady':>11} {'start ms':>8} {'CPU us':>7} {'MB':>5}"
        title += f" {'whole':>7} {'steady':>7}" if name != "headrace" else ""
    print(title)
    for query in options.queries:
        records = workload.count(query, options.data, options.format)
        runs, starts = {name: [] for name in names}, {name: [] for name in names}
        runners = contestants(query, options.data, options)
        small = contestants(query, options.tiny, options) if options.tiny else []
        for _ in range(options.runs):
            for name, runner in small:
                starts[name].append(runner.run()[0])
            for name, runner in runners:
                runs[name].append(runner.run())
        for _, runner in runners + small:
            runner.close()
        present = [name for name, _ in runners]
        print(f"{query:5} {records:>9}" + "".join(line(name, runs, starts, records) for name in present), flush=True)


def line(name, runs, starts, records):
    """One engine's medians; ratios are medians of the runs pair by pair."""
    start = statistics.median(starts[name]) if starts[name] else 0
    own = statistics.median(starts["headrace"]) if starts["headrace"] else 0
    wall, cpu = (statistics.median(run[place] for run in runs[name]) for place in (0, 1))
    text = (
        f" | {records / wall:>14,.0f} {records / max(wall - start, 1e-3):>11,.0f} {start * 1e3:>8.0f}"
        f" {cpu / records * 1e6:>7.2f} {max(run[2] for run in runs[name]):>5.0f}")
    if name != "headrace":
        pairs = [(run[0], mine[0]) for run, mine in zip(runs[name], runs["headrace"])]
        whole = statistics.median(theirs / mine for theirs, mine in pairs)
        steady = statistics.median(max(theirs - start, 1e-3) / max(mine - own, 1e-3) for theirs, mine in pairs)
        text += f" {whole:>6.2f}x {steady:>6.2f}x"
    return text


def count_rows(options):
    for query in options.queries:
        result = subprocess.run(
            headrace(query, options.data, options, [f"SELECT COUNT(*) AS n FROM {query};"]),
            capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{query}: {result.stderr[-2000:]}")
        print(f"{query}: {result.stdout.split()[-1]} rows", flush=True)


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
    exec(peers.duckdb_views(options.data, options.format))
    wrong = 0
    for query in options.queries:
        answer = ANSWERS.get(query, f"SELECT * FROM {query}")
        options.sink = "topic"
        result = subprocess.run(
            headrace(query, options.data, options, [answer + ";"]), capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{query}: {result.stderr[-2000:]}")
        ours = [[normal(v) for v in row] for row in list(csv.reader(result.stdout.splitlines()))[1:]]
        theirs = [[normal(v) for v in row] for row in connection.execute(peers.DUCKDB[query]).fetchall()]
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
    parser.add_argument("--source", choices=["file", "topic"], default="file")
    parser.add_argument("--sink", choices=["topic", "discard"], default="topic")
    parser.add_argument("--durability", choices=["os", "disk"], default="os")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--tiny")
    parser.add_argument("--peers", help="of DuckDB, Flink; empty for none (default: what is installed)")
    parser.add_argument("--scratch", help="where data directories and results go (default: the temporary directory)")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--count", action="store_true")
    options = parser.parse_args()
    options.queries = options.queries or workload.QUERIES
    if unknown := set(options.queries) - set(workload.QUERIES):
        sys.exit(f"unknown query {sorted(unknown)[0]}; there are {' '.join(workload.QUERIES)}")
    if options.check:
        return check(options)
    if options.count:
        return count_rows(options)
    versions = {"DuckDB": peers.duckdb_version(), "Flink": peers.flink_version()}
    wanted = [name for name in versions if versions[name]] if options.peers is None else [
        name for name in options.peers.split(",") if name]
    for name in wanted:
        if not versions.get(name):
            sys.exit(f"the peer {name} is not installed")
    options.peers = wanted
    beside = ", ".join(f"{name} {versions[name]}" for name in wanted) or "no peer"
    print(f"{options.format}, source {options.source}, sink {options.sink}, durability {options.durability}, "
          f"{options.workers} workers, {options.copies} of each query, medians of {options.runs}; {beside}")
    compare(options)


if __name__ == "__main__":
    main()
