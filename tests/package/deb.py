#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes Debian's packages twice of what is built in BUILD, and looks at them: deb.py BUILD VERSION"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ("nstrail", "libnstrail-dev")
HELD = {
    "nstrail": {
        "./usr/sbin/nstrail", "./lib/systemd/system/nstrail.service", "./etc/default/nstrail",
        "./usr/share/man/man8/nstrail.8.gz", "./usr/share/bash-completion/completions/nstrail",
        "./usr/share/zsh/vendor-completions/_nstrail", "./usr/share/doc/nstrail/copyright",
        "./usr/share/doc/nstrail/EVENTS.md", "./usr/share/nstrail/grafana/overview.json",
        "./usr/share/nstrail/prometheus/alerts.yml",
    },
    "libnstrail-dev": {
        "./usr/include/nstrail/nstrail.hpp", "./usr/include/nstrail/wire/events.def",
        "./usr/share/doc/libnstrail-dev/copyright",
    },
}


def run(*command: str, **more: object) -> bytes:
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more).stdout


def make(build: str, out: str, umask: int) -> dict[str, str]:
    """The packages by name. Neither the day nor the umask of who makes them may show."""
    run(os.path.join(ROOT, "packaging", "deb"), build, out, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        umask=umask)
    found = {name.partition("_")[0]: os.path.join(out, name) for name in os.listdir(out) if name.endswith(".deb")}
    assert set(found) == set(NAMES), found
    return found


def look(name: str, package: str, version: str) -> list[str]:
    faults = []
    fields = {key: run("dpkg-deb", "--field", package, key).decode().strip()
              for key in ("Version", "Depends", "Description", "Conffiles")}
    if fields["Version"] != version:
        faults.append(f"has version {fields['Version']}, wanted {version}")
    wanted = "libbpf1" if name == "nstrail" else "libfmt-dev"
    if wanted not in fields["Depends"]:
        faults.append(f"depends on '{fields['Depends']}', without {wanted}")
    with tarfile.open(fileobj=io.BytesIO(run("dpkg-deb", "--fsys-tarfile", package))) as tar:
        entries = {entry.name: entry for entry in tar}
        faults += [f"holds no {path}" for path in sorted(HELD[name] - set(entries))]
        for entry in entries.values():
            if (entry.uid, entry.gid) != (0, 0) or entry.mode & 0o022 or entry.mtime != 1700000000:
                faults.append(f"{entry.name} belongs to {entry.uid}:{entry.gid}, mode {entry.mode:o}, time {entry.mtime}")
            # What was left of where it was built would differ elsewhere.
            if entry.isfile():
                bytes_ = tar.extractfile(entry).read()
                bytes_ = gzip.decompress(bytes_) if entry.name.endswith(".gz") else bytes_
                if ROOT.encode() in bytes_:
                    faults.append(f"{entry.name} holds the path it was built at")
                if entry.name.endswith((".service", "/default/nstrail")) and b"@" in bytes_:
                    faults.append(f"{entry.name} has a place that was not filled in")
    return faults


def main() -> int:
    build, version = sys.argv[1:]
    faults = []
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        one, other = make(build, first, 0o022), make(build, second, 0o077)
        for name in NAMES:
            with open(one[name], "rb") as left, open(other[name], "rb") as right:
                if left.read() != right.read():
                    faults.append(f"{name}: made twice, two different packages")
            faults += [f"{name}: {fault}" for fault in look(name, one[name], version)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
