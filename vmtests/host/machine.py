# SPDX-License-Identifier: Apache-2.0
"""Boots one virtual machine and reads what its driver reports.

The driver speaks over one virtio-serial port, in lines:
    plan SCENE…          what will run
    ok SCENE: TEXT       a test passed
    not ok SCENE: TEXT   a test failed
    note TEXT            for people
    file NAME SIZE       SIZE raw bytes follow: an artifact
    await NAME           the host does its part, then answers "go NAME"
    done                 nothing more will come
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time


TROUBLE = re.compile(r"Kernel panic|Oops|\bBUG:|\bWARNING: |general protection|rcu: INFO|INFO: task .* blocked|Out of memory")


# What vmtests/init says first.
STARTED = "init: kernel "


class MachineError(Exception):
    """What failed, why, and what to do next, in one line."""


class Machine:
    """A QEMU process; use it as a context manager, so that it never outlives the test."""

    def __init__(self, kernel_dir, initramfs, out, cmdline, smp, agent_port, limit_s, memory="1G", counting=False):
        """counting: its time is the instructions it ran, one nanosecond each; idle time passes at once."""
        if shutil.which("qemu-system-x86_64") is None:
            raise MachineError("cannot boot: qemu-system-x86_64 is missing; install qemu-system-x86")
        self.console = os.path.join(out, "console.log")
        self.out = out
        self.deadline = time.monotonic() + limit_s
        self.limit_s = limit_s
        self.buffer = b""
        self.channel = None
        # A socket's path has 108 characters at most, so it cannot live under --out.
        self.sockets = tempfile.mkdtemp(prefix="nstrail-vm-")
        path = os.path.join(self.sockets, "results")
        self.command = [
            "qemu-system-x86_64",
            # One thread: with multi-threaded TCG, 6.12 oopsed at patched function entries.
            "-accel", "tcg,thread=single",
            "-m", memory, "-smp", str(smp),
            "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
            "-serial", "file:" + self.console,
            "-kernel", os.path.join(kernel_dir, "vmlinuz"),
            "-initrd", initramfs,
            "-append", cmdline,
            "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{agent_port}-10.0.2.15:9977",
            "-device", "virtio-net-pci,netdev=net,romfile=",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=results,path={path},server=on,wait=on",
            "-device", "virtserialport,chardev=results,name=nstrail.results",
        ]
        if counting:
            self.command += ["-icount", "shift=0,sleep=off"]
        open(self.console, "wb").close()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            self._connect(path)
        except BaseException:
            self.close()
            raise

    def _connect(self, path):
        until = time.monotonic() + 10
        while True:
            if self.process.poll() is not None:
                said = self.process.stderr.read().decode(errors="replace").strip().splitlines()
                raise MachineError(
                    f"cannot boot: QEMU ended with {self.process.returncode}"
                    f" ({said[-1] if said else 'no message'}); check --append and --smp"
                )
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                channel.connect(path)
                self.channel = channel
                return
            except OSError:
                channel.close()
                if time.monotonic() > until:
                    raise MachineError("cannot boot: QEMU opened no results socket within 10 s; try again")
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.channel is not None:
            self.channel.close()
            self.channel = None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def complaint(self, since_init=False):
        """The first line on the console that says the kernel is broken, or None."""
        lines = self._console_lines()
        if since_init:
            lines = lines[self._boot_lines(lines):]
        return next((line for line in lines if TROUBLE.search(line)), None)

    def boot_complaint(self):
        """The same of the boot alone: nothing of ours ran by then, and a starved host makes soft lockups there."""
        lines = self._console_lines()
        return next((line for line in lines[:self._boot_lines(lines)] if TROUBLE.search(line)), None)

    @staticmethod
    def _boot_lines(lines):
        return next((at for at, line in enumerate(lines) if line.startswith(STARTED)), 0)

    def _console_lines(self):
        with open(self.console, "rb") as file:
            lines = (line.strip() for line in file.read().decode(errors="replace").splitlines())
            return [line for line in lines if line]

    def _ended(self, what):
        lines = self._console_lines()
        last = self.complaint() or (lines[-1] if lines else "nothing")
        return MachineError(f"{what}; its console says '{last}'; read {self.console}")

    def _receive(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self._ended(f"the machine was not done after {self.limit_s} s")
        self.channel.settimeout(left)
        try:
            data = self.channel.recv(1 << 16)
        except socket.timeout:
            raise self._ended(f"the machine was not done after {self.limit_s} s") from None
        except ConnectionError:
            data = b""
        if not data:
            raise self._ended("the machine ended early")
        self.buffer += data

    def _line(self):
        while b"\n" not in self.buffer:
            self._receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode(errors="replace")

    def _store(self, name, size):
        # The name comes from the machine: it must stay inside --out.
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        path = os.path.join(self.out, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            while size > 0:
                if not self.buffer:
                    self._receive()
                piece, self.buffer = self.buffer[:size], self.buffer[size:]
                size -= len(piece)
                file.write(piece)

    def reports(self):
        """Yields (verb, text) for each line but `file`, until `done`."""
        while True:
            line = self._line()
            verb, _, text = line.partition(" ")
            if verb == "file":
                name, _, size = text.rpartition(" ")
                self._store(name, int(size))
                continue
            if line.startswith("not ok "):
                verb, text = "not ok", line[len("not ok "):]
            yield verb, text
            if verb == "done":
                return

    def go(self, name):
        self.channel.sendall(f"go {name}\n".encode())

    def wait_off(self, seconds=20):
        """True when the machine powered itself off."""
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False
