"""A private PostgreSQL server: its own folder, its own socket, no port; run by the user that Debian's package makes."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headrace.journal.key import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

_databases = count()


class Server:
    """A server that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert binaries, "no PostgreSQL here: scripts/install-real-servers installs it"
        self.folder = folder
        self.data = folder / "data"
        self._bin = binaries[-1]
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._user:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log", "-o", options)

    def stop(self) -> None:
        """End it at once, as a crash of the machine would."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", self.data)

    def new_database(self) -> str:
        """Make a database; return its URL."""
        name = f"journal{next(_databases)}"
        self._run("createdb", "-h", self.folder, "-U", "postgres", name)
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        given: dict[str, object] = {}
        if self._user:
            given = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        subprocess.run(  # type: ignore[call-overload]  # the three are there together or not at all
            [self._bin / program, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60, **given
        )


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="headrace-pg-"))
    server = Server(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def place(server: Server) -> str:
    return server.new_database()


@pytest.fixture(autouse=True)
def _key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign with a key of the test's, not with that of whoever runs it."""
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key"))
