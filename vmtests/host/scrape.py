# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes the agent inside the virtual machine, and what it must find there."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

CONFIG = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: nstrail
    static_configs:
      - targets: ['127.0.0.1:{port}']
"""

# Never through a proxy: both ends are on this host.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# Where `scripts/setup test` unpacks Prometheus, so that no service of it starts on the host.
UNPACKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "deps", "usr", "bin")


def program(name):
    """The path of an installed or unpacked program, or None."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + UNPACKED)


def get(url, timeout=10):
    with OPENER.open(url, timeout=timeout) as answer:
        return answer.read()


class Prometheus:
    """Use as a context manager; its storage is a temporary directory."""

    def __init__(self, agent_port, own_port, log):
        self.agent_port = agent_port
        self.url = f"http://127.0.0.1:{own_port}"
        self.missing = [tool for tool in ("prometheus", "promtool") if program(tool) is None]
        self.process = None
        if self.missing:
            return
        self.directory = tempfile.mkdtemp(prefix="nstrail-prometheus-")
        config = os.path.join(self.directory, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=agent_port))
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [
                    program("prometheus"),
                    "--config.file", config,
                    "--storage.tsdb.path", os.path.join(self.directory, "data"),
                    "--web.listen-address", self.url.removeprefix("http://"),
                    "--log.level", "warn",
                ],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def query(self, expression):
        """The values of an instant query."""
        url = self.url + "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        answer = json.loads(get(url))
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def check(self, patience_s=20):
        """Yields (test, reason): reason is None for a test that passed."""
        if self.missing:
            yield "prometheus", f"{self.missing[0]} is missing: run scripts/setup test"
            return
        wanted = (
            ("up", "up", lambda values: values == [1.0], "should be 1"),
            ("events", "sum(nstrail_events_total)", lambda values: values and values[0] > 0, "should be above 0"),
            ("lost", 'sum(nstrail_lost_events_total{cause="ring"})', lambda values: values == [0.0], "should be 0"),
        )
        for test, expression, good, why in wanted:
            yield "prometheus-" + test, self._until(expression, good, why, patience_s)
        yield "promtool", self._promtool()

    def _until(self, expression, good, why, patience_s):
        until = time.monotonic() + patience_s
        while True:
            if self.process.poll() is not None:
                return f"prometheus ended with {self.process.returncode}: read prometheus.log"
            try:
                values = self.query(expression)
                if good(values):
                    return None
                seen = f"{expression} is {values if values else 'absent'}, {why}"
            except (OSError, ValueError, KeyError) as error:
                seen = f"{expression}: {error}"
            if time.monotonic() > until:
                return seen
            time.sleep(0.5)

    def _promtool(self):
        try:
            metrics = get(f"http://127.0.0.1:{self.agent_port}/metrics")
        except OSError as error:
            return f"cannot read /metrics of the agent: {error}"
        result = subprocess.run(
            [program("promtool"), "check", "metrics"], input=metrics, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        said = result.stdout.decode(errors="replace").strip().splitlines()
        if said or result.returncode != 0:
            return f"promtool check metrics says: {said[0] if said else 'status %d' % result.returncode}"
        return None
