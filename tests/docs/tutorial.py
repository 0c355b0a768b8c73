#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tutorial.py NSTRAIL DOCUMENT RECORDINGS: what the tutorial says that commands print is what they print.

Of its blocks, each line that begins with "$ nstrail" and names one of the recordings is run beside them; what follows, up
to the next "$ ", has to be its output. The other commands are about a machine that is in trouble at the moment."""
import difflib
import os
import pathlib
import shlex
import subprocess
import sys


def steps(document: str) -> list[tuple[str, str]]:
    """Commands, and what the document says that they print."""
    found: list[tuple[str, str]] = []
    inside = False
    for line in document.splitlines():
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append((line[2:], ""))
        elif inside and found:
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return found


def main() -> int:
    nstrail, document, recordings = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    names = {path.name for path in recordings.iterdir()}
    run = wrong = 0
    for command, expected in steps(document.read_text(encoding="utf-8")):
        words = shlex.split(command)
        if words[0] != "nstrail" or not names & set(words):
            continue
        run += 1
        printed = subprocess.run([nstrail, *words[1:]], cwd=recordings, text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1"}, check=False,
                                 stdin=subprocess.DEVNULL, timeout=60).stdout
        if printed != expected:
            wrong += 1
            print(f"$ {command}", *difflib.unified_diff(expected.splitlines(), printed.splitlines(), str(document),
                                                        "printed", lineterm=""), sep="\n")
    print(f"# {run} commands run, {wrong} print something else")
    return 0 if run >= 3 * len(names) > 0 and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
