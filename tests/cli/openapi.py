#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""openapi.py NSTRAIL NSTRAIL-DOCS OPENAPI.json RECORDING: whether docs/openapi.json tells the truth.

The paths in it are those that are registered, and what a served recording (and an agent, where this
host can be traced) answers is what its schemas say. Each schema is also shown to refuse: an answer
with a member taken away, and one with a member that nobody knows."""
import copy
import json
import subprocess
import sys
import urllib.error
import urllib.request

import jsonschema

nstrail, docs, openapi, recording = sys.argv[1:]
with open(openapi, encoding="utf-8") as file:
    api = json.load(file)
faults = []


def validator(schema):
    # Of a schema, references lead to the whole file.
    whole = {"components": api["components"], **schema}
    return jsonschema.Draft202012Validator(whole)


def resolved(node):
    while "$ref" in node:
        found = api
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def media(path, status):
    """The content that the file promises for that status."""
    responses = api["paths"][path]["get"]["responses"]
    return resolved(responses.get(str(status), responses["default"]))["content"]


def ask(base, target):
    try:
        with urllib.request.urlopen(base + target, timeout=60) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read().decode()


def check_lines(target, text):
    line = validator(api["components"]["schemas"]["Line"])
    lines = [one[6:] for one in text.split("\n\n") for one in one.split("\n") if one.startswith("data: ")]
    for one in lines[:-1]:
        if not line.is_valid(json.loads(one)):
            faults.append(f"{target}: no Line: {one[:200]}")
    if len(lines) < 2:
        faults.append(f"{target}: no lines")


def check(base, path, target, status=200):
    """Asks, and holds the answer against the file. Returns the document, if it is one."""
    got, kind, text = ask(base, target)
    if got != status:
        faults.append(f"{target}: {got} and not {status}: {text[:200]}")
        return None
    content = media(path, status)
    if kind not in content:
        faults.append(f"{target}: {status} is {kind}, which the file does not know")
        return None
    if kind == "text/event-stream":
        check_lines(target, text)
    if kind != "application/json":
        return None
    document = json.loads(text)
    schema = content[kind]["schema"]
    errors = list(validator(schema).iter_errors(document))
    for error in errors[:3]:
        faults.append(f"{target}: {error.json_path}: {error.message[:300]}")
    if not errors:
        check_refuses(target, schema, document)
    return document


def check_refuses(target, schema, document):
    strict = validator(schema)
    for member in resolved(schema)["required"]:
        less = copy.deepcopy(document)
        del less[member]
        if strict.is_valid(less):
            faults.append(f"{target}: the schema does not miss {member}")
    if resolved(schema).get("additionalProperties") is False and strict.is_valid({**document, "x": 1}):
        faults.append(f"{target}: the schema lets a member in that nobody knows")


def check_paths():
    told = subprocess.run([docs, "paths"], check=True, capture_output=True, text=True).stdout.split()
    if len(told) < 10:
        faults.append(f"only {len(told)} paths are registered")
    for path in sorted(set(told) ^ set(api["paths"])):
        faults.append(f"{path} is {'not in the file' if path in told else 'in the file alone'}")


def check_served(arguments, targets):
    with subprocess.Popen([nstrail, *arguments], stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline()
            base = said.split("page ")[1].split("/  ")[0]
            asked = set()
            for path, target, status in targets(base):
                asked.add(path)
                if path in api["paths"]:
                    check(base, path, target, status)
            for path in set(api["paths"]) - asked:
                faults.append(f"{path}: nothing was asked of it")
        finally:
            server.terminate()
            server.wait(30)


def common(base, at):
    """Of all paths an answer that is right, and refusals."""
    sign = "&" if at else "?"
    tree = check(base, "/api/v1/tree", "/api/v1/tree" + at + sign + "tasks=1")
    inum = next(ns["inum"] for ns in reversed(tree["namespaces"]) if ns["type"] == "pid")
    tid = tree["tasks"][-1]["tid"]
    yield "/", "/", 200
    yield "/assets/{file}", "/assets/page.js", 200
    yield "/assets/{file}", "/assets/nothing.js", 404
    yield "/metrics", "/metrics", 200
    yield "/api/v1/about", "/api/v1/about", 200
    yield "/api/v1/tree", "/api/v1/tree" + at, 200
    yield "/api/v1/tree", "/api/v1/tree?nonsense=1", 400
    yield "/api/v1/task/{tid}", f"/api/v1/task/{tid}{at}", 200
    yield "/api/v1/task/{tid}", "/api/v1/task/4000000", 404
    for path, target in (("/api/v1/namespace/{inum}", "namespace"), ("/api/v1/why/{inum}", "why")):
        yield path, f"/api/v1/{target}/{inum}{at}", 200
        yield path, f"/api/v1/{target}/1", 404
    yield "/api/v1/findings", "/api/v1/findings" + at, 200
    yield "/api/v1/rules", "/api/v1/rules", 200
    yield "/healthz", "/healthz", 200


def of_recording(base):
    yield from common(base, "?at=%2B1s")
    yield "/api/v1/events", "/api/v1/events", 200
    yield "/api/v1/events", "/api/v1/events?last=1001", 400
    yield "/api/v1/tree", "/api/v1/tree?at=yesterday", 400
    yield "/api/v1/doctor", "/api/v1/doctor", 404
    yield "/readyz", "/readyz", 200


def of_agent(base):
    while ask(base, "/readyz")[0] != 200:
        pass
    yield from common(base, "")
    yield "/api/v1/tree", "/api/v1/tree?at=%2B1s", 400
    yield "/api/v1/events", "/api/v1/events?filter=", 400
    yield "/api/v1/doctor", "/api/v1/doctor", 200
    yield "/readyz", "/readyz", 200


check_paths()
check_served(["replay", recording, "--serve", "127.0.0.1:0"], of_recording)
if subprocess.run([nstrail, "doctor"], capture_output=True, check=False).returncode == 0:
    check_served(["agent", "--listen", "127.0.0.1:0", "--for", "60s"], of_agent)
else:
    print("nothing can be traced here: no agent was asked")
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
