"""What do faults cost a run? Each is made on purpose, as often as it is counted.

    python benchmarks/faults.py
    python benchmarks/faults.py --quick           # a small share of each, which the tests run
    python benchmarks/faults.py --parts kills --seed 2

Prints a table for docs/RELIABILITY.md, and what went wrong, if anything did; the exit code is 1
then.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch reads it
# Of Python's own process that counts what killed ones have left.
os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")

from reliability import kills, long
from reliability.outcome import table

PARTS = {"kills": kills, "long": long}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a small share of each part")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the mutations")
    args = parser.parse_args(arguments)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.parts:
            outcomes += PARTS[name].measure(args.quick, args.seed, Path(folder) / name)
    print("\n".join(table(outcomes)))
    failures = [what for outcome in outcomes for what in outcome.failures]
    print("".join(f"\n{what}" for what in failures), end="\n" if failures else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
