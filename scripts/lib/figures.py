# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench and vmtests/cost share: figures of repeated measurements, and how they are shown."""

import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout.strip()


def commit() -> str:
    # Root measures what is somebody else's checkout as a rule, which git takes for a trap.
    return said("git", "-c", f"safe.directory={ROOT}", "describe", "--always", "--dirty")


def row(what: str, unit: str, values: list[float]) -> dict:
    return {"what": what, "unit": unit, "median": statistics.median(values), "least": min(values), "most": max(values)}


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(figures: list[dict], not_measured: dict[str, str]) -> None:
    print("| what | median | least – most | unit |\n|---|--:|--:|---|")
    for figure in figures:
        print(f"| {figure['what']} | {shown(figure['median'])} | {shown(figure['least'])} – {shown(figure['most'])}"
              f" | {figure['unit']} |")
    for what, reason in not_measured.items():
        print(f"\nNot measured: {what}: {reason}.")
    print(flush=True)
