#!/usr/bin/env python3
"""How long an appended event takes until a push query's client has its result.

usage: latency.py [--rate EVENTS_PER_SECOND] [--seconds N] [--durability memory|os|disk] [--beside FILE]
                  [--state-bytes-max SIZE]

A serve on a fresh directory runs a persistent filter query; one client feeds events through produce, each with
the time at which it was written, another reads the push query over the result. Prints the percentiles of the
time from the write to the read, both in this process; ms. With --beside the statements of a file are run
after a tenth of the time, and what comes from then on is told apart: how long others wait for a large query.
HEADRACE names the binary (default: .build/release/headrace).
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("HEADRACE", os.path.join(ROOT, ".build/release/headrace"))
SETUP = """
CREATE STREAM events (t BIGINT, n BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON');
CREATE STREAM results AS SELECT t, n * 2 AS n FROM events WHERE n >= 0;
"""


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--durability", choices=["memory", "os", "disk"], default="memory")
    parser.add_argument("--beside")
    parser.add_argument("--state-bytes-max")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="headrace-latency-")
    data = directory + "/data"
    server = subprocess.Popen(
        [BINARY, "serve", "--data", data, "--create", "--durability", options.durability]
        + (["--state-bytes-max", options.state_bytes_max] if options.state_bytes_max else []),
        stderr=subprocess.PIPE, text=True)
    server.stderr.readline()
    reader = writer = beside = None
    try:
        subprocess.run([BINARY, "run", "--data", data, "-c", SETUP], check=True, capture_output=True)
        reader = subprocess.Popen(
            [BINARY, "run", "--data", data, "--follow", "--output", "ndjson", "-c",
             "SELECT t FROM results EMIT CHANGES;"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        writer = subprocess.Popen(
            [BINARY, "produce", "--data", data, "events"], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL)
        time.sleep(1)
        total = options.rate * options.seconds
        latencies = []
        done = threading.Event()

        def read():
            for line in reader.stdout:
                now, then = time.monotonic_ns(), json.loads(line)["T"]
                latencies.append((now - then, then))
                if len(latencies) == total:
                    break
            done.set()

        threading.Thread(target=read, daemon=True).start()
        sent = 0
        start = time.monotonic()
        begun = None
        while sent < total:
            due = min(total, int((time.monotonic() - start) * options.rate) + 1)
            if due > sent:
                now = time.monotonic_ns()
                lines = "".join(f'{{"t":{now},"n":{n}}}\n' for n in range(sent, due))
                writer.stdin.write(lines.encode())
                writer.stdin.flush()
                sent = due
            if options.beside and not beside and sent > total / 10:
                begun = time.monotonic_ns()
                beside = subprocess.Popen(
                    [BINARY, "run", "--data", data, options.beside], stdout=subprocess.DEVNULL)
            time.sleep(0.001)
        took = time.monotonic() - start
        done.wait(30)
        if not latencies:
            sys.exit("no result came")
        print(f"{options.durability:6} {options.rate:>7} events/s: {len(latencies)} of {total} results, "
              f"sent at {sent / took:,.0f}/s", end="")
        show(", ", [wait for wait, then in latencies if begun is None or then < begun])
        if begun is not None:
            show("       beside the other query: ", [wait for wait, then in latencies if then >= begun])
    finally:
        for process in (beside, writer, reader, server):
            if process:
                process.terminate()
                process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def show(what, waits):
    waits.sort()
    place = lambda share: waits[min(len(waits) - 1, int(len(waits) * share))] / 1e6
    print(f"{what}p50 {place(0.5):.2f} ms, p99 {place(0.99):.2f} ms, max {waits[-1] / 1e6:.2f} ms")


main()
