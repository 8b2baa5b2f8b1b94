#!/usr/bin/env python3
"""How the cost of a record changes with the size of the input, of the state, of the set of queries, and with the
workers.

usage: scale.py [--runs N] [--scratch FOLDER] [--copies N,...] [--sink topic|discard]
    [--part size|keys|copies|workers]... DATA...

DATA are folders as bench.py takes them, smallest first; JSON files, each result into a topic with durability os, or
with --sink discard only counted.
size: q5 and qg over each DATA. keys: qk over each DATA, a new key a record. copies: so many copies of q2 and of q5
over the first DATA's bids, which they read from one topic. workers: each query over the last DATA with one worker
and with two, in turns; the ratio is the median of those of the pairs. Medians of N runs (default 3). HEADRACE names
the binary.
"""
import argparse
import statistics
import types

import bench
import workload

PARTS = ["size", "keys", "copies", "workers"]


def runner(query, data, options, source="file", copies=1, workers=2):
    return bench.Headrace(query, data, types.SimpleNamespace(
        scratch=options.scratch, format="json", source=source, sink=options.sink, durability="os",
        copies=copies, workers=workers))


def middle(runs):
    """Median seconds, median CPU seconds and the highest peak in MB."""
    wall, cpu, peak = zip(*runs)
    return statistics.median(wall), statistics.median(cpu), max(peak)


def measure(query, data, options, source="file", copies=1):
    """Records, and what their runs come to."""
    of = runner(query, data, options, source, copies)
    try:
        runs = [of.run() for _ in range(options.runs)]
    finally:
        of.close()
    return workload.count(query, data, "json"), *middle(runs)


def compare(query, data, options):
    """Records, the runs of one worker and of two, and the median of what each pair gained."""
    both = [runner(query, data, options, workers=workers) for workers in (1, 2)]
    try:
        pairs = [[of.run() for of in both] for _ in range(options.runs)]
    finally:
        for of in both:
            of.close()
    one, two = zip(*pairs)
    gain = statistics.median(a[0] / b[0] for a, b in pairs)
    return workload.count(query, data, "json"), middle(one), middle(two), gain


def line(name, records, wall, cpu, peak, more=""):
    print(f"{name:14} {records:>11} {records / wall:>13,.0f} {cpu / records * 1e6:>8.2f} {peak:>6.0f} {more}",
          flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scratch")
    parser.add_argument("--copies", default="1,10,100")
    parser.add_argument("--sink", choices=["topic", "discard"], default="topic")
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    print(f"{'':14} {'records':>11} {'records/s':>13} {'CPU us':>8} {'MB':>6}")
    for part in options.part or PARTS:
        if part in ("size", "keys"):
            for query in ["q5", "qg"] if part == "size" else ["qk"]:
                for data in options.data:
                    line(query, *measure(query, data, options))
        elif part == "copies":
            for query in ["q2", "q5"]:
                for copies in map(int, options.copies.split(",")):
                    result = measure(query, options.data[0], options, "topic", copies)
                    line(f"{query} x {copies}", *result, f"{result[2] / result[0] / copies * 1e6:.3f} us a copy")
        else:
            for query in workload.QUERIES:
                records, one, two, gain = compare(query, options.data[-1], options)
                line(f"{query} 1 worker", records, *one)
                line(f"{query} 2 workers", records, *two, f"{gain:.2f} times")


if __name__ == "__main__":
    main()
