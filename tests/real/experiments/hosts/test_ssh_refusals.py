"""Why a host cannot be used is told, each reason in its own words, with what would help."""

# ruff: noqa: ASYNC240 - files of this machine, and what announces itself by no event
from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.real.experiments.hosts.servers import make_key

from headrace.experiments.hosts.errors import (
    AuthenticationRefused,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    HostTimedOut,
    IdentityUnreadable,
    NameNotResolved,
    PortClosed,
    ProtocolRefused,
    SessionRefused,
    Unsuitable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.real.experiments.hosts.servers import Sshd

    from headrace.experiments.hosts import SshHost


def refusal(sshd: Sshd, **settings: Any) -> HostError:  # noqa: ANN401 - of the settings
    """Try to connect in vain."""

    async def main() -> HostError:
        host = sshd.host(Path("base").absolute(), **{"patience": 0.0, **settings})
        try:
            await host.connect()
        except HostError as error:
            return error
        finally:
            await host.close()
        raise AssertionError("it was connected")

    return asyncio.run(main())


def connects(sshd: Sshd, **settings: Any) -> None:  # noqa: ANN401 - of the settings
    """Connect and go."""

    async def main() -> None:
        host = sshd.host(Path("base").absolute(), **settings)
        await host.connect()
        await host.close()

    asyncio.run(main())


def test_an_unknown_host_key_is_refused_with_the_line_that_makes_it_known(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known"

    error = refusal(sshd, known_hosts=known)

    assert isinstance(error, HostKeyUnknown)
    assert "SHA256:" in str(error)
    known.write_text(str(error).partition(f"{known}: ")[2] + "\n", encoding="ascii")
    connects(sshd, known_hosts=known)


def test_a_changed_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text(encoding="ascii").split()[:2]
    known = tmp_path / "known"
    known.write_text(f"[{sshd.address}]:{sshd.port} {' '.join(other)}\n", encoding="ascii")

    error = refusal(sshd, known_hosts=known)

    assert isinstance(error, HostKeyChanged)
    assert "has changed" in str(error)


def test_host_keys_are_left_unchecked_only_if_that_is_asked_for_with_a_warning(
    sshd: Sshd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        connects(sshd, known_hosts=tmp_path / "none", strict_host_keys=False)

    assert "its host key is not checked" in caplog.text


def test_a_key_that_it_does_not_take(sshd: Sshd, tmp_path: Path) -> None:
    error = refusal(sshd, identity=make_key(tmp_path / "key"))

    assert isinstance(error, AuthenticationRefused)
    assert not error.transient
    assert str(tmp_path / "key") in str(error)
    assert "root" in str(error)


def test_a_password_is_in_no_message(sshd: Sshd, tmp_path: Path) -> None:
    error = refusal(sshd, identity=make_key(tmp_path / "key"), password="xyzzy")  # noqa: S106 - nobody's

    assert isinstance(error, AuthenticationRefused)
    assert "xyzzy" not in str(error) + repr(sshd.settings(password="xyzzy"))  # noqa: S106 - nobody's


@pytest.mark.parametrize("passphrase", ["secret", None])
def test_a_key_that_cannot_be_read(sshd: Sshd, tmp_path: Path, passphrase: str | None) -> None:
    if passphrase is not None:
        make_key(tmp_path / "key", passphrase)

    error = refusal(sshd, identity=tmp_path / "key")

    assert isinstance(error, IdentityUnreadable)
    assert str(tmp_path / "key") in str(error)


def test_a_port_on_which_nobody_listens(sshd: Sshd) -> None:
    error = refusal(sshd, port=1, patience=0.5)

    assert isinstance(error, PortClosed)
    assert error.transient
    assert "port 1" in str(error)
    assert "attempts" in str(error)


def test_a_name_that_nobody_has(sshd: Sshd) -> None:
    error = refusal(sshd, host="no-such-host.invalid")

    assert isinstance(error, NameNotResolved)
    assert "no-such-host.invalid" in str(error)


@asynccontextmanager
async def listening(said: bytes) -> AsyncIterator[int]:
    """Listen, and say this and no more."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        with suppress(OSError):
            while await reader.read(1000):
                pass
        writer.close()
        over.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await over.wait()


@pytest.mark.parametrize(("said", "expected"), [(b"", HostTimedOut), (b"SSH-1.0-old\r\n", ProtocolRefused)])
def test_what_answers_is_no_sshd(sshd: Sshd, said: bytes, expected: type[HostError]) -> None:
    async def main() -> None:
        async with listening(said) as port:
            host = sshd.host(Path("base").absolute(), port=port, connect_timeout=0.5, patience=0.0)
            with pytest.raises(expected):
                await host.connect()
            await host.close()

    asyncio.run(main())


def with_host(sshd: Sshd, deed: Callable[[SshHost], Any], **settings: Any) -> None:  # noqa: ANN401 - anything
    """Do it with a connected host."""

    async def main() -> None:
        host = sshd.host(Path("base").absolute(), **settings)
        try:
            await host.connect()
            await deed(host)
        finally:
            await host.close()

    asyncio.run(main())


def test_a_host_that_serves_no_files_says_what_it_lacks(make_sshd: Callable[..., Sshd]) -> None:
    async def deed(host: SshHost) -> None:
        with pytest.raises(Unsuitable, match="sftp"):
            await host.read(f"{host.info.base}/file")
        assert (await host.run("echo hello")).out == "hello"

    with_host(make_sshd("Subsystem sftp /nowhere/sftp-server"), deed)
    with_host(make_sshd("# no sftp"), deed)


def test_a_host_that_opens_too_few_sessions_is_named_with_the_remedy(make_sshd: Callable[..., Sshd]) -> None:
    async def deed(host: SshHost) -> None:
        done = await asyncio.gather(*(host.run("sleep 3") for _ in range(5)), return_exceptions=True)
        refused = [each for each in done if isinstance(each, SessionRefused)]
        assert refused
        assert "MaxSessions" in str(refused[0])

    with_host(make_sshd("MaxSessions 2"), deed)


def test_a_host_without_the_tools_says_which(sshd: Sshd, make_sshd: Callable[..., Sshd]) -> None:
    tools = Path("tools").absolute()
    tools.mkdir()
    for name in ("sh", "grep", "id", "mkdir", "mv", "rm", "cat", "chmod", "sleep", "wc", "setsid", "uname"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    server = make_sshd(f"SetEnv PATH={tools}")

    error = refusal(server)

    assert isinstance(error, Unsuitable)
    assert "flock sha256sum" in str(error)
