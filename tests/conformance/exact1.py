#!/usr/bin/env python3
"""A second implementation of exact/1, written from its text alone (docs/conformance.md).

    exact1.py vectors DIR|FILE...     checks golden vectors
    exact1.py run FILE [--reverse]    trains a run file; checks every root, sum and norm

Needs Python 3.8 and numpy. Exit status: 0 all bits agree, 1 they do not, 2 a file cannot be read,
77 numpy is missing (1 where the environment has CI).
"""
import argparse
import os
import sys

try:
    import numpy as np
except ImportError:
    print(f"skipped: {sys.executable} has no numpy (Debian: python3-numpy)")
    sys.exit(1 if os.environ.get("CI") else 77)

sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from exact1_products import reverse_sums  # noqa: E402
from exact1_run import run  # noqa: E402
from exact1_vectors import check_vectors  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    vectors = commands.add_parser("vectors", help="check golden vectors")
    vectors.add_argument("paths", nargs="+", metavar="DIR|FILE")
    training = commands.add_parser("run", help="train a run file")
    training.add_argument("file", metavar="FILE")
    training.add_argument("--reverse", action="store_true",
                          help="every exact sum from its last addend to its first")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    try:
        with np.errstate(all="ignore"):  # infinities and NaN are values here
            if arguments.command == "vectors":
                return 1 if check_vectors(arguments.paths) else 0
            if arguments.reverse:
                reverse_sums()
            return 1 if run(arguments.file) else 0
    except OSError as error:
        print(error)
    except (KeyError, TypeError, ValueError) as error:
        print(f"not a file as tests/golden/exact1/README.md says: {type(error).__name__} {error}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
