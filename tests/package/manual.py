#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the man page and the completions are what the program NSTRAIL says: manual.py NSTRAIL"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGING = os.path.join(ROOT, "packaging")

# A line as typed, as bash splits it into words, and something that must be offered, or must not.
COMPLETED = [
    (["nstrail", "ag"], "agent", "live"),
    (["nstrail", ""], "--version", "--hooks"),
    (["nstrail", "agent", "--rec"], "--record-max-size", "--listen"),
    (["nstrail", "agent", "--hooks", ""], "tracepoint", "--listen"),
    (["nstrail", "agent", "--hooks", "=", "t"], "tracepoint", "full"),
    (["nstrail", "export", "--to", "="], "perfetto", "--to"),
    (["nstrail", "live", "--", "bas"], "bash", "--json"),
]


def offered(words: list[str]) -> list[str]:
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nstrail; printf "%s\\n" "${COMPREPLY[@]}"'
    result = subprocess.run(["bash", "-c", script, "bash", os.path.join(PACKAGING, "completions", "nstrail"), *words],
                            capture_output=True, text=True, check=True)
    return result.stdout.split()


def main() -> int:
    faults = []
    if subprocess.run([os.path.join(PACKAGING, "manual"), sys.argv[1], "check"], check=False).returncode != 0:
        faults.append("what is committed is stale, see above")
    for words, wanted, unwanted in COMPLETED:
        got = offered(words)
        if wanted not in got or unwanted in got:
            faults.append(f"{' '.join(words)}: offers {got[:10]}, wanted {wanted} and not {unwanted}")
    if shutil.which("shellcheck"):
        said = subprocess.run(["shellcheck", os.path.join(PACKAGING, "completions", "nstrail")],
                              capture_output=True, text=True, check=False)
        faults += [said.stdout] if said.returncode else []
    if shutil.which("man"):
        said = subprocess.run(["man", "--warnings", "--local-file", os.path.join(PACKAGING, "man", "nstrail.8")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        faults += [said.stderr] if said.returncode or said.stderr else []
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
