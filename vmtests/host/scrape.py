# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes an agent, and what it must find there: what is measured, and an answer to every
query of the dashboards and rules that are shipped."""

import glob
import json
import os
import re
import shutil
import socket
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
  evaluation_interval: 1s
rule_files: ['{dashboards}/prometheus/rules.yml', '{dashboards}/prometheus/alerts.yml']
scrape_configs:
  - job_name: nstrail
    static_configs:
      - targets: ['127.0.0.1:{port}']
"""

# Never through a proxy: both ends are on this host.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# Where `scripts/setup test` unpacks Prometheus, so that no service of it starts on the host.
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
UNPACKED = os.path.join(ROOT, "build", "deps", "usr", "bin")
DASHBOARDS = os.path.abspath(os.path.join(ROOT, "dashboards"))

# What Grafana puts in place of these, as far as a query needs it.
VARIABLES = {"$instance": ".*", "$__rate_interval": "30s"}
# An alert asks whether something is beyond a bound: as a rule it is not. What it looks at must be there.
BOUND = re.compile(r"\s(?:>|<|==)\s[0-9.]+(?=$| and )")


def program(name):
    """The path of an installed or unpacked program, or None."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + UNPACKED)


def get(url, timeout=10):
    with OPENER.open(url, timeout=timeout) as answer:
        return answer.read()


def free_port():
    """A port of the loopback address that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
            file.write(CONFIG.format(port=agent_port, dashboards=DASHBOARDS))
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
        return [float(series["value"][1]) for series in self._data("query", {"query": expression})["result"]]

    def _data(self, what, parameters=None):
        try:
            answer = get(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters or {})}")
        except urllib.error.HTTPError as error:
            answer = error.read()
        answer = json.loads(answer)
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]

    def unanswered(self, patience_s=40):
        """Yields (where, query, reason) for each query of dashboards and rules that is not answered with data."""
        until = time.monotonic() + patience_s
        asked = 0
        for where, query in self._queries():
            asked += 1
            # What may rightly have no values: those below a bound, and what is not there on a good host.
            reason = self._until(BOUND.sub(" ", query), bool, "should be there", max(0, until - time.monotonic()))
            if reason is not None:
                yield where, query, reason
        if asked < 50:
            yield "dashboards", "", f"only {asked} queries were found: they are declared otherwise than this test thinks"
        for group in self._data("rules")["groups"]:
            for rule in group["rules"]:
                if rule["health"] != "ok":
                    yield group["name"], rule["name"], rule.get("lastError") or f"its health is {rule['health']}"

    def _queries(self):
        for path in sorted(glob.glob(os.path.join(DASHBOARDS, "grafana", "*.json"))):
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            for panel in document["panels"]:
                for target in panel["targets"]:
                    query = target["expr"]
                    for name, value in VARIABLES.items():
                        query = query.replace(name, value)
                    yield f"{document['title']}, {panel['title']}", query
        for group in self._data("rules")["groups"]:
            for rule in group["rules"]:
                yield group["name"] + ", " + rule["name"], rule["query"]

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
        missing = "; ".join(f"{where}: {reason}" for where, _, reason in self.unanswered())
        yield "prometheus-dashboards", missing or None

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
