# SPDX-License-Identifier: Apache-2.0
"""The tables of what the tests can run: kernels.txt and variants.txt."""

import os
from dataclasses import dataclass

VMTESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TESTS = {"scenes", "confine", "faults", "fresh", "hardened", "locked", "loss", "pinned", "prometheus", "record", "soak", "violator", "manual"}


class TableError(Exception):
    """What is wrong with a table, in one line."""


@dataclass(frozen=True)
class Variant:
    name: str
    kernel: str
    tests: tuple
    cmdline: str  # more kernel command line
    trace: str  # arguments of agent and live


def _rows(name):
    with open(os.path.join(VMTESTS, name), encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words and not words[0].startswith("#"):
                yield words


def kernels():
    """The names in kernels.txt, in its order."""
    return [words[0] for words in _rows("kernels.txt")]


def variants():
    """The rows of variants.txt by name, in its order."""
    known = kernels()
    table = {}
    for words in _rows("variants.txt"):
        name, kernel, tests = words[:3] if len(words) >= 3 else (words[0], "", "")
        if name in table:
            raise TableError(f"variants.txt: {name} is there twice")
        if kernel not in known:
            raise TableError(f"variants.txt: {name} wants the kernel '{kernel}', which kernels.txt does not list")
        if not set(tests.split(",")) <= TESTS:
            raise TableError(f"variants.txt: {name} wants the tests '{tests}'; there are {', '.join(sorted(TESTS))}")
        rest = words[3:]
        at = next((i for i, word in enumerate(rest) if word.startswith("--")), len(rest))
        table[name] = Variant(name, kernel, tuple(tests.split(",")), " ".join(rest[:at]), " ".join(rest[at:]))
    return table
