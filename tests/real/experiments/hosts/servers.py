"""Real SSH servers of the tests' own: their own keys and ports, on the loopback or in network namespaces."""

# ruff: noqa: S607 - programs of whichever Debian this is
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.helpers import alive, until

from headrace.experiments.hosts import SshHost, SshSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Namespace", "Sshd", "make_key"]

_SSHD = "/usr/sbin/sshd"


def make_key(path: Path, passphrase: str = "") -> Path:
    """Make a pair of keys."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True, timeout=30)
    return path


class Namespace:
    """A network of its own, joined to this one by a pair of virtual interfaces."""

    def __init__(self, number: int) -> None:
        self.name = f"hr{os.getpid()}n{number}"
        self.here, self.there = f"10.213.{number}.1", f"10.213.{number}.2"
        self._link = f"hr{os.getpid() % 100000}v{number}"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("addr", "add", f"{self.here}/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        for words in (f"addr add {self.there}/30 dev eth0", "link set eth0 up", "link set lo up"):
            _ip("-n", self.name, *words.split())

    def cut(self) -> None:
        """Take the link down: nobody is told anything."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        """Take the link up again."""
        _ip("link", "set", self._link, "up")

    def slow_down(self, rate: str) -> None:
        """Let no more through than this, either way."""
        limit = f"root tbf rate {rate} burst 3kb latency 4s".split()
        subprocess.run(["tc", "qdisc", "add", "dev", self._link, *limit], check=True, timeout=30)
        subprocess.run(["tc", "-n", self.name, "qdisc", "add", "dev", "eth0", *limit], check=True, timeout=30)

    def remove(self) -> None:
        """Remove it, and the interfaces with it."""
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._link)
        _ip("netns", "del", self.name)


class Sshd:
    """A server that can be ended, killed and started again."""

    def __init__(self, folder: Path, namespace: Namespace | None = None, options: Sequence[str] = ()) -> None:
        assert Path(_SSHD).exists(), "no sshd here: scripts/install-real-servers installs it"
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.namespace = namespace
        self.address = "127.0.0.1" if namespace is None else namespace.there
        self.port = _free_port() if namespace is None else 22
        self.host_key = make_key(folder / "host_key")
        self.key = make_key(folder / "user_key")
        self.known_hosts = folder / "known_hosts"
        self.know()
        shutil.copy(self.key.with_suffix(".pub"), folder / "authorized_keys")
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"Port {self.port}",
            f"ListenAddress {self.address}",
            f"HostKey {self.host_key}",
            f"PidFile {folder}/pid",
            f"AuthorizedKeysFile {folder}/authorized_keys",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "StrictModes no",
            "PrintMotd no",
            *options,
        ]
        if not any("sftp" in line for line in options):
            lines.append("Subsystem sftp internal-sftp")
        (folder / "config").write_text("\n".join(lines) + "\n", encoding="ascii")

    def know(self) -> None:
        """Write the host's key to the known ones."""
        words = self.host_key.with_suffix(".pub").read_text(encoding="ascii").split()[:2]
        name = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        self.known_hosts.write_text(f"{name} {' '.join(words)}\n", encoding="ascii")

    def settings(self, **others: Any) -> SshSettings:  # noqa: ANN401 - of the settings
        """Return how to reach it."""
        given: dict[str, Any] = {
            "host": self.address,
            "port": self.port,
            "user": "root",
            "identity": self.key,
            "known_hosts": self.known_hosts,
            "agent": False,
            "config": False,
            "connect_timeout": 3.0,
            "patience": 10.0,
            "keepalive": 0.3,
            "keepalive_misses": 3,
            **others,
        }
        return SshSettings(**given)

    def host(self, base: Path, **others: Any) -> SshHost:  # noqa: ANN401 - of the settings
        """Return a host for it."""
        return SshHost(self.settings(**others), str(base), timeout=10.0)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        prefix = ["ip", "netns", "exec", self.namespace.name] if self.namespace else []
        log = self.folder / "log"
        command = [*prefix, _SSHD, "-D", "-E", str(log), "-f", str(self.folder / "config")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        until(self._listens, "sshd listens")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def sessions(self) -> list[int]:
        """Return the processes that serve connections."""
        return [] if self._process is None else _descendants(self._process.pid)

    def kill(self) -> None:
        """Kill it, and every process that serves a connection, with what runs in those."""
        if self._process is not None:
            for pid in (self._process.pid, *_descendants(self._process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def drop(self) -> None:
        """Kill what serves connections; the server goes on."""
        for pid in self.sessions():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    found = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in each.read_text(encoding="ascii").split():
                found += [int(child), *_descendants(int(child))]
    return [each for each in found if alive(each)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=30)
