# SPDX-License-Identifier: Apache-2.0
"""What an agent takes on this very host, and how soon it answers: for scripts/bench. Needs root.

In each repetition: its start; the agent while nothing is asked of it, with tasks that sleep beside it; while it is
scraped; and in a storm, all CPUs forking, twice: left alone, and scraped. What it adds to others is bench_lives.
"""

import contextlib
import json
import os
import pathlib
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from figures import ROOT, row

sys.path.insert(0, str(ROOT / "vmtests" / "host"))

from scrape import get  # noqa: E402

# What an idle agent is measured with, where the host has fewer.
TASKS = 300
PATIENCE_S = 30
SCRAPE_EVERY_S = 0.1
# What the host did; other events tell what is, or are the agent's own.
HAPPENED = ("task_new", "task_exec", "task_exit", "task_free")


class LiveError(Exception):
    """One line: what, why, what next."""


class Agent:
    """One of its own, on a free port of the loopback address, off a CPU where there is another; use as a context
    manager."""

    def __init__(self, binary: str, off: int | None = None) -> None:
        cpus = os.sched_getaffinity(0) - {off} or os.sched_getaffinity(0)
        self.errors = tempfile.TemporaryFile("w+")
        self.began = time.monotonic()
        try:
            self.process = subprocess.Popen([binary, "agent", "--listen", "127.0.0.1:0"], text=True,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
                                            preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        except OSError as error:
            raise LiveError(f"cannot start the agent: {error}") from None
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            came, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
            found = re.search(r"metrics (http://\S+)/metrics", self.process.stdout.readline()) if came else None
            if found is None:
                self.fail("start the agent")
            self.url = found[1]
            while not self.ready():
                if self.process.poll() is not None or time.monotonic() - self.began > PATIENCE_S:
                    self.fail("wait for the agent's first snapshot")
                time.sleep(0.001)
            self.ready_after_s = time.monotonic() - self.began
            undo.pop_all()

    def fail(self, what: str) -> None:
        try:
            status = self.process.wait(1)
            reason = f"it ended with {status} and gave no reason"
        except subprocess.TimeoutExpired:
            self.stop()
            reason = f"that took more than {PATIENCE_S} s"
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines()
        raise LiveError(f"cannot {what}: {said[-1] if said else reason}")

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ready(self) -> bool:
        try:
            return bool(get(self.url + "/readyz"))
        except OSError:
            return False

    def scrape(self) -> bytes:
        try:
            return get(self.url + "/metrics")
        except OSError as error:
            raise LiveError(f"cannot read the agent's metrics: {error}") from None

    def metrics(self) -> dict[str, float]:
        """By series: name{label="…"}."""
        lines = self.scrape().decode().splitlines()
        return {series: float(value) for series, value in
                (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def cpu_s(self) -> float:
        # clock_getcpuclockid(3), which Python has not: finer than /proc/PID/stat, whose ticks are what an idle agent
        # takes in ten seconds.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def wakeups(self) -> int:
        """How often its threads went to sleep, which each wake-up but the last ends with."""
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.M)[1])
                   for status in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/status"))

    def resident_MB(self) -> float:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s*(\d+) kB", status, re.M)[1]) * 1024 / 1e6


def total(metrics: dict[str, float], name: str) -> float:
    """Of all series of a metric."""
    return sum(value for series, value in metrics.items() if series.split("{")[0] == name)


def happened(metrics: dict[str, float]) -> float:
    return sum(metrics[f'nstrail_events_total{{kind="{kind}"}}'] for kind in HAPPENED)


@contextlib.contextmanager
def stopped_at_end(processes: list[subprocess.Popen]) -> Iterator[list[subprocess.Popen]]:
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


class Live:
    def __init__(self, binary: str, cycles: str, seconds: int) -> None:
        self.binary = binary
        self.cycles = cycles
        self.seconds = seconds
        self.found: dict[tuple[str, str], list[float]] = {}

    def add(self, what: str, unit: str, value: float) -> None:
        self.found.setdefault((what, unit), []).append(value)

    def living(self, kind: str, seconds: int) -> subprocess.Popen:
        """Lives of that kind, one after the other."""
        return subprocess.Popen([self.cycles, kind, f"{seconds * 1000}ms"], text=True, stdout=subprocess.PIPE)

    def first_event(self) -> None:
        """`nstrail live`, while another process forks and forks: how soon one of these forks is told."""
        command = [self.binary, "live", "--json", "--for", f"{PATIENCE_S}s"]
        with stopped_at_end([self.living("fork", PATIENCE_S)]) as (parent,):
            time.sleep(0.2)
            began = time.clock_gettime(time.CLOCK_BOOTTIME)
            with stopped_at_end([subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL,
                                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)]) as (live,):
                events = (json.loads(line) for line in live.stdout if '"kind":"task_new"' in line)
                first = next((event for event in events if event["actor"]["tid"] == parent.pid), None)
                told = time.clock_gettime(time.CLOCK_BOOTTIME)
        if first is None:
            raise LiveError("cannot measure the start: `nstrail live` told no fork")
        self.add("`nstrail live`: from its start to the first event that it has", "ms",
                 first["at_boot_ns"] / 1e6 - began * 1e3)
        self.add("`nstrail live`: from its start to the first event told", "ms", (told - began) * 1e3)

    def idle(self, agent: Agent) -> None:
        time.sleep(3)  # what starting and the new tasks caused is over
        before = agent.metrics()
        time.sleep(1)  # and so is this answer
        wakeups, cpu, began = agent.wakeups(), agent.cpu_s(), time.monotonic()
        time.sleep(self.seconds)
        wakeups, cpu, passed = agent.wakeups() - wakeups, agent.cpu_s() - cpu, time.monotonic() - began
        resident = agent.resident_MB()
        after = agent.metrics()
        ring = f"{after['nstrail_ring_bytes'] / 2**20:.0f} MiB"
        self.add("idle: tasks tracked", "tasks", total(after, "nstrail_tasks"))
        self.add("idle: births, execs, exits and ends of tasks meanwhile", "events/s",
                 (happened(after) - happened(before)) / (passed + 1))
        self.add("idle: wake-ups", "1/s", wakeups / passed)
        self.add("idle: CPU", "% of one", 100 * cpu / passed)
        self.add(f"idle: resident memory, the ring's {ring} of the kernel among it", "MB", resident)

    def scrapes(self, agent: Agent, label: str, processes: list[subprocess.Popen] | None = None) -> None:
        """For the time of a watch, or until the first of the processes ends."""
        took = []
        until = time.monotonic() + self.seconds / 3
        while (processes[0].poll() is None) if processes else (time.monotonic() < until):
            began = time.monotonic()
            agent.scrape()
            took.append((time.monotonic() - began) * 1e3)
            time.sleep(SCRAPE_EVERY_S)
        self.add(f"{label}: a scrape", "ms", statistics.median(took))
        self.add(f"{label}: the slowest scrape", "ms", max(took))

    def storm(self, agent: Agent, scraped: bool) -> None:
        before, cpu, began = agent.metrics(), agent.cpu_s(), time.monotonic()
        with stopped_at_end([self.living("fork", self.seconds) for _ in os.sched_getaffinity(0)]) as processes:
            if scraped:
                self.scrapes(agent, "storm", processes)
            lives = sum(json.loads(process.communicate()[0])["count"] for process in processes)
        passed = time.monotonic() - began
        time.sleep(1)  # the last of it is taken from the ring, and losses at its end are noticed
        cpu, after = agent.cpu_s() - cpu, agent.metrics()

        def more(name: str) -> float:
            return total(after, name) - total(before, name)

        label = "storm, scraped" if scraped else "storm"
        self.add(f"{label}: events lost", "events", more("nstrail_lost_events_total"))
        if scraped:
            return
        self.add("storm: forks", "lives/s", lives / passed)
        self.add("storm: events delivered", "events/s", more("nstrail_delivered_events_total") / passed)
        self.add("storm: most of the ring in use", "%",
                 100 * after["nstrail_ring_high_water_bytes"] / after["nstrail_ring_bytes"])
        self.add("storm: the agent's CPU", "% of one", 100 * cpu / passed)
        self.add("storm: CPU for a million events", "s", cpu / more("nstrail_delivered_events_total") * 1e6)

    def repeat(self) -> None:
        self.first_event()
        tasks = sum(1 for _ in pathlib.Path("/proc").glob("[0-9]*/task/*"))
        with stopped_at_end([subprocess.Popen(["sleep", "infinity"]) for _ in range(tasks, TASKS)]):
            with Agent(self.binary) as agent:
                self.add("agent: from its start to ready, all tasks known", "ms", agent.ready_after_s * 1e3)
                self.idle(agent)
                self.scrapes(agent, "idle")
                self.storm(agent, scraped=False)
                self.storm(agent, scraped=True)


def way_of(binary: str, cycles: str) -> str:
    """How this host can be traced. Raises LiveError where it cannot, or nothing can be measured."""
    if os.geteuid() != 0:
        raise LiveError("tracing needs root; see `nstrail doctor` for what else would do")
    if not os.path.exists(cycles):
        raise LiveError(f"{cycles} is missing; run without --no-build")
    others = subprocess.run(["pgrep", "-x", "nstrail"], text=True, capture_output=True, check=False).stdout.split()
    if others:
        print(f"live: another nstrail runs, which all figures have in them: pid {', '.join(others)}", file=sys.stderr)
    # Also so that no later one is the first to read its files.
    with Agent(binary) as agent:
        return json.loads(get(agent.url + "/api/v1/doctor"))["mode"]


def measure(binary: str, cycles: str, repetitions: int, seconds: int) -> tuple[str, list[dict]]:
    """How this host can be traced, and the figures. Raises LiveError."""
    way = way_of(binary, cycles)
    live = Live(binary, cycles, seconds)
    for at in range(repetitions):
        print(f"live: repetition {at + 1} of {repetitions}", file=sys.stderr, flush=True)
        live.repeat()
    return way, [row(what, unit, values) for (what, unit), values in live.found.items()]
