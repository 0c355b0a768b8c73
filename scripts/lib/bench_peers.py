# SPDX-License-Identifier: Apache-2.0
"""What it takes to read what a storm left, beside perf and babeltrace2: for scripts/bench. Needs root.

One storm of forks on all CPUs is recorded by `nstrail record` and by `perf record` with the same tracepoints, both at
once; then each reader has its turn, one after the other, and again.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from bench_live import stopped_at_end
from figures import row

PATIENCE_S = 600
# Those that nstrail reads in its reduced mode.
TRACEPOINTS = ("task:task_newtask", "task:task_rename", "sched:sched_process_exec", "sched:sched_process_exit",
               "sched:sched_process_free")


class PeersError(Exception):
    """One line: what, why, what next."""


def recorded(command: list[str], log: pathlib.Path) -> subprocess.Popen:
    with log.open("w") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)


def ended(process: subprocess.Popen, what: str, log: pathlib.Path) -> None:
    """Asked to end, it has written all that it has."""
    process.send_signal(signal.SIGINT)
    # perf hands the signal on to itself when it is done.
    if process.wait(PATIENCE_S) not in (0, -signal.SIGINT):
        lines = log.read_text(errors="replace").strip().splitlines()
        raise PeersError(f"cannot record with {what}: {lines[-1] if lines else 'it gave no reason'}")


def lines_of(command: list[str], holding: bytes = b"") -> int:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader:
        count = sum(holding in line for line in reader.stdout)
    if reader.returncode != 0:
        raise PeersError(f"`{' '.join(command)}` ended with {reader.returncode}")
    return count


def read_s(command: list[str]) -> float:
    began = time.monotonic()
    try:
        subprocess.run(command, check=True, timeout=PATIENCE_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (subprocess.SubprocessError, OSError) as error:
        raise PeersError(f"cannot read what the storm left: {error}") from None
    return time.monotonic() - began


def storm(binary: str, cycles: str, seconds: int, folder: pathlib.Path) -> tuple[str, str]:
    """Where the recording and perf's file are."""
    ours, theirs = folder / "recording", folder / "perf.data"
    events = [word for point in TRACEPOINTS for word in ("-e", point)]
    commands = {"nstrail": [binary, "record", str(ours)],
                "perf": ["perf", "record", "-q", "-a", "-m", "4096", "-o", str(theirs), *events]}
    logs = {name: folder / f"{name}.log" for name in commands}
    with contextlib.ExitStack() as running:
        recorders = {name: running.enter_context(stopped_at_end([recorded(command, logs[name])]))[0]
                     for name, command in commands.items()}
        time.sleep(2)
        for name, recorder in recorders.items():
            if recorder.poll() is not None:
                ended(recorder, name, logs[name])
        with stopped_at_end([subprocess.Popen([cycles, "fork", f"{seconds * 1000}ms"], stdout=subprocess.DEVNULL)
                             for _ in os.sched_getaffinity(0)]) as processes:
            for process in processes:
                process.wait()
        time.sleep(1)
        for name, recorder in recorders.items():
            ended(recorder, name, logs[name])
    return str(ours), str(theirs)


def babeltrace2(recording: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What it reads of a recording, and with what command; where it is not there, the reason."""
    if shutil.which("babeltrace2") is None:
        return {}, {"a storm read by babeltrace2": "it is not installed"}
    boot = next(str(path) for path in pathlib.Path(recording).glob("boot-*"))
    return {"`babeltrace2` of the recording, as text": ["babeltrace2", boot],
            "`babeltrace2` of the recording, counted only": ["babeltrace2", boot, "-c", "sink.utils.counter"]}, {}


def measure(binary: str, cycles: str, repetitions: int, seconds: int) -> tuple[list[dict], dict[str, str]]:
    """The figures, and who was not there, with the reason. Raises PeersError."""
    if os.geteuid() != 0:
        raise PeersError("recording needs root")
    if shutil.which("perf") is None:
        raise PeersError("perf is not installed (Debian's linux-perf)")
    with tempfile.TemporaryDirectory(prefix="nstrail-bench-") as name:
        ours, theirs = storm(binary, cycles, seconds, pathlib.Path(name))
        text = {"`perf script` of perf's file": ["perf", "script", "-i", theirs],
                "`nstrail replay --json`": [binary, "replay", ours, "--json"]}
        counts = {what: lines_of(command) for what, command in text.items()}
        events = counts["`nstrail replay --json`"]
        others, absent = babeltrace2(ours)
        readers = {**text, "`nstrail check`, all rules": [binary, "check", ours], **others}
        took = {what: [] for what in readers}
        for _ in range(repetitions):
            for what, command in readers.items():
                took[what].append(read_s(command))
    found = [row(f"a storm of {seconds} s: events that {who}", "events", [counts[what]])
             for who, what in (("perf recorded", "`perf script` of perf's file"), ("nstrail recorded", "`nstrail replay --json`"))]
    found += [row(f"a storm read by {what}", "10⁶ events/s", [counts.get(what, events) / s / 1e6 for s in seconds_of])
              for what, seconds_of in took.items()]
    return found, absent
