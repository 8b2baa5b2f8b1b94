#!/usr/bin/env python3
"""How long pull queries take while a serve is written to as fast as it takes it.

usage: pulls.py [--seconds N] [--durability memory|os|disk] [--processes]

The samples' bank runs (four queries in a chain over 1,000 accounts); produce sends transfers without pause, and one
client asks, in turns, for one balance by its key, for all that are overdrawn by more than a limit, and for the
total. Prints the percentiles of the time from question to answer in ms, and how many records were written a second.
--processes: a `headrace run` for each question, from its start to its end, instead of one session.
HEADRACE names the binary (default: .build/release/headrace).
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("HEADRACE", os.path.join(ROOT, ".build/release/headrace"))
ACCOUNTS = 1000
QUESTIONS = [
    ("key", "SELECT account, amount FROM balance WHERE account = 7;"),
    ("table", "SELECT COUNT(*) AS n FROM balance WHERE amount < -100;"),
    ("total", "SELECT total FROM total WHERE accounts = 'all';"),
]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--durability", choices=["memory", "os", "disk"], default="disk")
    parser.add_argument("--processes", action="store_true")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="headrace-pulls-")
    data = directory + "/data"
    server = subprocess.Popen(
        [BINARY, "serve", "--data", data, "--create", "--durability", options.durability],
        stderr=subprocess.PIPE, text=True)
    server.stderr.readline()
    writer = reader = None
    try:
        subprocess.run(
            [BINARY, "run", "--data", data, ROOT + "/Samples/transfers/bank.sql"], check=True,
            capture_output=True)
        writer = subprocess.Popen(
            [BINARY, "produce", "--data", data, "--key-separator", "|", "--together", "2", "entries"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = subprocess.run(
            [sys.executable, ROOT + "/Samples/transfers/make_transfers.py", "50000", str(ACCOUNTS)],
            check=True, capture_output=True).stdout
        sent = [0]

        def write():
            try:
                while True:
                    writer.stdin.write(lines)
                    sent[0] += 100_000
            except (BrokenPipeError, ValueError, OSError):
                pass

        threading.Thread(target=write, daemon=True).start()
        time.sleep(3)
        reader = None if options.processes else subprocess.Popen(
            [BINARY, "shell", "--data", data, "--output", "csv"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        times = {name: [] for name, _ in QUESTIONS}
        wrong = []
        start = time.monotonic()
        while time.monotonic() - start < options.seconds:
            for name, question in QUESTIONS:
                asked = time.monotonic()
                if reader:
                    reader.stdin.write(question + "\n")
                    reader.stdin.flush()
                    # An empty line separates two answers, and names of columns begin each.
                    while not reader.stdout.readline().strip():
                        pass
                    answer = reader.stdout.readline().strip()
                else:
                    answer = subprocess.run(
                        [BINARY, "run", "--data", data, "--output", "csv", "-c", question],
                        check=True, capture_output=True, text=True).stdout.split("\n")[1]
                times[name].append((time.monotonic() - asked) * 1000)
                if name == "total" and answer != "0.00":
                    wrong.append(answer)
        report(times, wrong)
        log = subprocess.run(
            [BINARY, "topic", "list", "--data", data], capture_output=True, text=True).stdout
        print(log.strip())
    finally:
        for process in (reader, writer, server):
            if process:
                process.kill()
                process.wait()
        shutil.rmtree(directory)


def report(times, wrong):
    for name, values in times.items():
        values.sort()
        place = lambda share: values[min(len(values) - 1, int(len(values) * share))]
        print(f"{name:6} {len(values):6} answers: p50 {place(0.5):.1f} ms, p99 {place(0.99):.1f} ms, "
              f"max {values[-1]:.1f} ms")
    if wrong:
        sys.exit(f"totals other than 0: {wrong[:5]}")


if __name__ == "__main__":
    main()
