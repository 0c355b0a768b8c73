# SPDX-License-Identifier: Apache-2.0
"""How much longer a task's life takes with an agent, on this very host: for scripts/bench. Needs root.

Lives of one process, one after the other on one CPU; the agent on another. A turn of each kind without an agent, a
turn with one, and so on.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from bench_live import Agent, LiveError, stopped_at_end, way_of
from figures import row

KINDS = {"fork": "fork, exit, wait", "vfork": "vfork, exit, wait", "thread": "thread created, joined"}
# Lives of a kind are lived so long without a change.
TURN_MS = 200
# Before that all is over that an agent leaves to do: in the tenth of a second after its end a fork takes a twentieth
# longer, and in the half second after it is ready nearly a hundredth.
ENDED_S = 0.4
STARTED_S = 1.5
LEAST_TURNS = 4


def trimmed_mean(values: list[float]) -> tuple[float, float]:
    """Without the tenth at either end, and its standard error: of the values with those ends drawn in."""
    values = sorted(values)
    cut = len(values) // 10
    kept = values[cut:len(values) - cut]
    drawn_in = [kept[0]] * cut + kept + [kept[-1]] * cut
    return statistics.mean(kept), statistics.stdev(drawn_in) * len(values) / len(kept) / len(values) ** 0.5


class Turns:
    """Of lives, all of one process: of two, a fork takes longer in the one by more than an agent adds. On one CPU, so
    that no life waits for another CPU to wake up: that would hide what is added."""

    def __init__(self, binary: str, cycles: subprocess.Popen, cpu: int) -> None:
        self.binary = binary
        self.cycles = cycles
        self.cpu = cpu

    def turn(self, settle_s: float = ENDED_S) -> dict[str, tuple[float, float]]:
        """Of each kind: nanoseconds that a life takes, and what of that on a CPU."""
        time.sleep(settle_s)
        found = {}
        for kind in KINDS:
            print(kind, f"{TURN_MS}ms", file=self.cycles.stdin, flush=True)
            told = self.cycles.stdout.readline()
            if not told:
                raise LiveError("cannot measure lives: the process that lives them ended")
            told = json.loads(told)
            found[kind] = (told["ns"] / told["count"], told["cpu_ns"] / told["count"])
        return found

    def watched(self) -> dict[str, tuple[float, float]]:
        # The agent works on another CPU: now and then on the same it would be measured by chance.
        with Agent(self.binary, off=self.cpu):
            return self.turn(STARTED_S)


def repeat(binary: str, cycles: str, turns: int, found: dict[tuple[str, str], list[float]]) -> None:
    cpu = max(os.sched_getaffinity(0))
    with stopped_at_end([subprocess.Popen([cycles, "-"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))]) as (process,):
        lives = Turns(binary, process, cpu)
        lives.turn()  # the first of a while take longer
        alone, watched = [lives.turn()], []
        for _ in range(max(LEAST_TURNS, turns)):
            watched.append(lives.watched())
            alone.append(lives.turn())

    def add(what: str, unit: str, value: float) -> None:
        found.setdefault((what, unit), []).append(value)

    for kind, label in KINDS.items():
        add(f"{label}: without an agent", "lives/s", 1e9 / statistics.median(turn[kind][0] for turn in alone))
        add(f"{label}: with one", "lives/s", 1e9 / statistics.median(turn[kind][0] for turn in watched))
        # Each beside those before and after it: what the machine does slowly is on both sides.
        for at, what in enumerate(("longer with one", "more CPU with one")):
            more, error = trimmed_mean([200 * beside[kind][at] / (before[kind][at] + after[kind][at]) - 100
                                        for beside, before, after in zip(watched, alone, alone[1:])])
            add(f"{label}: {what}, by", "%", more)
            add(f"{label}: {what}, standard error", "%", error)


def measure(binary: str, cycles: str, repetitions: int, turns: int) -> tuple[str, list[dict]]:
    """How this host can be traced, and the figures. Raises LiveError."""
    way = way_of(binary, cycles)
    found: dict[tuple[str, str], list[float]] = {}
    for at in range(repetitions):
        print(f"lives: repetition {at + 1} of {repetitions}", file=sys.stderr, flush=True)
        repeat(binary, cycles, turns, found)
    return way, [row(what, unit, values) for (what, unit), values in found.items()]
