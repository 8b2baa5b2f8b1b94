#!/usr/bin/env python3
"""Where state that is larger than memory could lie: stores side by side, in a table of Markdown.

usage: stores.py [--keys N] [--operations N] [--epoch N] [--value BYTES]... [--budget MIB]
    [--limit MIB] [--seconds N] [--folder PATH] [CANDIDATE...]

Keys of 16 bytes. The candidates, each in a process of its own (stores.cpp), one after the other:
  rocksdb, rocksdb-lz4, rocksdb-universal   levels, with lz4, in few large runs; no log of its own
  lmdb, lmdb-map, lmdb-unsorted             pages written, mapped, and keys in the order they came
  log     values stay in the changelog, an index of sorted runs has hash and position
  runs    sorted runs of blocks, merged by size; the design of a store of our own

Columns:
  load     keys put in random order, in epochs, until the store has come to rest
  get      of keys that are there, 8,192 at once; absent: of keys that are not
  uniform, zipf   an epoch reads the keys that it changes and writes them, each once however often
           it was drawn: operations a second. Zipf's exponent is 1
  cpu      microseconds of the whole process for an operation of load / get / uniform
  limited  "uniform" where a cgroup limits all memory, also what the system caches of the files
           (--limit); version 1 of cgroups, and root
  scan     all records
  memory   anonymous bytes a key, the most there were after an epoch, less those of the process
           without a store; some MiB are the batches of the benchmark. Mapped pages do not count
  written  bytes that went to the disk (write_bytes of /proc/self/io, after a sync) for a byte
           put: for the load / the uniform changes / those of Zipf. The first writing of "log" is
           the changelog's, which the others have besides: 1.25 for values of 16 bytes
  disk     bytes of the files after all of it, for a byte that lives
  reopen   milliseconds from opening until the first get has its answer, and for a batch of 8,192
           after it; nothing cached, which takes root

A phase of reads or changes ends after --seconds. Of RocksDB and LMDB those are left out whose
headers (librocksdb-dev, liblmdb-dev) are missing. On small --keys this is a test: the program
checks what it reads.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARIES = {  # prefix of the candidates: header, library, macro, package
    "rocksdb": ("rocksdb/db.h", "rocksdb", "HAS_ROCKSDB", "librocksdb-dev"),
    "lmdb": ("lmdb.h", "lmdb", "HAS_LMDB", "liblmdb-dev"),
}
CANDIDATES = ["rocksdb", "rocksdb-lz4", "rocksdb-universal", "lmdb", "lmdb-map", "lmdb-unsorted",
              "log", "runs"]
COLUMNS = ["", "load M/s", "get M/s", "absent M/s", "uniform M/s", "zipf M/s", "cpu µs",
           "limited M/s", "scan M/s", "memory B/key", "written B/B", "disk B/B", "reopen ms"]


def build(folder):
    """The program, and the candidates that it has."""
    words, libraries, missing = [], [], []
    for name, (header, library, macro, package) in LIBRARIES.items():
        test = subprocess.run(["g++", "-E", "-x", "c++", "-"], input=f"#include <{header}>\n",
                              text=True, capture_output=True)
        if test.returncode == 0:
            words.append(f"-D{macro}")
            libraries.append(f"-l{library}")
        else:
            missing.append(name)
            print(f"without {name}: {package} is not installed", file=sys.stderr)
    program = str(folder / "stores")
    # The processor's own crc32c, where it has one.
    subprocess.run(["g++", "-std=c++20", "-O2", "-march=native", "-o", program, *words,
                    str(HERE / "stores.cpp"), *libraries], check=True)
    return program, [c for c in CANDIDATES if c.split("-")[0] not in missing]


def limited_group(limit):
    """A new cgroup below that of this process; None: not to be had."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        parent = next(line.split(":")[2] for line in lines if line.split(":")[1] == "memory")
        group = Path(f"/sys/fs/cgroup/memory{parent}/stores-{os.getpid()}")
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit << 20))
        return group
    except (OSError, StopIteration) as error:
        print(f"without a limit of memory: {error}", file=sys.stderr)
        return None


def measured(program, candidate, value, options, group, scratch):
    folder = scratch / candidate
    folder.mkdir()
    words = [program, candidate, str(folder)]
    for name in ("keys", "operations", "epoch", "seconds"):
        words += [f"--{name}", str(getattr(options, name))]
    words += ["--value", str(value), "--budget", str(int(options.budget * (1 << 20)))]
    if group:
        words += ["--cgroup", str(group)]
    try:
        result = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    finally:
        shutil.rmtree(folder)
    text = result.stdout
    if result.returncode != 0:
        print(f"{candidate}: ended by {result.returncode}", file=sys.stderr)
        # A store that does not live within the limit has its other figures all the same.
        text = text.rstrip(", ") + "}"
    return json.loads(text)


def row(candidate, value, keys, figures):
    def rate(phase):
        part = figures.get(phase)
        return f"{part['operations'] / max(part['seconds'], 1e-6) / 1e6:.3f}" if part else "-"

    def written(phase):
        part = figures.get(phase)
        return f"{part['written'] / part['put']:.1f}" if part else "-"

    def number(name, form, scale):
        return format(figures[name] / scale, form) if name in figures else "-"

    def cpu(phase):
        part = figures.get(phase)
        return f"{part['cpu'] / part['operations'] * 1e6:.1f}" if part else "-"

    reopen = figures.get("reopen")
    times = f"{reopen['first_ms']:.0f} + {reopen['batch_ms']:.0f}" if reopen else "-"
    if reopen and not reopen["cold"]:
        times += " (cached)"
    return [candidate, *map(rate, ("load", "get", "absent", "uniform", "zipf")),
            " / ".join(map(cpu, ("load", "get", "uniform"))), rate("limited"), rate("scan"),
            number("anonymous", ".1f", keys),
            " / ".join(map(written, ("load", "uniform", "zipf"))),
            number("disk", ".2f", keys * (16 + value)), times]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--operations", type=int, default=5_000_000)
    parser.add_argument("--epoch", type=int, default=50_000)
    parser.add_argument("--value", type=int, action="append")
    parser.add_argument("--budget", type=float, default=64)
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--folder", help="where the stores lie (default: a temporary folder)")
    parser.add_argument("candidates", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        scratch = Path(scratch)
        program, known = build(scratch)
        for value in options.value or [16, 100]:
            print(f"\n{options.keys:,} keys, values of {value} bytes, {options.budget:g} MiB, "
                  f"limit {options.limit} MiB\n")
            print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
            for candidate in options.candidates or known:
                group = limited_group(options.limit)
                try:
                    figures = measured(program, candidate, value, options, group, scratch)
                finally:
                    if group:
                        group.rmdir()
                cells = row(candidate, value, options.keys, figures)
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
