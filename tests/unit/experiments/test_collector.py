"""One trace of many resources, gathered when the experiment is over."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from headrace.experiments import (
    Attribute,
    ExperimentController,
    FailureLevel,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Trace,
)
from headrace.experiments.collector import Collector
from headrace.experiments.errors import ConnectionRefused, TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

R = ResourceState

# No text: a trace is copied as it is.
CONTENT = b"\xff\x00packets\n"


class Source(ResourceManager):
    """Records what it is told to."""

    _rtype = "Source"
    attributes: ClassVar[tuple[Attribute, ...]] = (Attribute("silent", "Records nothing if set"),)
    traces: ClassVar[tuple[Trace, ...]] = (Trace("log", "What it said", enabled=True), Trace("more", "What it did not"))

    def do_start(self) -> None:
        if not self.get("silent"):
            self.do_trace("log").write_bytes(CONTENT)


class Remote(Source):
    """Its traces are elsewhere, and can be had while it is not released."""

    _rtype = "Remote"

    async def fetch_trace(self, name: str, target: Path) -> None:
        assert self.state is not R.RELEASED
        await asyncio.to_thread(target.write_bytes, name.encode())


class Reader(Source):
    """Says how its traces are read, and not how they are copied."""

    _rtype = "Reader"

    async def trace(self, name: str, *_: object) -> str:
        return f"{name} as text"


class Unreachable(Source):
    """Its host does not answer."""

    _rtype = "Unreachable"

    async def fetch_trace(self, *_: object) -> None:
        await asyncio.Event().wait()


class Stuck(Source):
    """Its host does not answer, and it blocks."""

    _rtype = "Stuck"
    answer = threading.Event()

    def fetch_trace(self, *_: object) -> None:
        self.answer.wait()


class Mute(ResourceManager):
    """Records nothing."""

    _rtype = "Mute"


@pytest.fixture
def ec(tmp_path: Path) -> Iterator[ExperimentController]:
    factory = ResourceFactory(shipped=False, plugins=False)
    for kind in (Collector, Source, Remote, Reader, Unreachable, Stuck, Mute):
        factory.register_type(kind)
    with ExperimentController("tides", tmp_path, factory=factory, journal=False) as ec:
        yield ec


def collect(ec: ExperimentController, *rtypes: str, **options: Any) -> tuple[ResourceManager, list[int]]:  # noqa: ANN401 - attributes
    """Deploy a collector and what it is connected to, wait until all are STARTED, and release everything."""
    guids = [ec.register_resource(rtype) for rtype in rtypes]
    collector = ec.register_resource("Collector", connectedTo=guids, **options)
    ec.deploy()
    ec.wait_started([*guids, collector])
    assert ec.release()
    return ec.get_resource(collector), guids


def test_the_trace_of_each_is_copied_byte_for_byte(ec: ExperimentController) -> None:
    collector, guids = collect(ec, "Source", "Source", traceName="log")

    assert [(ec.run_dir / f"{guid}.log").read_bytes() for guid in guids] == [CONTENT, CONTENT]
    assert (collector.state, collector.cause) == (R.RELEASED, None)


def test_a_later_controller_finds_it_where_it_was(ec: ExperimentController) -> None:
    guids = [ec.register_resource("Source")]
    collector = ec.get_resource(ec.register_resource("Collector", connectedTo=guids, traceName="log"))
    assert collector.do_recover() is R.NEW
    ec.deploy()
    ec.wait_started([*guids, collector.guid])

    assert collector.do_recover() is R.STARTED


def test_a_folder_and_another_name_may_be_given(ec: ExperimentController) -> None:
    _, (guid,) = collect(ec, "Source", traceName="log", subDir="all/logs", rename="txt")

    assert (ec.run_dir / "all" / "logs" / f"{guid}.txt").read_bytes() == CONTENT


def test_what_is_elsewhere_is_fetched_before_it_is_released(ec: ExperimentController) -> None:
    _, (guid,) = collect(ec, "Remote", traceName="log")

    assert (ec.run_dir / f"{guid}.log").read_bytes() == b"log"


def test_what_can_only_be_read_is_written_as_text(ec: ExperimentController) -> None:
    _, (guid,) = collect(ec, "Reader", traceName="log")

    assert (ec.run_dir / f"{guid}.log").read_text(encoding="utf-8") == "log as text"


def test_those_it_collects_from_are_released_after_it(ec: ExperimentController) -> None:
    collector, (guid,) = collect(ec, "Source", traceName="log")

    assert collector.times[R.RELEASED] <= ec.get_resource(guid).times[R.RELEASED]


def test_without_a_trace_name_it_fails_and_says_so(ec: ExperimentController) -> None:
    collector, _ = collect(ec, "Source")

    assert "set traceName" in str(collector.cause)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"traceName": "lock"}, "has no trace lock; what exists: log, more"),
        ({"traceName": "more"}, "call enable_trace(1, 'more')"),
        ({"traceName": "log", "subDir": "../elsewhere"}, "subDir"),
        ({"traceName": "log", "subDir": "/tmp"}, "subDir"),  # noqa: S108 - it is refused
        ({"traceName": "log", "rename": "../../txt"}, "rename"),
    ],
)
def test_what_could_not_be_collected_in_the_end_is_told_when_it_is_deployed(
    ec: ExperimentController, options: dict[str, str], told: str
) -> None:
    collector, _ = collect(ec, "Source", **options)

    assert told in str(collector.cause)
    assert ec.failure_level is FailureLevel.RM_FAILURE


def test_two_do_not_copy_to_the_same_file(ec: ExperimentController) -> None:
    source = ec.register_resource("Source")
    ec.enable_trace(source, "more")
    pair = [
        ec.register_resource("Collector", traceName=name, rename="txt", connectedTo=source) for name in ("log", "more")
    ]
    ec.deploy()
    ec.wait_deployed(pair)

    assert any("the same file, 1.txt" in str(ec.get_resource(guid).cause) for guid in pair)


def test_a_trace_that_cannot_be_read_fails_it_and_the_others_are_copied(ec: ExperimentController) -> None:
    silent = ec.register_resource("Source", silent="yes")
    collector = ec.register_resource("Collector", traceName="log", connectedTo=silent, critical=False)
    other = ec.register_resource("Source", connectedTo=collector)
    ec.deploy()
    ec.wait_started([silent, other, collector])
    ec.release()

    manager = ec.get_resource(collector)
    assert "1 of 2 traces could not be collected: TraceError: nothing has been recorded" in str(manager.cause)
    assert R.FAILED in manager.times
    assert (ec.run_dir / f"{other}.log").read_bytes() == CONTENT


@pytest.mark.parametrize("rtype", ["Unreachable", "Stuck"])
def test_one_that_does_not_answer_holds_nothing_up(ec: ExperimentController, rtype: str) -> None:
    Stuck.answer = threading.Event()
    collector, _ = collect(ec, rtype, "Source", traceName="log", timeout=0.05)
    Stuck.answer.set()

    assert "has not been copied within 0.05 s" in str(collector.cause)
    assert isinstance(collector.cause.__cause__ if collector.cause else None, TraceError)


def test_of_what_was_never_started_there_may_be_none(ec: ExperimentController) -> None:
    source = ec.register_resource("Source")
    collector = ec.register_resource("Collector", traceName="log", connectedTo=source)
    ec.deploy(collector)
    ec.wait_started(collector)
    ec.release()

    assert ec.get_resource(collector).cause is None


def test_one_that_was_never_deployed_collects_nothing(ec: ExperimentController) -> None:
    source = ec.register_resource("Source")
    collector = ec.register_resource("Collector", connectedTo=source)
    ec.deploy(source)
    ec.wait_started(source)

    assert ec.release()
    assert ec.get_resource(collector).cause is None


@pytest.mark.parametrize("rtype", ["Mute", "Collector"])
def test_what_records_nothing_is_not_connected(ec: ExperimentController, rtype: str) -> None:
    with pytest.raises(ConnectionRefused):
        ec.register_resource("Collector", connectedTo=ec.register_resource(rtype))
