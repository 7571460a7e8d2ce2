"""A host as it is seen from within one of its namespaces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from tests.unit.experiments.linux.fakes import FakeHost

from headrace.experiments.hosts import Host, Launch, Process
from headrace.experiments.linux.inside import InNetNS

if TYPE_CHECKING:
    from collections.abc import Sequence


def within(command: str | Sequence[str]) -> tuple[list[str], dict[str, object]]:
    host = FakeHost()
    asyncio.run(InNetNS(cast("Host", host), "hr-1").run(command, env={"A": "b"}, cwd="/x"))
    ((words, options),) = host.calls
    return words, options


def test_it_is_a_host() -> None:
    assert isinstance(InNetNS(cast("Host", FakeHost()), "hr-1"), Host)


def test_a_program_runs_in_the_namespace_as_root() -> None:
    words, options = within(["ping", "a b"])

    assert words == ["ip", "netns", "exec", "hr-1", "ping", "a b"]
    assert options["sudo"] is True
    assert (options["env"], options["cwd"]) == ({"A": "b"}, "/x")


def test_text_for_a_shell_is_read_by_one_in_the_namespace() -> None:
    assert within("cd /x && ls")[0] == ["ip", "netns", "exec", "hr-1", "sh", "-c", "cd /x && ls"]


def test_what_is_launched_runs_there_and_is_signalled_as_root() -> None:
    host = FakeHost()
    process = Process.planned("/home/me/p")
    asyncio.run(InNetNS(cast("Host", host), "hr-1").launch(process, Launch("sleep 1", cwd="/x")))
    ((started, launch),) = host.launched

    assert (started.directory, started.token, started.sudo) == (process.directory, process.token, True)
    assert launch == Launch(("ip", "netns", "exec", "hr-1", "sh", "-c", "sleep 1"), cwd="/x")


def test_messages_name_the_namespace_and_the_host() -> None:
    assert InNetNS(cast("Host", FakeHost()), "hr-1").name == "hr-1 on fake"
