# SPDX-License-Identifier: Apache-2.0
"""Runs the helpers of this checkout that come before a machine."""

import os
import shlex
import subprocess

from machine import MachineError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The status of a helper for which the archive does not have what it needs.
ABSENT = 3


class Absent(MachineError):
    """Nothing is wrong here, but something cannot be had."""


def step(command):
    """Runs a helper of this checkout; its last line on stderr is the reason when it fails."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = result.stderr.strip().splitlines()
        said = said[-1] if said else f"{shlex.join(command)} failed with {result.returncode}"
        raise Absent(said) if result.returncode == ABSENT else MachineError(said)
    return result.stdout.strip()


def kernel_directory(kernel):
    return step([os.path.join(ROOT, "scripts", "vm-kernel"), kernel]).splitlines()[-1]
