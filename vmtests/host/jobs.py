# SPDX-License-Identifier: Apache-2.0
"""Runs several commands at a time and passes their lines on, whole."""

import re
import subprocess
import sys
import threading

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed$")


class Jobs:
    """Use as a context manager: what still runs when it ends is asked to end, and waited for."""

    def __init__(self, at_once):
        self.slots = threading.Semaphore(at_once)
        self.lock = threading.Lock()
        self.processes = []
        self.threads = []
        self.stopping = False
        self.passed = 0
        self.failed = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        with self.lock:
            self.stopping = True
            for process in self.processes:
                if process.poll() is None:
                    process.terminate()
        for thread in self.threads:
            thread.join()

    def start(self, name, command):
        """Starts the command when its turn comes."""
        self.slots.acquire()
        thread = threading.Thread(target=self._run, args=(name, command))
        self.threads.append(thread)
        thread.start()

    def wait(self):
        for thread in self.threads:
            thread.join()

    def _run(self, name, command):
        try:
            with self.lock:
                if self.stopping:
                    return
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
                self.processes.append(process)
            counted = False
            for line in process.stdout:
                counts = COUNTS.match(line)
                with self.lock:
                    if counts is None:
                        sys.stdout.write(line)
                        sys.stdout.flush()
                    else:
                        counted = True
                        self.passed += int(counts[1])
                        self.failed += int(counts[2])
            process.wait()
            if not counted:
                with self.lock:
                    self.failed += 1
                    print(f"not ok {name} boot: its run ended with {process.returncode} and counted nothing", flush=True)
        finally:
            self.slots.release()
