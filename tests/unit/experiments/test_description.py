"""An experiment that is saved and loaded is the same, to the last digit; what is wrong with a file is said."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.core import GateCycle
from headrace.experiments import (
    Attribute,
    Compare,
    ExperimentController,
    Flags,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Trace,
    Types,
)
from headrace.experiments import schema as schema_module
from headrace.experiments.describing import in_order
from headrace.experiments.description import DeployDescription
from headrace.experiments.errors import DescriptionError, UnknownType
from headrace.experiments.notation import read_description

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Thing(ResourceManager):
    """Has an attribute of each type."""

    _rtype = "test::Thing"
    attributes = (
        Attribute("text", "any text"),
        Attribute("whole", "a number", type=Types.Integer),
        Attribute("real", "a number", type=Types.Double),
        Attribute("flag", "yes or no", type=Types.Bool),
        Attribute("choice", "one of several", type=Types.Enumerate, allowed=("a", 1, (2, 3))),
        Attribute("shared", "for all of them", flags=Flags.Global),
        Attribute("password", "a secret", flags=Flags.Credential),
        Attribute("pid", "its own", type=Types.Integer, flags=Flags.NoWrite),
    )
    traces = (Trace("log", "what happens"), Trace("always", "what always happens", enabled=True))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., ExperimentController]]:
    made: list[ExperimentController] = []

    def make(source: Any = None, **options: Any) -> ExperimentController:  # noqa: ANN401 - the controller's own
        common: dict[str, Any] = {"factory": factory(), "root_dir": tmp_path, "journal": False, **options}
        new = ExperimentController(**common) if source is None else ExperimentController.load(source, **common)
        made.append(new)
        return new

    yield make
    for each in made:
        each.shutdown()


def factory() -> ResourceFactory:
    new = ResourceFactory()
    new.register_type(Thing)
    return new


def example(ec: ExperimentController) -> tuple[int, int]:
    one = ec.register_resource("test::Thing", text="two\nlines", whole=3)
    other = ec.register_resource("test::Thing", connectedTo=one)
    ec.register_condition(other, "START", [one], "STARTED", "2m30s")
    return one, other


# --- exactly the same -------------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text() | st.sampled_from(
    ["yes", "1:30", "007", "1e5", "null", "~", "<<", "a\nb\n", " \n x", "#", "\x85", "\ud800"]
)
values = st.fixed_dictionaries(
    {},
    optional={
        "text": texts | st.none(),
        "whole": st.integers() | st.none(),
        "real": finite | st.none(),
        "flag": st.booleans() | st.none(),
        "choice": st.sampled_from(["a", 1, (2, 3)]),
        "password": texts,
        "critical": st.booleans(),
    },
)
delays = st.floats(min_value=0, max_value=1e300) | st.sampled_from([0, 0.1, 1e-9, 5e-324, 150, 3600.5])


def even(*_: object) -> bool:
    return True


@st.composite
def experiments(draw: st.DrawFn) -> Callable[[ExperimentController], None]:
    count = draw(st.integers(1, 6))
    guids = draw(st.lists(st.integers(1, 50), min_size=count, max_size=count, unique=True))
    some = st.lists(st.sampled_from(guids), min_size=1, max_size=4)
    attributes: list[dict[str, Any]] = [draw(values) for _ in guids]
    pairs = draw(st.lists(st.tuples(st.sampled_from(guids), st.sampled_from(guids)), max_size=8))
    conditions = draw(
        st.lists(
            st.tuples(
                st.sampled_from(guids),
                st.sampled_from(["START", "STOP", "DEPLOY", "SET"]),
                some,
                st.sampled_from(list(ResourceState)) | st.just(even) | st.builds(Compare, texts, st.just("<"), texts),
                delays,
                st.sampled_from(["all", "any", 1]),
            ),
            max_size=8,
        )
    )
    traced = draw(st.lists(st.sampled_from(guids)))
    shared = draw(texts)
    deployed = draw(st.lists(st.tuples(some, st.booleans(), st.none() | st.integers(1, 9)), max_size=3))

    def build(ec: ExperimentController) -> None:
        for guid, chosen in zip(guids, attributes, strict=True):
            ec.register_resource("test::Thing", guid, **chosen)
        for one, other in pairs:
            if one != other:
                ec.register_connection(one, other)
        ec.set_global("test::Thing", "shared", shared)
        for guid in traced:
            ec.enable_trace(guid, "log")
        for guid, action, group, what, delay, need in conditions:
            kind: dict[str, Any] = {"state": what, "need": need} if isinstance(what, ResourceState) else {"when": what}
            try:
                if action == "SET":
                    ec.set_with_conditions("whole", guid, guid, group, time=delay, **kind)
                else:
                    ec.register_condition(guid, action, group, time=delay, **kind)
            except GateCycle:
                continue
        for group, ready, number in deployed:
            ec._deploys.append(
                DeployDescription(guids=tuple(dict.fromkeys(group)), group=number or 1, wait_all_ready=ready)
            )

    return build


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["json", "yaml"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(build=experiments())
def test_what_is_loaded_describes_itself_as_what_was_saved(
    make: Callable[..., ExperimentController], kind: str, build: Callable[[ExperimentController], None]
) -> None:
    with make() as ec:
        build(ec)
        text = ec.serialize(kind, predicates={"even": even})
        with make(text, predicates={"even": even}) as loaded:
            assert loaded.serialize(kind) == text
            assert loaded.description == ec.description
            assert [loaded.get_resource(guid).connections for guid in loaded.resources] == [
                ec.get_resource(guid).connections for guid in ec.resources
            ]


def test_connections_keep_the_order_in_which_each_resource_has_them() -> None:
    # No order of the resources gives this one, if each names those that it is connected to.
    neighbours = {1: [3, 2], 2: [3, 1], 3: [2, 1]}
    pairs = in_order(neighbours)
    again: dict[int, list[int]] = {1: [], 2: [], 3: []}
    for one, other in pairs:
        again[one].append(other)
        again[other].append(one)
    assert again == neighbours


def test_a_file_is_written_and_read_by_its_suffix(make: Callable[..., ExperimentController], tmp_path: Path) -> None:
    ec = make(exp_id="saved")
    example(ec)
    for name in ("experiment.json", "experiment.yaml"):
        path = ec.save(tmp_path / name)
        assert make(path).description == ec.description
    assert json.loads((tmp_path / "experiment.json").read_text())["version"] == 1
    assert ec.save(tmp_path) == tmp_path / "saved.json"
    assert ec.save() == ec.run_dir / "saved.json"


def test_it_is_loaded_new_whatever_became_of_it(make: Callable[..., ExperimentController]) -> None:
    ec = make()
    one, other = example(ec)
    ec.deploy(one)
    assert ec.wait_started(one, timeout=5)
    loaded = make(ec.serialize())
    assert [loaded.state(guid) for guid in (one, other)] == [ResourceState.NEW, ResourceState.NEW]
    assert loaded.description.deploy == (DeployDescription(guids=(one,), group=1),)


def test_secrets_are_not_written_and_are_asked_for(
    make: Callable[..., ExperimentController], caplog: pytest.LogCaptureFixture
) -> None:
    ec = make()
    guid = ec.register_resource("test::Thing", password="hunter2")  # noqa: S106 - made up
    text = ec.serialize("yaml")
    assert "hunter2" not in text
    with caplog.at_level(logging.WARNING):
        loaded = make(text)
    assert "ec.set(1, 'password', …)" in caplog.text
    assert loaded.get_resource(guid).missing_credentials == ["password"]
    assert loaded.get(guid, "password") is None
    assert loaded.description == ec.description
    loaded.set(guid, "password", "hunter3")
    assert loaded.get_resource(guid).missing_credentials == []


def test_what_a_resource_sets_itself_is_not_written(make: Callable[..., ExperimentController]) -> None:
    ec = make()
    guid = ec.register_resource("test::Thing")
    ec.get_resource(guid)._values["pid"] = 17
    assert ec.description.resources[0].attributes == {}


def test_a_function_without_a_name_is_refused_with_the_remedy(make: Callable[..., ExperimentController]) -> None:
    ec = make()
    one, other = example(ec)
    ec.register_condition(other, "STOP", one, when=even)
    with pytest.raises(DescriptionError, match=r"resource test::Thing 2 .*predicates=\{'even': …\}"):
        ec.serialize()


def test_a_function_with_a_name_is_given_again_when_it_is_loaded(make: Callable[..., ExperimentController]) -> None:
    ec = make(predicates={"all even": even})
    one, other = example(ec)
    ec.register_condition(other, "STOP", one, when=even)
    text = ec.serialize()
    with pytest.raises(DescriptionError, match=r"conditions\[1\]\.predicate: .*predicates=\{'all even': function\}"):
        make(text)
    loaded = make(text, predicates={"all even": even})
    assert loaded.conditions(other) == ec.conditions(other)


# --- by hand ----------------------------------------------------------------------------------------------------------

WRITTEN = """
version: 1
exp_id: by-hand
globals:
  test::Thing: { shared: all }
