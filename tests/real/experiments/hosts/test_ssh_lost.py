"""Connections are lost, hosts are cut off, killed, slow: what runs there runs on, and nothing is guessed about it."""

# ruff: noqa: ASYNC110, ASYNC240 - files of this machine, and what announces itself by no event
from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.helpers import alive, until

from headrace.experiments.hosts import Launch, Process, ProcessState
from headrace.experiments.hosts.errors import ConnectionLost, HostUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.experiments.hosts.servers import Sshd

    from headrace.experiments.hosts import SshHost

WAIT = 40.0


def planned(host: SshHost, name: str = "one") -> Process:
    return Process.planned(f"{host.info.base}/{name}")


async def until_there(path: Path) -> None:
    async with asyncio.timeout(WAIT):
        while not path.exists():
            await asyncio.sleep(0.01)


def test_all_that_is_done_on_a_host_goes_over_one_connection(make_sshd: Callable[..., Sshd]) -> None:
    server = make_sshd()

    async def main() -> None:
        host = server.host(Path("base").absolute())
        await host.connect()
        processes = [planned(host, str(each)) for each in range(10)]
        await asyncio.gather(*(host.launch(each, Launch("sleep 0.5")) for each in processes))
        waiting = asyncio.gather(*(host.ended(each) for each in processes))
        await asyncio.gather(*(host.run(["echo", "x"]) for _ in range(20)), host.write_text(f"{host.info.base}/f", "x"))
        await host.read(f"{host.info.base}/f")
        log = (server.folder / "log").read_text(encoding="utf-8")
        await waiting
        await host.close()
        assert log.count("Accepted publickey") == 1

    asyncio.run(main())


def test_a_command_that_is_cut_off_from_its_caller_is_neither_done_nor_failed(make_sshd: Callable[..., Sshd]) -> None:
    server = make_sshd()

    async def main() -> None:
        host = server.host(Path("base").absolute())
        await host.connect()
        running = asyncio.create_task(host.run("echo >begun; sleep 60", cwd=host.info.base))
        await until_there(Path(host.info.base, "begun"))

        server.drop()

        with pytest.raises(ConnectionLost, match="not known"):
            await running
        assert (await host.run("echo again")).out == "again"
        await host.close()

    asyncio.run(main())


def test_the_end_of_a_process_is_heard_of_after_its_server_was_killed_and_started_again(
    make_sshd: Callable[..., Sshd],
) -> None:
    server = make_sshd()

    async def main() -> None:
        host = server.host(Path("base").absolute(), patience=0.5)
        await host.connect()
        base = Path(host.info.base)
        process = planned(host)
        begun = await host.launch(process, Launch(f"mkfifo {base}/fifo; read x <{base}/fifo; exit 7"))
        waiting = asyncio.create_task(host.ended(process))
        await until_there(base / "fifo")

        server.kill()

        with pytest.raises(HostUnreachable):
            await host.status(process)
        assert not waiting.done()
        assert begun.pid is not None
        assert alive(begun.pid)
        server.start()
        (base / "fifo").write_text("go\n", encoding="ascii")
        async with asyncio.timeout(WAIT):
            status = await waiting
        assert (status.state, status.exit_code) == (ProcessState.ended, 7)
        await host.close()

    asyncio.run(main())


def test_a_transfer_goes_on_over_the_next_connection(make_sshd: Callable[..., Sshd]) -> None:
    server = make_sshd()
    Path("large").write_bytes(os.urandom(40_000_000))

    async def main() -> None:
        host = server.host(Path("base").absolute())
        await host.connect()
        sending = asyncio.create_task(host.put(Path("large"), f"{host.info.base}/large"))
        async with asyncio.timeout(WAIT):
            while not [each for each in Path(host.info.base).iterdir() if each.stat().st_size]:
                await asyncio.sleep(0)

        server.drop()

        assert await sending
        assert Path(host.info.base, "large").read_bytes() == Path("large").read_bytes()
        assert [each.name for each in Path(host.info.base).iterdir()] == ["large"]
        await host.close()

    asyncio.run(main())


