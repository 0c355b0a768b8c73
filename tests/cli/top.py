#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""top.py NSTRAIL FIXTURES: `nstrail top` on terminals of its own, which tmux plays: over what was recorded,
and over this host where it can be traced. Exit status: 0 all is as it should be, 1 not."""
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 60  # for what happens at once, on a machine that does much else
nstrail, fixtures = sys.argv[1:]
recording = f"{fixtures}/recordings/format-1"
forest = f"{fixtures}/debian-6.12-containers.jsonl"  # three pid namespaces, one in another, and a zombie
faults = []


class Failed(Exception):
    pass


def wait(what, reached, say=lambda: ""):
    """Until it is so; what never is so fails."""
    until = time.monotonic() + PATIENCE
    while True:
        if found := reached():
            return found
        if time.monotonic() > until:
            raise Failed(f"{what}: never so\n{say()}")
        time.sleep(0.05)


class Terminal:
    """A tmux server with one terminal, and `nstrail top` on it, which a shell runs."""

    count = 0

    def __init__(self, words, columns=120, rows=40, interactive=False, **environment):
        Terminal.count += 1
        self.name = f"nstrail-test-{os.getpid()}-{Terminal.count}"
        self.files = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.files.name)
        command = " ".join(shlex.quote(word) for word in [nstrail, "top", *words])
        run = f"sh -c 'echo $$ >{self.folder}/pid; exec \"$@\"' - {command} 2>{self.folder}/err"
        script = (f"trap : INT; stty -g >{self.folder}/before; {run}; echo $? >{self.folder}/status.new; "
                  f"stty -g >{self.folder}/after; mv {self.folder}/status.new {self.folder}/status; "
                  "echo it has ended; exec sleep 1000")
        shell = ["bash", "--norc", "--noprofile"] if interactive else ["sh", "-c", script]
        inside = {"TERM": "screen-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **environment}
        subprocess.run(["tmux", "-u", "-S", str(self.folder / "tmux"), "-f", "/dev/null", "new-session", "-d", "-x", str(columns),
                        "-y", str(rows), "env", *(f"{key}={value}" for key, value in inside.items()), *shell],
                       check=True, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"})
        if interactive:
            self.type(run, "Enter")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")
        self.files.cleanup()

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-u", "-S", str(self.folder / "tmux"), *words], stdin=subprocess.DEVNULL, capture_output=True,
                              check=False)
        return done.stdout.decode(errors="replace")

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self, *how):
        return self.tmux("capture-pane", "-p", *how).split("\n")

    def text(self):
        return "\n".join(self.lines())

    def shows(self, *regexes):
        """The screen, once it shows all of them."""
        def shown():
            text = self.text()
            return text if all(re.search(one, text, re.MULTILINE) for one in regexes) else None
        return wait(f"{self.name} shows {regexes}", shown, self.text)

    def pid(self):
        file = self.folder / "pid"
        return int(wait("it starts", lambda: file.exists() and file.read_text().strip()))

    def ended(self, status=0):
        """It ends so, its last words are an account, and the terminal is as it was."""
        file = self.folder / "status"
        got = int(wait("it ends", lambda: file.exists() and file.read_text().strip(), self.text))
        err = (self.folder / "err").read_text()
        if got != status:
            raise Failed(f"it ended with {got} and not {status}: {err}")
        if (self.folder / "before").read_text() != (self.folder / "after").read_text():
            raise Failed("the terminal is not as it was")
        return err

    def quits(self):
        err = self.ended()
        if not re.search(r"^nstrail: \d+ events, .*rules: \d+ violations, \d+ unknown", err, re.MULTILINE):
            raise Failed(f"no account: {err!r}")
        self.shows("it has ended")


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextlib.contextmanager
def broken_stream():
    """One in which a task is released twice."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        lines = pathlib.Path(fixtures, "debian-6.12-scenes.jsonl").read_text().splitlines(True)
        releases = [at for at, line in enumerate(lines) if '"kind":"task_release"' in line]
        # One of the middle: its birth was told, too.
        twice = releases[len(releases) // 2]
        lines.insert(twice, lines[twice])
        file.writelines(lines)
        file.flush()
        yield file.name


def footer(terminal):
    return [line for line in terminal.lines() if line][-1]


def test_recording():
    with Terminal(["--from", forest]) as terminal:
        text = terminal.shows(r"^nstrail top .* at \+.* of ", "PID NAMESPACE", r"▾\d{10}", "q quit")
        if len(re.findall(r"^ *[▾▸ ]\d{10} ", text, re.MULTILINE)) < 2:
            raise Failed("there are no namespaces below the first\n" + text)
        terminal.shows(r"pid:\[\d+\] \(gen \d+\), level 0, alive", "held by ")
        terminal.type("End")
        terminal.shows(r"pid:\[\d+\] \(gen \d+\), level [1-9]")
        terminal.type("Home", "Space")
        terminal.shows(r"▸\d{10} \+\d+")
        terminal.type("Space", "f", "z")
        terminal.shows("list, most zombies first")
        # Any size, and back.
        for columns, rows, regexes in ((60, 15, ("PID NAMESP", "ZOMBIES")), (20, 5, ("PID NAMESP",)), (2, 1, ()),
                                       (200, 60, ("CONTAINER", "pid:", "q quit")), (120, 40, ("q quit",))):
            terminal.resize(columns, rows)
            terminal.shows(*regexes)
        terminal.type("?")
        terminal.shows("oldest first", "earlier, later in the recording")
        terminal.resize(20, 5)
        terminal.shows("quit")
        terminal.resize(120, 40)
        terminal.type("Escape")
        terminal.shows("PID NAMESPACE")
        # To another time.
        before = terminal.shows(r"\A.*Z  at \+").split("\n")[0]
        terminal.type("<", "<", "<")
        wait("it is earlier", lambda: terminal.lines()[0] != before, terminal.text)
        terminal.type(">", ">", ">")
        wait("it is as before", lambda: terminal.lines()[0] == before, terminal.text)
        terminal.type("q")
        terminal.quits()


def test_moment():
    with Terminal(["--from", recording, "--at", "+1s"]) as terminal:
        terminal.shows(r"at \+1\.0s of 3\.1s ", r"▾\d{10}", r"^  +\d{10} +alive +2 +0 ")
        terminal.type("q")
        terminal.quits()


def test_findings():
    with broken_stream() as stream, Terminal(["--from", stream]) as terminal:
        terminal.shows(r"^[1-9]\d* VIOLATIONS?, ")
        terminal.type("v")
        terminal.shows("^FINDINGS", "^VIOLATION [A-Z0-9]+ at ", "^ +[0-9]+ +[0-9.]+ .*")
        terminal.type("Tab")
        terminal.shows("PID NAMESPACE")
        terminal.type("q")
        terminal.quits()


def test_terminals():
    for term in ("xterm-256color", "screen", "linux", "vt100"):
        with Terminal(["--from", forest], TERM=term) as terminal:
            terminal.shows("PID NAMESPACE", r"▾\d{10}", "q quit")
            terminal.type("Down")
            terminal.shows(r"level [1-9]")
            terminal.type("q")
            terminal.quits()
    with Terminal(["--from", forest], LC_ALL="C") as terminal:
        if not terminal.shows("PID NAMESPACE", r"-\d{10}").isascii():
            raise Failed("in the C locale something is no ASCII")
        terminal.type("q")
        terminal.quits()


def test_colours():
    coloured = re.compile(r"\x1b\[[0-9;]*3[1-7]m")
    for value, wanted in (("", True), ("1", False)):
        with broken_stream() as stream, Terminal(["--from", stream], NO_COLOR=value) as terminal:
            terminal.shows("VIOLATION")
            if bool(coloured.search("\n".join(terminal.lines("-e")))) != wanted:
                raise Failed(f"NO_COLOR={value}: there are {'no ' if wanted else ''}colours")
            terminal.type("q")
            terminal.quits()


def test_refusals():
    for term, why in (("dumb", "cannot move its cursor"), ("nonsense", "no description of TERM=nonsense"),
                      ("", "TERM does not say")):
        with Terminal(["--from", forest], TERM=term) as terminal:
            check_line(terminal.ended(4), why)
    for words, status, why in ((["--from", forest], 4, "stdin is none"), (["--from", "-"], 2, "keys come from"),
                               (["--at", "+1s"], 2, "--from"), (["--every", "1ms"], 2, "100ms")):
        done = subprocess.run([nstrail, "top", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        check_line(done.stderr, why)
        if done.returncode != status or done.stdout:
            raise Failed(f"{words}: {done}")
    with Terminal(["--from", "/nonexistent"]) as terminal:
        check_line(terminal.ended(1), "nonexistent")


def check_line(err, why):
    if not err.startswith("nstrail: ") or err.count("\n") != 1 or why not in err:
        raise Failed(f"not one clear line about {why!r}: {err!r}")


def check_signals(words):
    with Terminal(words) as terminal:
        terminal.shows("PID NAMESPACE", r"[▾ ]\d{10} +alive")
        os.kill(terminal.pid(), signal.SIGTERM)
        terminal.quits()
    with Terminal(words) as terminal:
        terminal.shows("PID NAMESPACE", r"[▾ ]\d{10} +alive")
        terminal.type("C-c")
        terminal.quits()
    # To look for leaks, LeakSanitizer stops the process as a debugger does. The SIGCONT that the kernel sends to what a
    # terminal leaves behind may come just then: the stop is gone, and whoever asked for it waits for ever.
    with Terminal(words, ASAN_OPTIONS="detect_leaks=0") as terminal:
        terminal.shows("PID NAMESPACE", r"[▾ ]\d{10} +alive")
        pid = terminal.pid()
        terminal.tmux("kill-server")
        wait("it ends with its terminal", lambda: not alive(pid))


def check_stops(words):
    """Ctrl-Z and fg, on a terminal that has another size then."""
    with Terminal(words, interactive=True) as terminal:
        terminal.shows("PID NAMESPACE", r"[▾ ]\d{10} +alive")
        terminal.type("C-z")
        terminal.shows("Stopped")
        terminal.resize(100, 30)
        terminal.type("clear; fg", "Enter")
        terminal.shows("^nstrail top", "PID NAMESPACE", "q quit")
        wait("it has the size", lambda: len(terminal.lines()) >= 30 and "q quit" in footer(terminal), terminal.text)
        pid = terminal.pid()
        terminal.type("q")
        wait("it ends", lambda: not alive(pid), terminal.text)
        file = terminal.folder / "status"
        terminal.type(f"echo $? >{file}", "Enter")
        wait("it says 0", lambda: file.exists() and file.read_text() == "0\n", terminal.text)


def test_signals():
    check_signals(["--from", forest])
    check_stops(["--from", forest])


@contextlib.contextmanager
def crowd(zombies):
    """A pid namespace with six tasks and so many zombies. Its inode number."""
    script = (f"import os, subprocess, time\n"
              f"sleeping = [subprocess.Popen(['sleep', '1000']) for _ in range(5)]\n"
              f"for _ in range({zombies}):\n"
              f"    if os.fork() == 0: os._exit(0)\n"
              f"print(os.stat('/proc/self/ns/pid').st_ino, flush=True)\n"
              f"time.sleep(1000)\n")
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as made:
        try:
            yield int(made.stdout.readline())
        finally:
            made.kill()


def zombies_of_host():
    count = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            count += stat.read_text().rpartition(")")[2].split()[0] == "Z"
    return count


def test_live():
    zombies = zombies_of_host() + 20
    with Terminal(["--every", "200ms"]) as terminal:
        terminal.shows(r"^nstrail top  (full|reduced) mode, \d+ hooks  .*Z  live", r"^\d+ tasks?  \d+ zombies?  ",
                       "nothing lost|LOST", r"[▾ ]\d{10} +alive")
        with crowd(zombies) as inum:
            # Wherever the screen is, sorted it comes first.
            terminal.type("f", "z")
            row = rf"^ {inum} +alive +6 +{zombies} +[^ ]+s +"
            terminal.shows(row)
            def first():
                lines = terminal.lines()
                at = next(i for i, line in enumerate(lines) if "PID NAMESPACE" in line)
                return re.match(row, lines[at + 1])
            wait("it is the first", first, terminal.text)
            terminal.type("Home")
            terminal.shows(rf"^pid:\[{inum}\] \(gen \d+\), level 1, alive", "held by ")
            for columns, rows in ((60, 15), (20, 5), (120, 40)):
                terminal.resize(columns, rows)
                terminal.shows(str(inum)[:8])
        wait("it has gone or has no task", lambda: not re.search(rf"^ *{inum} +alive", terminal.text(), re.MULTILINE),
             terminal.text)
        terminal.type("q")
        terminal.quits()


def test_live_signals():
    check_signals([])
    check_stops([])


if not shutil.which("tmux"):
    sys.exit("tmux is missing: run scripts/setup test")
tests = [test_recording, test_moment, test_findings, test_terminals, test_colours, test_refusals, test_signals]
if subprocess.run([nstrail, "doctor"], capture_output=True, check=False).returncode == 0:
    tests += [test_live, test_live_signals]
else:
    print("nothing can be traced here: no live tree was shown")
for test in tests:
    try:
        test()
        print(f"ok {test.__name__}", flush=True)
    except Failed as failed:
        faults.append(test.__name__)
        print(f"not ok {test.__name__}: {failed}", flush=True)
sys.exit(1 if faults else 0)
