# SPDX-License-Identifier: Apache-2.0
"""What it takes to read what a storm left, beside sysdig: for scripts/bench. Needs no root.

sysdig records through a driver of its own, which few kernels take. So the storm is in a virtual machine whose kernel
does (vmtests/scap), where `nstrail record` and `sysdig -w` record it at once; the files come out of the machine, and on
this host each reader has its turn, one after the other, and again. A life is four events to sysdig and more to nstrail,
each with its own: what is fair to compare is lives.
"""

import json
import pathlib
import re
import shutil
import sys

from bench_peers import PeersError, babeltrace2, lines_of, read_s
from figures import ROOT, row

sys.path.insert(0, str(ROOT / "vmtests" / "host"))

from machine import Machine, MachineError  # noqa: E402
from scrape import free_port  # noqa: E402
from steps import kernel_directory, step  # noqa: E402

VMTESTS = ROOT / "vmtests"
KERNEL = "6.1"
# Both recorders and the storm share what is one thread of this host: some hundred lives a second.
LIVES = 40_000
LIMIT_S = 900
# What each reader prints of a life's end, and of nothing else.
ENDS = {"sysdig": b" > procexit ", "nstrail": b'{"kind":"task_exit",'}


def packed(binary: str, cycles: str, sysdig: str, kernel: str, out: pathlib.Path) -> str:
    module = step([str(VMTESTS / "scap"), kernel, str(out)])
    initramfs = str(out / "initramfs.cpio")
    added = {str(VMTESTS / "sysdig-guest"): "/nstrail/sysdig-guest", cycles: "/nstrail/cycles",
             module: "/nstrail/scap.ko", sysdig: "/bin/sysdig"}
    step([str(VMTESTS / "initramfs"), "--kernel", kernel, "--out", initramfs, "--binary", binary,
          *(word for file, path in added.items() for word in ("--add", f"{file}:{path}"))])
    return initramfs


def lost(said: dict[str, list[str]]) -> dict[str, int]:
    """By recorder, as its own last words tell; sysdig's driver drops what its filter would, too."""
    patterns = {"sysdig": r"Driver Drops:(\d+)", "nstrail": r"events, (\d+) lost"}
    found = {who: re.search(pattern, "\n".join(said.get(who, []))) for who, pattern in patterns.items()}
    for who, match in found.items():
        if match is None:
            raise PeersError(f"cannot tell what {who} lost: it did not say; its last line is {said.get(who, ['none'])[-1]!r}")
    return {who: int(match[1]) for who, match in found.items()}


def storm(binary: str, cycles: str, out: pathlib.Path) -> tuple[str, int, dict[str, int]]:
    """The kernel's release, the lives that were, and what each lost. The files are below out then."""
    sysdig = shutil.which("sysdig")
    if sysdig is None:
        raise PeersError("sysdig is not installed (Debian's sysdig)")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    lives = None
    said: dict[str, list[str]] = {}
    try:
        kernel = kernel_directory(KERNEL)
        initramfs = packed(binary, cycles, sysdig, kernel, out)
        words = f'console=ttyS0 quiet panic=-1 nstrail.mode=sysdig nstrail.args="{LIVES}"'
        # What both record stays in memory until the end.
        with Machine(kernel, initramfs, str(out), words, 2, free_port(), LIMIT_S, memory="2G") as machine:
            for verb, text in machine.reports():
                if verb == "storm":
                    lives = json.loads(text)["count"]
                elif verb == "said":
                    who, _, line = text.partition(" ")
                    said.setdefault(who, []).append(line)
                elif verb == "failed":
                    raise PeersError(text + "it gave no reason" if text.endswith(": ") else text)
            machine.wait_off()
            complaint = machine.complaint(since_init=True)
        if complaint is not None:
            raise PeersError(f"the kernel complains: '{complaint}'; read {machine.console}")
    except MachineError as error:
        raise PeersError(str(error)) from None
    if lives is None:
        raise PeersError(f"the machine told of no storm; read {out}/console.log")
    return pathlib.Path(kernel, "release").read_text().strip(), lives, lost(said)


def measure(binary: str, cycles: str, repetitions: int) -> tuple[list[dict], dict[str, str]]:
    """The figures, and who was not there, with the reason. Raises PeersError."""
    out = ROOT / "build" / "sysdig"
    release, lives, missed = storm(binary, cycles, out)
    theirs, ours = str(out / "storm.scap"), str(out / "recording")
    text = {"sysdig": ["sysdig", "-r", theirs], "nstrail": [binary, "replay", ours, "--json"]}
    events = {who: lines_of(command) for who, command in text.items()}
    ends = {who: lines_of(command, ENDS[who]) for who, command in text.items()}
    others, absent = babeltrace2(ours)
    readers = {"`sysdig -r` of sysdig's file": ("sysdig", text["sysdig"]),
               # Its filter is asked when the state is kept already.
               "`sysdig -r` of sysdig's file, nothing shown": ("sysdig", [*text["sysdig"], "evt.num = 0"]),
               "`nstrail replay --json`": ("nstrail", text["nstrail"]),
               "`nstrail check`, all rules": ("nstrail", [binary, "check", ours]),
               **{what: ("nstrail", command) for what, command in others.items()}}
    took = {what: [] for what in readers}
    for _ in range(repetitions):
        for what, (_, command) in readers.items():
            took[what].append(read_s(command))
    where = f"a storm in Linux {release}"
    found = [row(f"{where}: lives", "lives", [lives])]
    for who in text:
        found += [row(f"{where}: events that {who} recorded", "events", [events[who]]),
                  row(f"{where}: events that {who} lost", "events", [missed[who]]),
                  row(f"{where}: ends of lives that {who} recorded", "lives", [ends[who]])]
    found += [row(f"{where}, read by {what}", "10⁶ events/s", [events[who] / s / 1e6 for s in took[what]])
              for what, (who, _) in readers.items()]
    # Of the lives that were recorded, so that what a recorder lost does not make its reader fast.
    found += [row(f"{where}, read by {what}: lives", "lives/s", [ends[who] / s for s in took[what]])
              for what, (who, _) in readers.items()]
    return found, absent