resources:
  host:
    type: test::Thing
    attributes: &common { text: no, whole: 7 }
  client:
    type: test::Thing
    connections: [host]
    attributes: { <<: *common, whole: 8 }
    traces: log
    conditions:
      - { action: start, group: host, state: ready, delay: 2m30s }
      - { action: STOP, group: [host, other], compare: { attribute: whole, op: ">=", value: 9 } }
    sets:
      - { attribute: text, value: "on", group: host, state: STARTED, delay: 500ms }
  other: { type: test::Thing, guid: 1 }
connections:
  - [client, other]
deploy:
  - { resources: host, wait_all_ready: false }
  - {}
wait: [client]
runs: { min_runs: 2, max_runs: 9, metric: { resource: client, trace: log, pattern: "rtt (.*)", take: mean } }
"""


def test_resources_may_have_names(make: Callable[..., ExperimentController]) -> None:
    ec = make(WRITTEN)
    assert ec.exp_id == "by-hand"
    assert ec.description.names == {2: "host", 3: "client", 1: "other"}
    assert ec.get_resource(3).label == "client"
    assert ec.get_resource(3).connections == [2, 1]
    assert [str(each) for each in ec.conditions(3)] == [
        "START when 2 READY + 2m30s",
        "STOP when whole >= 9 of 2, 1",
    ]
    assert (ec.get(2, "text"), ec.get(3, "whole"), ec.get(3, "shared")) == ("no", 8, "all")
    assert ec.trace_enabled(3, "log")
    assert make(ec.serialize("yaml")).description == ec.description


def test_what_the_command_line_wants_to_know_is_read() -> None:
    found = read_description(WRITTEN)
    assert [(each.guids, each.group, each.wait_all_ready) for each in found.deploy] == [
        ((2,), 1, False),
        ((3, 1), 2, True),
    ]
    assert found.wait is not None
    assert (found.wait.guids, found.wait.state, found.wait.timeout) == ((3,), ResourceState.STOPPED, None)
    assert found.runs is not None
    assert found.runs.metric is not None
    assert (found.runs.min_runs, found.runs.max_runs, found.runs.metric.guid) == (2, 9, 3)


HEAD = "version: 1\nresources:\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b", "begins with `version: 1`, not a list"),
        ("resources: {}\nexp_id: x", "does not say its version"),
        ("version: 2\nresources: {}", "line 1, version: version 2 was written by a newer Headrace"),
        ("version: true\nresources: {}", "version: here stands a whole number"),
        ("version: 1\nresourcen: {}", r"line 2, resourcen: there is no key 'resourcen' \(did you mean resources\?\)"),
        ("version: 1\nexp_id: a/b\nresources: {}", "line 2, exp_id: exp_id names a folder"),
        (HEAD + "  a: {typ: x}", r"line 3, resources.a.typ: there is no key 'typ' \(did you mean type"),
        (HEAD + "  a: {}", "resources.a: it has no 'type'"),
        (HEAD + "  a: {type: test::Thin}", r"line 3, resources.a.type: .*did you mean test::Thing"),
        (HEAD + "  - {type: test::Thing}", r"resources\[0\]: it has neither a name nor a guid"),
        (
            HEAD + "  a: {type: test::Thing, guid: 1}\n  b: {type: test::Thing, guid: 1}",
            "another resource has the guid 1",
        ),
        (HEAD + "  a: {type: test::Thing}\n  a: {type: test::Thing}", "line 4, resources: a is twice there"),
        (
            HEAD + "  a: {type: test::Thing, attributes: {whole: x}}",
            "resources.a.attributes.whole: .*it is a whole number",
        ),
        (HEAD + "  a: {type: test::Thing, attributes: {text: 5}}", "resources.a.attributes.text: .*put it in quotes"),
        (HEAD + "  a: {type: test::Thing, attributes: {wole: 5}}", "attributes.wole: .*did you mean whole"),
        (HEAD + "  a: {type: test::Thing, attributes: {pid: 5}}", "pid may not be set"),
        (HEAD + "  a: {type: test::Thing, attributes: {text: [1]}}", "and not a list"),
        (
            HEAD + "  a: {type: test::Thing, connections: [b]}",
            r"connections\[0\]: there is no resource 'b' in it; it has a",
        ),
        (HEAD + "  a: {type: test::Thing, connections: [a]}", "not connected to itself"),
        (HEAD + "  a: {type: test::Thing, traces: [lock]}", r"traces\[0\]: .*what exists: always, log"),
        (HEAD + "  a: {type: test::Thing, credentials: [text]}", "text of test::Thing is no credential"),
        (
            HEAD
            + "  a:\n    type: test::Thing\n    conditions:\n      - action: GO\n        group: a\n        state: NEW",
            r"line 6, resources.a.conditions\[0\].action: there is no state or action GO",
        ),
        (HEAD + "  a: {type: t, conditions: [{action: SET, group: a, state: READY}]}", "list it under `sets`"),
        (HEAD + "  a: {type: t, conditions: [{action: START, group: a}]}", "needs one of state, compare and predicate"),
        (
            HEAD + "  a: {type: test::Thing, conditions: [{action: START, group: a, state: READY, delay: 2 s 3}]}",
            r"conditions\[0\].delay: '2 s 3' is no time span",
        ),
        (
            HEAD + "  a: {type: test::Thing, conditions: [{action: START, group: a, state: READY, need: 2}]}",
            r"conditions\[0\]: need must be",
        ),
        (
            HEAD + "  a: {type: test::Thing, conditions: [{action: START, group: a, state: STARTED}]}",
            r"conditions\[0\]: .*START of",
        ),
        (HEAD + "  a: {type: t}\nruns: {max_runs: null}", "runs: .*would never end"),
        (HEAD + "  a: {type: t}\nwait: {resources: [b]}", r"wait.resources\[0\]: there is no resource 'b'"),
        (HEAD + "  a: {type: !!python/name:os.system t}", "tags mean nothing here"),
        (HEAD + "  a: &a {type: *a}", "this alias stands within what it stands for"),
        (HEAD + "  a: {type: t", "line 3, column 14: this is no YAML"),
        ('{"version": 1, "resources": {"a": {"type": "t", "type": "u"}}}', "the key 'type' is twice"),
        ('{"version": 1,\n "resources": ]}', "line 2, column 15: this is no JSON"),
        ('{"version": 1, "resources": [{"guid": 1, "type": "t", "attributes": {"x": NaN}}]}', "NaN is no number"),
        ("{" * 100_000, "no JSON|nested too deeply"),
        ("version: " + "[" * 1_200 + "\n", "nested too deeply"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    make: Callable[..., ExperimentController], tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / ("bad.json" if text.startswith("{") else "bad.yaml")
    path.write_text(text)
    with pytest.raises(DescriptionError, match=message) as caught:
        make(path)
    assert str(path) in str(caught.value)


def test_an_error_says_what_else_it_was(make: Callable[..., ExperimentController]) -> None:
    with pytest.raises(DescriptionError) as caught:
        make(HEAD + "  a: {type: nothing}")
    assert isinstance(caught.value.__cause__, UnknownType)


def test_a_bomb_of_aliases_is_refused() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    with pytest.raises(DescriptionError, match="aliases of aliases"):
        read_description(bomb)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"gone\.yaml cannot be read: No such file"):
        read_description(tmp_path / "gone.yaml")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DescriptionError, match=r"its suffix says no format"):
        read_description(tmp_path / "a.txt")


def test_an_older_version_is_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    old = "version: 0\nthings: {a: {type: t}}"
    with pytest.raises(DescriptionError, match="there is no version 0"):
        read_description(old)
    monkeypatch.setitem(schema_module.MIGRATIONS, 0, lambda top: {"version": 1, "resources": top["things"]})
    assert read_description(old).names == {1: "a"}
