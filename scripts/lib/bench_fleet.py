# SPDX-License-Identifier: Apache-2.0
"""What a host adds to a fleet's stream, and what three servers on this very host take: for scripts/bench. Needs root and
nats-server.

In each repetition: an agent records and ships for a while in which nobody forks, and one in which all CPUs do; then what
the second recorded is shipped by several at once, under names of hosts of their own, as fast as the servers store it.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from bench_live import PATIENCE_S, LiveError, stopped_at_end
from figures import ROOT, row

sys.path.insert(0, str(ROOT / "tests" / "fleet"))

from nats import Cluster, Failure, find_server, until  # noqa: E402

SHIPPERS = 8
STREAM = json.loads((ROOT / "packaging/nats/stream.json").read_text(encoding="utf-8"))


class FleetError(Exception):
    """One line: what, why, what next."""


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def servers_cpu_s(cluster: Cluster) -> float:
    return sum(cpu_s(server.pid) for server in cluster.servers if server is not None)


def state(cluster: Cluster) -> tuple[int, int]:
    """Messages and their bytes, with subjects and headers, of one replica."""
    found = cluster.info()["state"]
    return found["messages"], found["bytes"]


def watched(binary: str, cluster: Cluster, folder: pathlib.Path, seconds: int, load: list[list[str]]) -> dict:
    """An agent records into `folder` and ships that while `load` runs, or for `seconds`."""
    before = state(cluster)
    command = [binary, "agent", "--listen", "127.0.0.1:0", "--record", str(folder), "--ship", cluster.url + "/NSTRAIL",
               "--ship-host", folder.name]
    with (folder.with_suffix(".log")).open("w+") as log, subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as agent, stopped_at_end([agent]):
        until("the first message", PATIENCE_S, lambda: state(cluster)[0] > before[0])
        time.sleep(2)
        begun, began, used = state(cluster), time.monotonic(), cpu_s(agent.pid)
        with stopped_at_end([subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in load]) as running:
            lives = sum(json.loads(one.communicate()[0])["count"] for one in running)
        time.sleep(0 if load else seconds)
        took, cpu, after = time.monotonic() - began, cpu_s(agent.pid) - used, state(cluster)
        memory = int(re.search(r"VmRSS:\s+([0-9]+) kB", pathlib.Path(f"/proc/{agent.pid}/status").read_text())[1])
        agent.terminate()
        agent.wait(PATIENCE_S)
        log.seek(0)
        said = log.read()
    if agent.returncode != 0 or ", 0 lost;" not in said:
        raise FleetError(f"the agent ended with {agent.returncode}: {(said.splitlines() or ['no word'])[-1]}")
    return {"seconds": took, "lives": lives, "cpu": cpu, "memory": memory * 1024,
            "events": int(re.search(r"([0-9]+) events recorded", said)[1]),
            "messages": after[0] - begun[0], "bytes": after[1] - begun[1], "all_bytes": state(cluster)[1] - before[1]}


def shipped(binary: str, cluster: Cluster, folder: pathlib.Path) -> dict:
    """Several ship the same recording at once."""
    copies = [folder.with_name(f"{folder.name}-{number}") for number in range(SHIPPERS)]
    for copy in copies:
        shutil.copytree(folder, copy)
        for mark in copy.rglob("shipped"):
            mark.unlink()
    before, servers, own = state(cluster), servers_cpu_s(cluster), os.times()
    began = time.monotonic()
    with stopped_at_end([subprocess.Popen([binary, "fleet", "ship", cluster.url, str(copy), "--host", copy.name, "--rate", "1G"],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for copy in copies]) as running:
        for one in running:
            if one.wait(PATIENCE_S * 10) != 0:
                raise FleetError(f"`{' '.join(one.args)}` ended with {one.returncode}")
    took, after, mine = time.monotonic() - began, state(cluster), os.times()
    for copy in copies:
        shutil.rmtree(copy)
    return {"seconds": took, "messages": after[0] - before[0], "bytes": after[1] - before[1],
            "servers": servers_cpu_s(cluster) - servers,
            "shippers": mine.children_user + mine.children_system - own.children_user - own.children_system}


def measure(binary: str, cycles: str, repetitions: int, seconds: int) -> tuple[list[dict], dict[str, str]]:
    """The figures, and what could not be measured. Raises FleetError."""
    if os.geteuid() != 0:
        raise FleetError("recording needs root")
    server = find_server() or shutil.which("nats-server", path=ROOT / "build/deps/usr/sbin")
    if server is None:
        raise FleetError("there is no nats-server (scripts/setup test)")
    found: dict[tuple[str, str], list[float]] = {}

    def add(what: str, unit: str, value: float) -> None:
        found.setdefault((what, unit), []).append(value)

    try:
        for _ in range(repetitions):
            with tempfile.TemporaryDirectory(prefix="nstrail-bench-") as name:
                folder = pathlib.Path(name)
                cluster = Cluster(server, folder / "servers", settings="")
                cluster.start_all()
                try:
                    cluster.make_stream({**STREAM, "max_bytes": 1 << 29})
                    idle = watched(binary, cluster, folder / "idle", seconds, [])
                    add("a host that does next to nothing: messages", "a second", idle["messages"] / idle["seconds"])
                    add("a host that does next to nothing: in the stream", "bytes a second", idle["bytes"] / idle["seconds"])
                    storm = watched(binary, cluster, folder / "storm", seconds,
                                    [[cycles, "fork", f"{seconds * 1000}ms"] for _ in os.sched_getaffinity(0)])
                    add("a storm of forks: lives", "a second", storm["lives"] / storm["seconds"])
                    add("a storm of forks: events of a life", "events", storm["events"] / storm["lives"])
                    add("a storm of forks: an event in the stream", "bytes", storm["all_bytes"] / storm["events"])
                    add("a storm of forks: messages", "a second", storm["messages"] / storm["seconds"])
                    add("a storm of forks: agent, of one CPU", "%", 100 * storm["cpu"] / storm["seconds"])
                    add("a storm of forks: agent", "MB", storm["memory"] / 1e6)
                    many = shipped(binary, cluster, folder / "storm")
                    add(f"{SHIPPERS} ship at once to three servers here: stored", "MB/s", many["bytes"] / many["seconds"] / 1e6)
                    add(f"{SHIPPERS} ship at once to three servers here: messages", "a second", many["messages"] / many["seconds"])
                    add("CPU of all three servers", "ms for a MB", 1e9 * many["servers"] / many["bytes"])
                    add("CPU of a shipper", "ms for a MB", 1e9 * many["shippers"] / many["bytes"])
                finally:
                    cluster.stop()
    except (Failure, LiveError, OSError) as error:
        raise FleetError(str(error)) from None
    return [row(what, unit, values) for (what, unit), values in found.items()], {}