def test_a_process_outlives_its_killed_controller_and_another_finds_it(sshd: Sshd, tmp_path: Path) -> None:
    base, facts = tmp_path / "base", tmp_path / "facts"
    program = f"""
        import asyncio, json
        from pathlib import Path
        from headrace.experiments.hosts import Launch, Process, SshHost, SshSettings

        async def main():
            host = SshHost(SshSettings("127.0.0.1", {sshd.port}, "root", Path({str(sshd.key)!r}), agent=False,
                known_hosts=Path({str(sshd.known_hosts)!r}), config=False), {str(base)!r})
            await host.connect()
            process = Process.planned({f"{base}/one"!r})
            await host.launch(process, Launch("mkfifo fifo; read x <fifo; exit 7"))
            Path({str(facts)!r}).write_text(json.dumps(process.facts()) + "\\n")
            await host.ended(process)

        asyncio.run(main())
    """
    controller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    try:
        until(lambda: facts.exists() and facts.read_text("ascii").endswith("\n"), "it is launched")
    finally:
        controller.send_signal(signal.SIGKILL)
        controller.wait(30)

    async def main() -> None:
        host = sshd.host(base)
        await host.connect()
        import json  # noqa: PLC0415

        process = await host.adopt(json.loads(facts.read_text("ascii")))
        running = await host.status(process)
        waiting = asyncio.create_task(host.ended(process))
        await until_there(base / "one" / "fifo")
        (base / "one" / "fifo").write_text("go\n", encoding="ascii")
        async with asyncio.timeout(WAIT):
            assert (running.state, (await waiting).exit_code) == (ProcessState.running, 7)
        await host.close()

    asyncio.run(main())


def test_of_three_hosts_one_is_cut_off_one_killed_and_one_slow(far_sshds: list[Sshd], tmp_path: Path) -> None:
    cut, killed, slow = far_sshds
    assert cut.namespace is not None
    assert slow.namespace is not None
    slow.namespace.slow_down("256kbit")

    async def main() -> None:
        hosts = [server.host(tmp_path / f"base{number}", patience=1.0) for number, server in enumerate(far_sshds)]
        await asyncio.gather(*(host.connect() for host in hosts))
        processes = [planned(host) for host in hosts]
        command = "mkfifo fifo; read x <fifo; echo said $x; exit 7"
        begun = await asyncio.gather(
            *(host.launch(each, Launch(command)) for host, each in zip(hosts, processes, strict=True))
        )
        ends = [asyncio.create_task(host.ended(each)) for host, each in zip(hosts, processes, strict=True)]

        assert cut.namespace is not None
        cut.namespace.cut()
        killed.kill()

        for host, process in list(zip(hosts, processes, strict=True))[:2]:
            with pytest.raises(HostUnreachable):
                await host.status(process)
        # Those two end meanwhile, and nobody can know.
        for process in processes:
            fifo = Path(process.directory, "fifo")
            await until_there(fifo)
            fifo.write_text("go\n", encoding="ascii")
        async with asyncio.timeout(WAIT):
            assert (await ends[2]).exit_code == 7
            assert await hosts[2].read(f"{processes[2].directory}/stdout") == b"said go\n"
            for each in begun[:2]:
                while each.pid is not None and alive(each.pid):
                    await asyncio.sleep(0.01)
        assert [each.done() for each in ends] == [False, False, True]

        cut.namespace.mend()
        killed.start()

        async with asyncio.timeout(WAIT):
            assert [(await each).exit_code for each in ends] == [7, 7, 7]
        await asyncio.gather(*(host.close() for host in hosts))

    asyncio.run(main())


def test_a_slow_host_gets_and_gives_files_without_being_given_up(far_sshds: list[Sshd], tmp_path: Path) -> None:
    server = far_sshds[0]
    assert server.namespace is not None
    server.namespace.slow_down("512kbit")
    content = os.urandom(100_000)
    Path("local").write_bytes(content)

    async def main() -> None:
        host = server.host(tmp_path / "base", keepalive=5.0)
        await host.connect()
        await host.put(Path("local"), f"{host.info.base}/file")
        await host.get(f"{host.info.base}/file", Path("back"))
        await host.close()

    asyncio.run(main())
    assert Path("back").read_bytes() == content


def test_a_host_is_reached_through_a_gateway(far_sshds: list[Sshd], make_sshd: Callable[..., Sshd]) -> None:
    gateway = far_sshds[0]
    inner = make_sshd()  # Its address means another machine to the gateway: only through ours is it there.

    async def main() -> None:
        settings = inner.settings(gateway=make_sshd().settings())
        from headrace.experiments.hosts import SshHost  # noqa: PLC0415

        host = SshHost(settings, str(Path("base").absolute()))
        await host.connect()
        assert (await host.run('echo "${SSH_CONNECTION%% *}"')).out == "127.0.0.1"
        await host.close()
        other = SshHost(inner.settings(gateway=gateway.settings(), patience=0.0), str(Path("base").absolute()))
        with pytest.raises(HostUnreachable, match=gateway.address):
            await other.connect()
        await other.close()

    asyncio.run(main())
