#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether packaging/kubernetes/nstrail.json asks for what the agent NSTRAIL offers: kubernetes.py NSTRAIL"""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(*path: str) -> str:
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def main() -> int:
    kinds = {item["kind"]: item for item in json.loads(read("packaging", "kubernetes", "nstrail.json"))["items"]}
    pod = kinds["DaemonSet"]["spec"]["template"]
    agent, = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    faults = []

    def wanted(what: str, is_so: bool) -> None:
        if not is_so:
            faults.append(what)

    options = subprocess.run([os.path.join(ROOT, "packaging", "manual"), sys.argv[1], "options", "agent"],
                             capture_output=True, text=True, check=True).stdout.split()
    wanted("the command is the agent", agent["args"][0] == "agent")
    for word in agent["args"]:
        wanted(f"{word} is an option of the agent", not word.startswith("-") or word in options)
    port = int(agent["args"][agent["args"].index("--listen") + 1].rpartition(":")[2])
    ports = {one["name"]: one["containerPort"] for one in agent["ports"]}
    wanted("the port that it listens on is the one declared", ports == {"http": port})

    # What docs/openapi.json has is held against the agent by a test of its own.
    served = json.loads(read("docs", "openapi.json"))["paths"]
    probes = [agent[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    monitor, = kinds["ServiceMonitor"]["spec"]["endpoints"]
    for probe in probes + [monitor]:
        wanted(f"{probe['path']} is served", probe["path"] in served)
        wanted(f"{probe['path']} is asked for at a declared port", probe["port"] in ports)
    wanted("who is not alive is not asked whether it is ready", probes[2]["path"] == "/healthz")

    security = agent["securityContext"]
    unit = re.search(r"^CapabilityBoundingSet=(.*)$", read("packaging", "systemd", "nstrail.service.in"), re.M)
    wanted("capabilities are those of the unit", security["capabilities"] == {
        "drop": ["ALL"], "add": [name.removeprefix("CAP_") for name in unit[1].split()]})
    wanted("the root file system is read-only", security["readOnlyRootFilesystem"] is True)
    wanted("it is not privileged", security["privileged"] is False and not security["allowPrivilegeEscalation"])
    wanted("it is in the host's pid namespace", pod["spec"]["hostPID"] is True)
    wanted("its memory is limited", "memory" in agent["resources"]["limits"])
    mounts = {one["name"]: one["mountPath"] for one in agent["volumeMounts"]}
    wanted("each mount has its volume", set(mounts) == {one["name"] for one in pod["spec"]["volumes"]})
    recorded = agent["args"][agent["args"].index("--record") + 1]
    wanted("it can write where it records", recorded in mounts.values())

    wanted("the DaemonSet selects its pods", kinds["DaemonSet"]["spec"]["selector"]["matchLabels"] == labels)
    wanted("the Service selects them", kinds["Service"]["spec"]["selector"] == labels)
    wanted("the NetworkPolicy selects them", kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels)
    wanted("the ServiceMonitor selects the Service",
           kinds["ServiceMonitor"]["spec"]["selector"]["matchLabels"] == kinds["Service"]["metadata"]["labels"])
    wanted("its port has the name of the Service's",
           monitor["port"] in {one["name"] for one in kinds["Service"]["spec"]["ports"]})
    version = subprocess.run([sys.argv[1], "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    wanted("the image has the version of the agent", agent["image"] == f"nstrail:{version}")
    for fault in faults:
        print(f"not so: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
