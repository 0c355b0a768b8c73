# SPDX-License-Identifier: Apache-2.0
"""Operators, accounts and users of NATS as `nsc` makes them: keys (nkeys), their claims (JWT), files of credentials."""
import base64
import hashlib
import json
import pathlib
import subprocess
import time

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3


def crc16(data: bytes) -> int:
    """XMODEM's, as nkeys have it."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def written(data: bytes) -> str:
    return base64.b32encode(data + crc16(data).to_bytes(2, "little")).decode().rstrip("=")


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """An ed25519 key of one kind; openssl has the mathematics."""

    def __init__(self, kind: int, folder: pathlib.Path, name: str):
        self.kind, self.name = kind, name
        self.file = folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.file], check=True)
        self.secret = self._der()[-32:]
        self.public = written(bytes([kind]) + self._der("-pubout")[-32:])

    def _der(self, *options: str) -> bytes:
        return subprocess.run(["openssl", "pkey", "-in", self.file, "-outform", "DER", *options], check=True,
                              capture_output=True).stdout

    @property
    def seed(self) -> str:
        return written(bytes([SEED | self.kind >> 5, (self.kind & 31) << 3]) + self.secret)

    def sign(self, data: bytes) -> bytes:
        message = self.file.with_suffix(".message")
        message.write_bytes(data)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", message],
                              check=True, capture_output=True).stdout

    def claim(self, subject: "Key", nats: dict) -> str:
        """What this one says of another, or of itself."""
        claims = {"iat": int(time.time()), "iss": self.public, "name": subject.name, "sub": subject.public,
                  "nats": {"version": 2, **nats}}
        claims["jti"] = base64.b32encode(hashlib.sha256(json.dumps(claims).encode()).digest()).decode().rstrip("=")
        parts = [base64url(json.dumps(part, separators=(",", ":")).encode())
                 for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims)]
        return ".".join([*parts, base64url(self.sign(".".join(parts).encode()))])


class Operator:
    """One operator with an account that has JetStream."""

    def __init__(self, folder: pathlib.Path):
        folder.mkdir()
        self.folder = folder
        self.keys: dict[str, Key] = {}  # of users, by their names
        self.operator = Key(OPERATOR, folder, "operator")
        self.account = Key(ACCOUNT, folder, "account")
        self.token = self.operator.claim(self.operator, {"type": "operator"})
        plain = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1) | {"wildcards": True}
        jetstream = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
        # The servers' own, which JetStream wants.
        system = Key(ACCOUNT, folder, "system")
        claims = {key.public: self.operator.claim(key, {"type": "account", "limits": limits})
                  for key, limits in ((self.account, plain | jetstream), (system, plain))}
        self.settings = (f"operator: {self.token}\nsystem_account: {system.public}\nresolver: MEMORY\nresolver_preload {{\n"
                         + "\n".join(f"{public}: {claim}" for public, claim in claims.items()) + "\n}\n")

    def user(self, name: str, signer: Key | None = None) -> tuple[Key, str]:
        key = self.keys[name] = Key(USER, self.folder, name)
        limits = {"subs": -1, "data": -1, "payload": -1}
        return key, (signer or self.account).claim(key, {"type": "user", **limits})

    def credentials(self, name: str, signer: Key | None = None) -> pathlib.Path:
        """As `nsc` writes them. Of another's signer: who is not let in."""
        key, token = self.user(name, signer)
        path = self.folder / f"{name}.creds"
        path.write_text(f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
                        f"-----BEGIN USER NKEY SEED-----\n{key.seed}\n------END USER NKEY SEED------\n", encoding="utf-8")
        return path

    def login(self):
        """For nats.request: what answers a server's nonce."""
        key, token = self.user("admin")

        def answer(nonce: str) -> dict:
            return {"jwt": token, "sig": base64url(key.sign(nonce.encode()))}
        return answer
