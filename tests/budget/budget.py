#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the instructions that fixed work takes against the budget in instructions.txt.

usage: budget.py PROGRAM [--update | --self-test]
  PROGRAM      tests/budget_workloads of a build
  --update     writes what was counted as the new budget, for what this PROGRAM was built by
  --self-test  shows that work that is done twice is found out

Instructions, counted by valgrind's callgrind, are the same on a busy machine and on a slow one, so a
small change shows where the clock would not tell. They depend on the compiler and the C library, and on
what the processor offers (functions of the C library choose by it), so the budget says what it is for;
elsewhere nothing is judged. Exit status: 0 within the budget, 1 over it, 77 it is for something else."""
import concurrent.futures
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

BUDGET = pathlib.Path(__file__).resolve().parent / "instructions.txt"
SKIPPED = 77
MARGIN = 3  # percent, where the budget names none
# valgrind shows the same processor on every host that has this.
NEEDED = "avx2"


def die(why: str) -> None:
    sys.exit(f"budget: {why}")


def callgrind(program: str, name: str, times: int = 1) -> float:
    """Instructions for one unit of that workload."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory, "callgrind.out")
        # Addresses and the environment are the same each time, and no thread helps, which would not be counted.
        ran = subprocess.run(
            ["setarch", "-R", "valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no",
             f"--callgrind-out-file={out}", program, name, str(times)],
            env={"PATH": os.environ["PATH"], "TMPDIR": directory}, text=True, capture_output=True, check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, {random.choice(list(os.sched_getaffinity(0)))}))
        if ran.returncode:
            die(f"{name}: exit status {ran.returncode}: {(ran.stderr.strip().splitlines() or ['nothing said'])[-1]}")
        total = re.search(r"^totals: (\d+)$", out.read_text(), re.M)
        if total is None or int(total[1]) == 0:
            die(f"{name}: callgrind counted nothing; is {program} built with valgrind's headers?")
        return int(total[1]) / int(ran.stdout)


def read_budget() -> tuple[str, dict[str, tuple[float, float]]]:
    """What the budget is for, and of each workload instructions and margin in percent."""
    built, budget = "", {}
    for line in BUDGET.read_text().splitlines() if BUDGET.exists() else []:
        if line.startswith("built by: "):
            built = line.removeprefix("built by: ")
        elif line and not line.startswith("#"):
            name, instructions, _, margin = line.split()
            budget[name] = float(instructions), float(margin.rstrip("%"))
    return built, budget


def write_budget(built: str, counts: dict[str, float], units: dict[str, str],
                 old: dict[str, tuple[float, float]]) -> None:
    lines = ["# SPDX-License-Identifier: Apache-2.0", "#",
             "# How many instructions work may take, and by how much it may be exceeded: docs/PERFORMANCE.md.",
             "# Written by tests/budget/budget.py --update; margins are kept.",
             f"built by: {built}"]
    for name, count in counts.items():
        margin = old.get(name, (0, MARGIN))[1]
        lines.append(f"{name:8} {count:12.1f}  /{units[name]:9} {margin:g}%")
    BUDGET.write_text("\n".join(lines) + "\n")


def main() -> int:
    arguments = sys.argv[1:]
    options = [one for one in arguments if one.startswith("--")]
    programs = [one for one in arguments if not one.startswith("--")]
    if len(programs) != 1 or options not in ([], ["--update"], ["--self-test"]):
        print(__doc__, file=sys.stderr)
        return 2
    program = programs[0]
    update, self_test = "--update" in options, "--self-test" in options

    built, *lines = subprocess.run([program], text=True, capture_output=True, check=True).stdout.splitlines()
    units = dict(line.split() for line in lines)
    wanted, budget = read_budget()
    if NEEDED not in pathlib.Path("/proc/cpuinfo").read_text().split():
        print(f"skipped: this processor has no {NEEDED}, and takes other instructions for the same work")
        return SKIPPED
    if not update and wanted != built:
        print(f"skipped: the budget is for what is built by {wanted}; this is {built}. "
              "If that is to be the compiler from now on: budget.py PROGRAM --update")
        return SKIPPED
    if self_test:
        # The cheapest: what is shown is that counting, comparing and telling go together.
        units = {"decode": units["decode"]}
    elif not update and units.keys() != budget.keys():
        die(f"the budget has {', '.join(sorted(budget))}, {program} has {', '.join(sorted(units))}: "
            "budget.py PROGRAM --update")

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        times = 2 if self_test else 1
        counts = dict(zip(units, pool.map(lambda name: callgrind(program, name, times), units)))
    if update:
        write_budget(built, counts, units, budget)

    over = []
    for name, count in counts.items():
        allowed, margin = budget.get(name, (count, MARGIN))
        change = 100 * (count / allowed - 1)
        verdict = ""
        if change > margin:
            over.append(name)
            verdict = f"  over the budget by more than {margin:g} %"
        elif change < -margin:
            verdict = "  well under the budget: write down what was won (--update)"
        print(f"{name:8} {count:12.1f} instructions/{units[name]:9} {change:+7.2f} %{verdict}")
    if self_test:
        print("the self-test found it out" if over else "the self-test was NOT found out")
        return 0 if over else 1
    if over and not update:
        print(f"over the budget: {', '.join(over)}. Find out where by callgrind_annotate; if the work is worth "
              "it: budget.py PROGRAM --update, and say why in the commit")
        return 1
    return 0


sys.exit(main())
