# SPDX-License-Identifier: Apache-2.0
"""Servers of NATS JetStream on loopback, and as much of a client as their administration takes."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time


class Failure(Exception):
    """What was expected did not come true."""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def until(what: str, seconds: float, probe):
    """The first true answer of probe(), which may fail meanwhile."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            if last := probe():
                return last
        except (OSError, ValueError, KeyError) as error:
            last = error
        time.sleep(0.05)
    raise Failure(f"{what}: not within {seconds} s ({last})")


def request(port: int, subject: str, body: object = "", seconds: float = 3.0, login=None) -> dict:
    """One request to a server, and the JSON that it answers. `login` makes of its nonce who asks."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as link:
        lines = link.makefile("rb")
        greeting = json.loads(lines.readline().partition(b" ")[2])
        connect = {"verbose": False, "headers": True, "no_responders": True} | (login(greeting["nonce"]) if login else {})
        payload = (json.dumps(body) if body != "" else "").encode()
        link.sendall(b"CONNECT " + json.dumps(connect).encode() + b"\r\nSUB answer 1\r\n" + f"PUB {subject} answer {len(payload)}\r\n".encode()
                     + payload + b"\r\n")
        while True:
            words = lines.readline().split()
            if not words:
                raise OSError("the server closed the connection")
            if words[0] == b"PING":
                link.sendall(b"PONG\r\n")
            elif words[0] == b"-ERR":
                raise OSError(b" ".join(words).decode())
            elif words[0] == b"HMSG":
                raise OSError("nobody answers yet")
            elif words[0] == b"MSG":
                return json.loads(lines.read(int(words[-1])))


class Cluster:
    """So many servers; `settings` are lines of the configuration of each."""

    def __init__(self, binary: str, folder: pathlib.Path, count: int = 3, settings: str = ""):
        self.binary, self.folder, self.count = binary, folder, count
        ports = free_ports(2 * count)
        self.ports, self.routes = ports[:count], ports[count:]
        self.settings = settings
        self.login = None
        self.servers: list[subprocess.Popen | None] = [None] * count

    @property
    def url(self) -> str:
        return "nats://" + ",".join(f"localhost:{port}" for port in self.ports)

    def start(self, index: int) -> None:
        home = self.folder / f"node{index}"
        home.mkdir(parents=True, exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes)
        cluster = "" if self.count == 1 else (
            f'cluster {{ name: test, listen: "127.0.0.1:{self.routes[index]}", routes: [{routes}] }}\n')
        limits = "" if "max_file" in self.settings else "max_file: 1GB, "
        config = home / "server.conf"
        config.write_text(
            f'server_name: node{index}\nlisten: "127.0.0.1:{self.ports[index]}"\n{cluster}'
            + (self.settings if "jetstream" in self.settings else
               f'jetstream {{ {limits}max_mem: 64MB, store_dir: "{home}/store" }}\n{self.settings}'
               ).replace("HOME", str(home)), encoding="utf-8")
        with open(home / "log", "ab") as log:
            # pylint: disable-next=consider-using-with
            self.servers[index] = subprocess.Popen([self.binary, "-c", str(config)], stdout=log,
                                                   stderr=log, stdin=subprocess.DEVNULL)

    def start_all(self) -> None:
        for index in range(self.count):
            self.start(index)

    def kill(self, index: int) -> None:
        server = self.servers[index]
        assert server is not None
        server.send_signal(signal.SIGKILL)
        server.wait()
        self.servers[index] = None

    def ask(self, subject: str, body: object = "") -> dict:
        """Of whichever server answers."""
        fault: Exception | None = None
        for index, server in enumerate(self.servers):
            if server is not None:
                try:
                    return request(self.ports[index], subject, body, login=self.login)
                except OSError as error:
                    fault = error
        raise OSError(str(fault))

    def make_stream(self, config: dict) -> None:
        # A server reserves what a stream may grow to.
        config = {**config, "num_replicas": self.count,
                  "max_bytes": min(config["max_bytes"], 256 << 20)}

        def made() -> bool:
            answer = self.ask(f"$JS.API.STREAM.CREATE.{config['name']}", config)
            if "error" in answer:
                raise OSError(answer["error"]["description"])
            return True
        until("make the stream", 20, made)

    def info(self) -> dict:
        answer = self.ask("$JS.API.STREAM.INFO.NSTRAIL")
        if "error" in answer:
            raise OSError(answer["error"]["description"])
        return answer

    def messages(self) -> int:
        return self.info()["state"]["messages"]

    def leader(self) -> int:
        return int(self.info()["cluster"]["leader"].removeprefix("node"))

    def stop(self) -> None:
        for server in self.servers:
            if server is not None:
                server.kill()
                server.wait()


class Between:
    """Stands before a server on loopback and changes what passes: `change(data, asks)` gives what is passed on of
    what a client (asks) or the server sent; `times` so often that it changed something at most."""

    def __init__(self, server: int, change, times: int):
        self.server, self.change, self.times = server, change, times
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            client = self.listening.accept()[0]
            server = socket.create_connection(("127.0.0.1", self.server))
            for ends in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.pass_on, args=ends, daemon=True).start()

    def pass_on(self, one: socket.socket, other: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError), one, other:  # either may go first
            # What is changed is small enough to come in one piece.
            while data := one.recv(1 << 16):
                changed = self.change(data, asks) if self.times > 0 else data
                self.times -= changed != data
                other.sendall(changed)


def passing_over(server: int, sequence: int, times: int) -> Between:
    """Who asks for what follows at place `sequence` of a stream gets what follows behind that."""
    asked, instead = (f'"seq":{place},'.encode() for place in (sequence, sequence + 1))
    assert len(asked) == len(instead)
    return Between(server, lambda data, asks: data.replace(asked, instead) if asks else data, times)


def asking_to_sign(server: int, nonce: str, times: int) -> Between:
    """Who connects is asked to sign `nonce`, and not what the server drew."""
    told = b'"nonce":"' + nonce.encode() + b'"'
    return Between(server, lambda data, asks: data if asks else re.sub(rb'"nonce":"[^"]*"', told, data), times)


def find_server() -> str | None:
    return shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
