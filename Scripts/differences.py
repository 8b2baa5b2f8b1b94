"""What the differential scripts of the formats share: random values of plain types, and the way of the cases to the Swift
tests. A case is a line of JSON: a schema, and rows of `hex` (a record), `value` (what columns hold of it) and `written`
(the record that they are written as; null: they are not written)."""
import argparse, json, os, random, string, subprocess, sys, tempfile

ROWS = 20


class Draws:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def text(self):
        r = self.random
        alphabet = string.ascii_letters + " ,\"\\\n\0éß漢😀"
        return "".join(r.choice(alphabet) for _ in range(r.choice([0, 1, 5, 7, 8, 9, 15, 16, 17, 70, 300])))

    def integer(self, bits):
        r = self.random
        edge = [0, -1, 1, 63, 64, -64, -65, 2 ** (bits - 1) - 1, -2 ** (bits - 1)]
        return r.choice(edge) if r.random() < 0.3 else r.getrandbits(bits) - 2 ** (bits - 1) >> r.randrange(bits)

    def double(self):
        r = self.random
        if r.random() < 0.2:
            return r.choice([0.0, -0.0, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308])
        return r.uniform(-1e6, 1e6)

    def unscaled(self, precision):
        r = self.random
        bound = 10 ** precision - 1
        value = r.choice([0, -1, 127, -128, 128, bound, r.randrange(10 ** r.randint(1, precision))])
        return max(-bound, min(bound, value)) * r.choice([1, -1])


def twos_complement(value):
    """The shortest bytes of a number, the most significant first."""
    size = 1
    while not -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
        size += 1
    return value.to_bytes(size, "big", signed=True)


def plain(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return "-0.0" if value == 0 and str(value)[0] == "-" else value


def main(description, format, generator, line):
    """`generator`: made of a seed. `line`: makes the schema and the rows of one case with it."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000, help="values, %d for each schema" % ROWS)
    parser.add_argument("--skip-build", action="store_true")
    options = parser.parse_args()
    draws = generator(options.seed)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as cases:
        for _ in range(max(1, -(-options.count // ROWS))):
            cases.write(json.dumps(dict(line(draws), format=format), ensure_ascii=False) + "\n")
    command = ["swift", "test", "--filter", "FormatDifferenceTests"]
    if options.skip_build:
        command.append("--skip-build")
    try:
        sys.exit(subprocess.run(command, env=dict(os.environ, HEADRACE_FORMAT_CASES=cases.name)).returncode)
    finally:
        os.unlink(cases.name)
