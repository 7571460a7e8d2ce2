"""What an experiment consists of: resources, their attributes, connections and traces; and what it is called."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from headrace.experiments import (
    Attribute,
    ECState,
    ExperimentError,
    FailureLevel,
    Flags,
    ResourceState,
    Trace,
    TraceAttr,
    Types,
)
from headrace.experiments.errors import (
    ConnectionRefused,
    DuplicateResource,
    InvalidAttribute,
    ReadOnlyAttribute,
    TraceError,
    UnknownAttribute,
    UnknownResource,
    UnknownState,
    UnknownTrace,
    UnknownType,
    WriteOnlyAttribute,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.experiments.lab import Lab

    from headrace.experiments import ExperimentController

S = ResourceState


# --- what it is called -----------------------------------------------------------------------------------------------


def test_an_experiment_has_a_name_runs_and_folders(lab: Lab, tmp_path: Path) -> None:
    ec = lab.controller("wireless", run_id="first")

    assert (ec.exp_id, ec.run_id, ec.root_dir, ec.local_dir) == ("wireless", "first", tmp_path, tmp_path)
    assert (ec.exp_dir, ec.run_dir) == (tmp_path / "wireless", tmp_path / "wireless" / "first")
    assert (ec.ecstate, ec.finished, ec.abort) == (ECState.RUNNING, False, False)
    assert ec.failure_level is FailureLevel.OK


def test_names_are_made_up_where_none_is_given(lab: Lab) -> None:
    one, other = lab.controller(), lab.controller()

    assert (one.exp_id != other.exp_id, one.exp_id[:4], len(one.run_id)) == (True, "exp-", 20)


@pytest.mark.parametrize("name", ["../up", "a/b", ".", "a b", "x" * 101, 7])
def test_what_cannot_name_a_folder_is_refused(lab: Lab, name: Any) -> None:  # noqa: ANN401 - as a caller without mypy may
    with pytest.raises(ExperimentError, match="exp_id"):
        lab.controller(name)
    with pytest.raises(ExperimentError, match="run_id"):
        lab.controller(run_id=name)


# --- resources -------------------------------------------------------------------------------------------------------


def test_resources_are_numbered_and_may_be_given_a_number(lab: Lab, ec: ExperimentController) -> None:
    numbers = [ec.register_resource("Plain", guid) for guid in (None, 2, 7)]

    assert [*numbers, ec.register_resource("Plain")] == [1, 2, 7, 3]
    assert ec.resources == [1, 2, 7, 3]


def test_a_number_is_given_once(lab: Lab, ec: ExperimentController) -> None:
    lab.add()
    with pytest.raises(DuplicateResource, match="1"):
        ec.register_resource("Plain", 1)
    assert ec.resources == [1]


@pytest.mark.parametrize("guid", [0, -1, True, "1", 1.0])
def test_what_is_no_number_is_refused(lab: Lab, ec: ExperimentController, guid: Any) -> None:  # noqa: ANN401 - as above
    with pytest.raises(ExperimentError):
        ec.register_resource("Plain", guid)


def test_a_registration_that_is_refused_leaves_nothing(lab: Lab, ec: ExperimentController) -> None:
    one = lab.kind(valid_connection=lambda *_: "it takes nobody")
    [shy] = lab.add(one)
    refused: list[tuple[type[Exception], dict[str, Any]]] = [
        (UnknownAttribute, {"colour": "red"}),
        (InvalidAttribute, {"critical": "perhaps"}),
        (UnknownResource, {"connectedTo": 99}),
        (ConnectionRefused, {"connectedTo": shy}),
    ]
    for error, options in refused:
        with pytest.raises(error):
            ec.register_resource("Plain", **options)
    with pytest.raises(UnknownType, match="Plain"):
        ec.register_resource("Plian")

    assert (ec.resources, ec.get_resource(shy).connections) == ([shy], [])


def test_resources_are_found_by_exact_type(lab: Lab, ec: ExperimentController) -> None:
    derived = lab.kind(lab.factory.get_resource_type("Plain"))
    [one], [other] = lab.add(), lab.add(derived)

    assert ec.filter_resources("Plain") == [one]
    assert [each.guid for each in ec.get_resources_by_type(derived)] == [other]
    with pytest.raises(UnknownType):
        ec.filter_resources("Nothing")


def test_states_are_compared_by_their_order_and_have_names(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()

    assert ec.state(one) < S.DISCOVERED < S.RESERVED < S.PROVISIONED < S.READY < S.STARTED
    assert S.STARTED < S.STOPPED < S.FINISHED < S.FAILED < S.RELEASED
    assert ec.state(one, hr=True) == "NEW"


def test_when_a_resource_came_to_its_states_is_kept(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    lab.clock.advance(5)
    lab.run(one)
    new, ready = ec.get_time(one, S.NEW), ec.get_time(one, "READY")

    assert new is not None
    assert ready is not None
    assert ((ready - new).total_seconds(), ec.get_time(one, S.STOPPED)) == (5, None)
    with pytest.raises(UnknownState, match="READY"):
        ec.get_time(one, "RAEDY")


def test_many_threads_may_register_and_deploy_at_once(lab: Lab, ec: ExperimentController) -> None:
    together = threading.Barrier(4)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            together.wait(20)
            for _ in range(50):
                guid = ec.register_resource("Plain")
                ec.deploy()
                ec.set(guid, "critical", False)
        except BaseException as error:  # noqa: BLE001 - it is asserted on
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert errors == []
    assert ec.wait_started(ec.resources, timeout=20)
    assert len(ec.resources) == 200


# --- attributes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(lab: Lab) -> int:
    rtype = lab.kind(
        attributes=(
            Attribute("port", "where it listens", type=Types.Integer, default=80, range=(1, 65535)),
            Attribute("image", "what is on it", flags=Flags.Design),
            Attribute("model", "what it is", flags=Flags.Construct),
            Attribute("password", "a secret", flags=Flags.Credential | Flags.NoRead),
            Attribute("address", "what it was given", flags=Flags.NoWrite),
            Attribute("user", "on all", flags=Flags.Global, default="root"),
            Attribute("level", "rounded", type=Types.Integer, default=0, set_hook=lambda _, new: new // 10 * 10),
        ),
        do_start=lambda self: self.set("address", "10.0.0.1"),
    )
    [guid] = lab.add(rtype, model="x1")
    return guid


def test_attributes_are_declared_inherited_and_set(ec: ExperimentController, server: int) -> None:
    ec.set(server, "port", "8080")

    assert (ec.get(server, "port"), ec.get(server, "model"), ec.get(server, "image")) == (8080, "x1", None)
    assert (ec.get(server, "critical"), ec.get(server, "hardRelease")) == (True, False)
    assert ec.get_attributes(server)["port"] == "where it listens"


def test_types_and_ranges_are_enforced(ec: ExperimentController, server: int) -> None:
    for value in ("abc", 0, 65536, 1.5, True):
        with pytest.raises(InvalidAttribute, match="port"):
            ec.set(server, "port", value)
    assert (ec.get(server, "port"), type(ec.get(server, "port"))) == (80, int)


def test_unknown_attributes_are_named_with_what_exists(ec: ExperimentController, server: int) -> None:
    for call in (lambda: ec.get(server, "prot"), lambda: ec.set(server, "prot", 1)):
        with pytest.raises(UnknownAttribute, match=r"prot.*did you mean port\?"):
            call()


def test_flags_are_enforced(lab: Lab, ec: ExperimentController, server: int) -> None:
    with pytest.raises(ReadOnlyAttribute):
        ec.set(server, "address", "10.0.0.2")
    with pytest.raises(ReadOnlyAttribute):
        ec.set(server, "model", "x2")
    with pytest.raises(WriteOnlyAttribute):
        ec.get(server, "password")
    ec.set(server, "image", "debian")
    lab.run(server)
    assert ec.wait_started(server, timeout=20)
    for name in ("image", "password"):
        with pytest.raises(ReadOnlyAttribute, match=name):
            ec.set(server, name, "other")

    assert ec.get(server, "address") == "10.0.0.1"


def test_a_design_attribute_is_fixed_while_the_deployment_is_under_way(lab: Lab, ec: ExperimentController) -> None:
    begun, gate = threading.Event(), threading.Event()

    def do_discover(_: object) -> None:
        begun.set()
        gate.wait(20)

    [one] = lab.add(
        lab.kind(attributes=(Attribute("image", "what is on it", flags=Flags.Design),), do_discover=do_discover)
    )
    ec.deploy(one)
    begun.wait(20)
    with pytest.raises(ReadOnlyAttribute):
        ec.set(one, "image", "other")
    gate.set()


def test_a_hook_may_keep_another_value(ec: ExperimentController, server: int) -> None:
    ec.set(server, "level", 27)

    assert ec.get(server, "level") == 20


def test_a_value_may_be_given_to_all_of_a_type(lab: Lab, ec: ExperimentController, server: int) -> None:
    rtype = ec.get_resource(server).rtype
    [own] = lab.add(rtype, user="alice")
    ec.set_global(rtype, "user", "bob")

    assert (ec.get(server, "user"), ec.get(own, "user"), ec.get_global(rtype, "user")) == ("bob", "alice", "bob")
    with pytest.raises(InvalidAttribute):
        ec.set_global(rtype, "port", 1)
    with pytest.raises(UnknownAttribute):
        ec.set_global(rtype, "nothing", 1)


# --- connections -----------------------------------------------------------------------------------------------------


def test_connections_have_two_ends(lab: Lab, ec: ExperimentController) -> None:
    a, b, c = lab.add(number=3)
    ec.register_connection(a, b)
    ec.register_connection(b, a)
    [d] = lab.add(connectedTo=[a, ec.get_resource(c)])

    assert [ec.get_resource(each).connections for each in (a, b, c, d)] == [[b, d], [a], [d], [a, c]]
    ec.unregister_connection(b, a)
    ec.unregister_connection(b, a)
    assert [ec.get_resource(each).connections for each in (a, b)] == [[d], []]


def test_neighbours_are_found_by_type_and_subtypes(lab: Lab, ec: ExperimentController) -> None:
    plain = lab.factory.get_resource_type("Plain")
    derived, other = lab.kind(plain), lab.kind()
    [a], [b], [c] = lab.add(), lab.add(derived), lab.add(other)
    for each in (b, c):
        ec.register_connection(a, each)
    manager = ec.get_resource(a)

    assert [one.guid for one in manager.get_connected("Plain")] == [b]
    assert [one.guid for one in manager.get_connected(plain)] == [b]
    assert [one.guid for one in manager.get_connected()] == [b, c]


def test_nothing_is_connected_to_itself(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    with pytest.raises(ConnectionRefused):
        ec.register_connection(one, one)


def _valid(answer: object, *, is_async: bool) -> Any:  # noqa: ANN401 - a hook
    async def coroutine(*_: object) -> object:
        return answer

    return coroutine if is_async else lambda *_: answer


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("answer", [False, None, "", "it has one already"])
def test_either_end_may_refuse(lab: Lab, ec: ExperimentController, answer: object, first: bool, is_async: bool) -> None:  # noqa: FBT001
    [shy] = lab.add(lab.kind(valid_connection=_valid(answer, is_async=is_async)))
    [other] = lab.add()
    with pytest.raises(ConnectionRefused, match=answer if isinstance(answer, str) and answer else "does not take it"):
        ec.register_connection(*((shy, other) if first else (other, shy)))

    assert ec.get_resource(shy).connections == ec.get_resource(other).connections == []


@pytest.mark.parametrize("is_async", [False, True])
def test_both_ends_are_told(lab: Lab, ec: ExperimentController, is_async: bool) -> None:  # noqa: FBT001
    told: list[tuple[str, int, int]] = []

    def noting(what: str) -> Any:  # noqa: ANN401 - a hook
        async def coroutine(self: Any, other: int) -> None:  # noqa: ANN401 - a resource
            told.append((what, self.guid, other))

        return coroutine if is_async else lambda self, other: told.append((what, self.guid, other))

    a, b = lab.add(lab.kind(do_connect=noting("connect"), do_disconnect=noting("disconnect")), 2)
    ec.register_connection(a, b)
    ec.unregister_connection(b, a)

    assert sorted(told) == [("connect", a, b), ("connect", b, a), ("disconnect", a, b), ("disconnect", b, a)]


def test_a_connection_that_one_end_cannot_make_is_undone_at_the_other(lab: Lab, ec: ExperimentController) -> None:
    told: list[str] = []

    def raising(*_: object) -> None:
        raise OSError("no cable")

    [a] = lab.add(
        lab.kind(do_connect=lambda *_: told.append("connect"), do_disconnect=lambda *_: told.append("disconnect"))
    )
    [b] = lab.add(lab.kind(do_connect=raising))
    with pytest.raises(ConnectionRefused, match="no cable"):
        ec.register_connection(a, b)

    assert (told, ec.get_resource(a).connections, ec.get_resource(b).connections) == (["connect", "disconnect"], [], [])


def test_a_disconnection_that_raises_disconnects(lab: Lab, ec: ExperimentController) -> None:
    a, b = lab.add(lab.kind(do_disconnect=lambda *_: 1 / 0), 2)
    ec.register_connection(a, b)
    ec.unregister_connection(a, b)

    assert ec.get_resource(a).connections == ec.get_resource(b).connections == []


def test_a_connection_that_hangs_holds_up_nothing_else(lab: Lab, ec: ExperimentController) -> None:
    begun, gate = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        begun.set()
        gate.wait(20)

    a, b = lab.add(lab.kind(do_connect=hang), 2)
    thread = threading.Thread(target=ec.register_connection, args=(a, b))
    thread.start()
    begun.wait(20)
    lab.add()
    ec.deploy()
    states = lab.states(*ec.resources)
    gate.set()
    thread.join(20)

    assert states == ["STARTED"] * 3


# --- traces ----------------------------------------------------------------------------------------------------------


def test_traces_are_enabled_by_either_name_and_read_in_four_ways(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add(
        lab.kind(traces=(Trace("stdout", "output"), Trace("log", "always", enabled=True), Trace("x", "none")))
    )
    ec.register_trace(one, "stdout")
    path = ec.get_resource(one).directory / "stdout"
    path.write_text("first, second")

    assert ec.get_traces(one) == ["log", "stdout", "x"]
    assert [ec.trace_enabled(one, name) for name in ("stdout", "log", "x")] == [True, True, False]
    assert ec.trace(one, "stdout") == "first, second"
    assert ec.trace(one, "stdout", TraceAttr.STREAM, block=7, offset=1) == "second"
    assert ec.trace(one, "stdout", TraceAttr.PATH) == path
    assert ec.trace(one, "stdout", TraceAttr.SIZE) == 13
    ec.enable_trace(one, "x")
    assert ec.trace_enabled(one, "x")


def test_what_was_not_recorded_cannot_be_read(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add(lab.kind(traces=(Trace("stdout", "output"), Trace("log", "always", enabled=True))))
    for name in ("stdout", "log"):
        with pytest.raises(TraceError):
            ec.trace(one, name)
    for call in (ec.trace, ec.enable_trace, ec.register_trace, ec.trace_enabled):
        with pytest.raises(UnknownTrace, match=r"stdour.*did you mean stdout"):
            call(one, "stdour")


def test_a_trace_may_be_fetched_by_a_coroutine(lab: Lab, ec: ExperimentController) -> None:
    async def trace(self: Any, name: str, *_: object) -> str:  # noqa: ANN401 - a resource
        return f"{name} of {self.guid}"

    [one] = lab.add(lab.kind(traces=(Trace("log", "far away", enabled=True),), trace=trace))

    assert ec.trace(one, "log") == "log of 1"


# --- facts -----------------------------------------------------------------------------------------------------------


def test_facts_are_kept_for_a_later_controller(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    manager = ec.get_resource(one)
    manager.remember(pid=7, host="a")
    manager.remember(pid=8)

    assert manager.facts == {"pid": 8, "host": "a"}
    with pytest.raises(ExperimentError):
        manager.remember(what=object())
    assert manager.facts == {"pid": 8, "host": "a"}
