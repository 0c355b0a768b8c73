#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the BPF object fits kernels, offline: relocations.py BPFTOOL OBJECT KERNEL...

KERNEL is a name of vmtests/kernels.txt, or a file: a vmlinux or type information. libbpf, in bpftool, resolves each
CO-RE relocation against its types. What does not resolve is right only where the programs ask first: with a relocation
that asks whether that very type, field or value exists, or one that it is part of. Anything else would be refused
when it is loaded."""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPEC = re.compile(r"libbpf: prog '(?P<program>[^']*)': relo #(?P<number>\d+): <(?P<kind>\w+)> \[\d+\] "
                  r"(?P<spec>.*?)(?: \((?:\d+:)*\d+ @ offset .*\)| = \d+)?$")
MISSING = re.compile(r"libbpf: prog '(?P<program>[^']*)': relo #(?P<number>\d+): no matching targets found")
# What Debian compresses its kernels with.
UNPACKERS = {b"\x02\x21\x4c\x18": ["lz4", "-dc"], b"\x28\xb5\x2f\xfd": ["zstd", "-dc"], b"\xfd7zXZ\0": ["xz", "-dc"]}

# What newer kernels have in another place: the programs ask for that one, and read this where it is not.
MOVED = {"struct proc_ns_operations.type": "struct ns_common___with_type.ns_type"}


class Fault(Exception):
    """One line: what, why, what next."""


def unpack(image: str, to: str) -> None:
    """The kernel in a vmlinuz."""
    with open(image, "rb") as file:
        packed = file.read()
    for magic, command in UNPACKERS.items():
        at = packed.find(magic)
        while at >= 0:
            try:
                # What follows the kernel in the image makes the tool complain at the end.
                out = subprocess.run(command, input=packed[at:], capture_output=True, check=False).stdout
            except FileNotFoundError:
                raise Fault(f"cannot unpack {image}: {command[0]} is missing: install it") from None
            if out.startswith(b"\x7fELF"):
                with open(to, "wb") as file:
                    file.write(out)
                return
            at = packed.find(magic, at + 1)
    raise Fault(f"cannot unpack {image}: it holds no kernel packed by lz4, zstd or xz")


def types_of(kernel: str, work: str) -> str:
    if "/" in kernel:
        return kernel
    found = subprocess.run([os.path.join(ROOT, "scripts", "vm-kernel"), kernel], capture_output=True, text=True,
                           check=False)
    if found.returncode != 0:
        raise Fault((found.stderr.strip().splitlines() or [f"no kernel {kernel}"])[-1])
    to = os.path.join(work, "vmlinux-" + kernel)
    unpack(os.path.join(found.stdout.splitlines()[-1], "vmlinuz"), to)
    return to


def relocate(bpftool: str, bpf_object: str, types: str, work: str) -> list[str]:
    result = subprocess.run([bpftool, "--debug", "gen", "min_core_btf", types, os.path.join(work, "min.btf"), bpf_object],
                            capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    if result.returncode != 0:
        raise Fault(f"bpftool cannot relocate: {lines[-1] if lines else 'no message'}")
    return lines


def judge(lines: list[str]) -> tuple[int, list[str], list[str]]:
    """How many relocations there are, what is missing and asked for, what is missing and not asked for."""
    specs: dict[tuple[str, str], tuple[str, str]] = {}
    missing: list[tuple[str, str]] = []
    for line in lines:
        if match := SPEC.match(line):
            specs[match["program"], match["number"]] = (match["kind"], match["spec"])
        elif match := MISSING.match(line):
            missing.append((match["program"], match["number"]))
    gone = [specs.get(key, ("?", f"{key[0]} relo #{key[1]}")) for key in missing]
    there = {spec for key, (kind, spec) in specs.items() if kind == "field_exists" and key not in missing}
    asked = {spec for kind, spec in gone if kind.endswith("_exists")}
    plain = {spec for kind, spec in gone if not kind.endswith("_exists")}

    def guarded(spec: str) -> bool:
        return MOVED.get(spec) in there or any(spec == one or spec.startswith((one + ".", one + "::", one + "[")) for one in asked)

    return len(specs), sorted(asked), sorted(spec for spec in plain if not guarded(spec))


def self_test() -> None:
    """The judge finds what is missing and not asked for."""
    def lines(number: int, kind: str, spec: str, found: bool) -> list[str]:
        head = f"libbpf: prog 'p': relo #{number}: "
        said = [head + f"<{kind}> [7] {spec} (0:1 @ offset 8)"]
        return said + ([] if found else [head + "no matching targets found"])

    given = (lines(0, "byte_off", "struct pid.level", True) + lines(1, "field_exists", "struct ns.ref", False)
             + lines(2, "byte_off", "struct ns.ref.count", False) + lines(3, "byte_off", "struct ns.referred", False))
    assert judge(given) == (4, ["struct ns.ref"], ["struct ns.referred"]), judge(given)


def main() -> int:
    self_test()
    bpftool, bpf_object, *kernels = sys.argv[1:]
    failed = 0
    for kernel in kernels:
        with tempfile.TemporaryDirectory() as work:
            try:
                count, asked, faults = judge(relocate(bpftool, bpf_object, types_of(kernel, work), work))
                if count == 0:
                    raise Fault("bpftool told of no relocation: does it print what libbpf does with --debug?")
            except Fault as fault:
                print(f"not ok {kernel}: {fault}")
                failed += 1
                continue
        print(f"{'not ok' if faults else 'ok'} {kernel}: {count} relocations; not there, and asked for: "
              f"{', '.join(asked) or 'nothing'}")
        for fault in faults:
            print(f"  | {fault} is not there, and no program asks whether it is")
        failed += bool(faults)
    return 1 if failed or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
