#!/usr/bin/env python3
"""Instructions that the benchmark queries take for each record, counted by valgrind's callgrind, against the
counts in instructions.txt: a regression shows without a clock.

usage: instructions.py [--bless] [QUERY...]

Each query runs over 5,000 and over 25,000 seeded records with one worker; the difference over 20,000 is what a
record costs. A count may be up to 10 % above the recorded one. HEADRACE names the binary.
"""
import os
import random
import subprocess
import sys
import tempfile

import workload

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("HEADRACE", os.path.join(os.path.dirname(HERE), ".build/release/headrace"))
RECORD = os.path.join(HERE, "instructions.txt")
QUERIES = ["q0", "q1", "q2", "q5", "qg", "sj"]
TOLERANCE = 1.10
SIZES = (5_000, 25_000)


def write(folder, table, lines):
    os.makedirs(f"{folder}/{table}", exist_ok=True)
    for part in (0, 1):
        with open(f"{folder}/{table}/part-{part}.json", "w") as file:
            file.writelines(lines[part::2])


def generate(folder, count):
    chance = random.Random(42)
    start = 1_700_000_000_000
    write(folder, "bid", [
        '{"auction":%d,"bidder":%d,"price":%d,"channel":"channel-%d","url":"https://example.com/item/%d",'
        '"dateTime":%d,"extra":"%s"}\n' % (
            1000 + (chance.randrange(count // 20 + 1) if n % 2 else 0), 2000 + chance.randrange(500),
            chance.randrange(10_000_000), n % 7, n, start + n // 10, "x" * (40 + n % 30))
        for n in range(count)])
    write(folder, "customers", [
        '{"customer_id":%d,"name":"customer %d","region":"region %d","tier":"gold","updated_at":0}\n' % (
            n, n, n % 50) for n in range(1000)])
    write(folder, "orders", [
        '{"order_id":%d,"customer_id":%d,"item":"item-%d","quantity":%d,"amount":%d,"ts":%d}\n' % (
            n, chance.randrange(1000), n % 900, n % 9 + 1, chance.randrange(100_000), start + n // 10)
        for n in range(count)])


def stripped(folder):
    """A copy without debug information, which valgrind does not always understand."""
    copy = f"{folder}/headrace"
    subprocess.run(["strip", "--strip-debug", "-o", copy, BINARY], check=True)
    return copy


def instructions(query, data, binary):
    text = workload.script(query, data, "json")
    with tempfile.TemporaryDirectory() as scratch:
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, "run",
             "--data", scratch + "/data", "--create", "--durability", "os", "--workers", "1",
             "--command=" + text], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{query}: {result.stderr[-1500:]}")
    for line in result.stderr.splitlines():
        if "Collected :" in line:
            return int(line.split(":")[1].split()[0])
    sys.exit(f"{query}: callgrind gave no count")


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")] or QUERIES
    known = {}
    if os.path.exists(RECORD):
        with open(RECORD) as file:
            known = {name: int(count) for name, count in (line.split() for line in file)}
    above = 0
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            generate(f"{folder}/{size}", size)
        binary = stripped(folder)
        for query in wanted:
            few, many = (instructions(query, f"{folder}/{size}", binary) for size in SIZES)
            count = (many - few) // (SIZES[1] - SIZES[0])
            verdict = ""
            if "--bless" in sys.argv:
                known[query] = count
            elif query in known:
                ratio = count / known[query]
                verdict = f"  {ratio:.2f} of {known[query]}"
                if ratio > TOLERANCE:
                    verdict += "  ABOVE"
                    above += 1
            print(f"{query:4} {count:>6} instructions a record{verdict}", flush=True)
    if "--bless" in sys.argv:
        with open(RECORD, "w") as file:
            file.writelines(f"{query} {known[query]}\n" for query in QUERIES if query in known)
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
