"""The registry of resource types: explicit, one or many, and plug-ins only when they are asked for."""

from __future__ import annotations

import importlib.metadata
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from headrace.experiments.errors import DuplicateType, PluginError, UnknownType
from headrace.experiments.factory import ResourceFactory, default_factory, reset_default_factory
from headrace.experiments.resource import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Node(ResourceManager):
    """One type."""

    _rtype = "test::Node"


class OtherNode(ResourceManager):
    """Another class of the same name."""

    _rtype = "test::Node"


class Nameless(Node):
    """Without a type's name of its own."""


HERE = __name__


@pytest.fixture
def factory() -> ResourceFactory:
    """A registry with nothing in it."""
    return ResourceFactory(shipped=False)


@pytest.fixture
def fresh_default() -> Iterator[None]:
    """The process's own registry is new, and is forgotten afterwards."""
    reset_default_factory()
    yield
    reset_default_factory()


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Write a plug-in's file; what is imported of it is forgotten afterwards."""
    before = set(sys.modules)

    def written(name: str, body: str = "", rtype: str = "") -> Path:
        head = "from headrace.experiments.resource import ResourceManager\n"
        kind = f"class Kind(ResourceManager):\n    _rtype = {rtype!r}\n" if rtype else ""
        path = tmp_path / "plugins" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(head + textwrap.dedent(body) + kind, encoding="utf-8")
        return path

    yield written
    for name in set(sys.modules) - before:
        if name.startswith("_headrace_resources_"):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def entry_point(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Have an installed package announce a plug-in; nobody else does."""
    announced: list[importlib.metadata.EntryPoint] = []

    def announce(name: str, value: str) -> None:
        announced.append(importlib.metadata.EntryPoint(name, value, "headrace.resources"))

    def entry_points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return [one for one in announced if one.group == group]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return announce


# --- registering -----------------------------------------------------------------------------------------------------


def test_a_registered_class_makes_its_type(factory: ResourceFactory) -> None:
    assert factory.register_type(Node) is Node

    assert factory.get_resource_type("test::Node") is Node


def test_registering_the_same_class_again_is_nothing(factory: ResourceFactory) -> None:
    factory.register_type(Node)
    factory.register_type(Node)

    assert factory.resource_types() == ("test::Node",)


def test_another_class_for_a_type_is_refused_with_both_named(factory: ResourceFactory) -> None:
    factory.register_type(Node)

    with pytest.raises(DuplicateType, match=r":Node already, and .*:OtherNode would be a second one"):
        factory.register_type(OtherNode)


def test_another_class_takes_the_place_where_that_is_said(factory: ResourceFactory) -> None:
    factory.register_type(Node)
    factory.register_type(OtherNode, replace=True)

    assert factory.get_resource_type("test::Node") is OtherNode


@pytest.mark.parametrize("kind", [Nameless, object, "test::Node", None])
def test_what_is_no_class_of_resources_with_a_name_is_refused(factory: ResourceFactory, kind: Any) -> None:  # noqa: ANN401 - wrong ones
    with pytest.raises(PluginError):
        factory.register_type(kind)


def test_a_class_without_a_name_of_its_own_is_refused_by_name(factory: ResourceFactory) -> None:
    with pytest.raises(PluginError, match=r":Nameless has no `_rtype` of its own"):
        factory.register_type(Nameless)


def test_a_resource_is_made_for_a_controller(factory: ResourceFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Node, "__init__", lambda self, ec, guid: self.__dict__.update(made_for=(ec, guid)))
    factory.register_type(Node)
    controller = cast("Any", object())

    assert vars(factory.create("test::Node", controller, 3)) == {"made_for": (controller, 3)}


def test_an_unknown_type_is_named_with_what_is_near_and_what_exists(factory: ResourceFactory) -> None:
    factory.register_type(Node)

    with pytest.raises(UnknownType) as refused:
        factory.get_resource_type("test::Nod")

    assert str(refused.value) == (
        "there is no resource type test::Nod (did you mean test::Node?); what exists: test::Node"
    )


# --- the default one -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fresh_default")
def test_calls_on_the_class_mean_the_default_factory() -> None:
    ResourceFactory.register_type(Node)

    assert default_factory().get_resource_type("test::Node") is Node
    assert ResourceFactory.get_resource_type("test::Node") is Node
    assert "test::Node" in ResourceFactory.resource_types()


@pytest.mark.usefixtures("fresh_default")
def test_another_factory_knows_nothing_of_the_default_one(factory: ResourceFactory) -> None:
    ResourceFactory.register_type(Node)

    with pytest.raises(UnknownType):
        factory.get_resource_type("test::Node")


@pytest.mark.usefixtures("fresh_default")
def test_the_default_factory_can_be_forgotten() -> None:
    ResourceFactory.register_type(Node)
    reset_default_factory()

    assert "test::Node" not in ResourceFactory.resource_types()


def test_every_type_that_ships_can_be_imported() -> None:
    shipped = ResourceFactory(plugins=False)

    assert set(shipped.load_all()) == set(shipped.resource_types())


# --- lazily ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> str:
    """What this module can be imported as."""
    monkeypatch.setitem(sys.modules, Node.__module__, sys.modules[HERE])
    return Node.__module__


def test_a_lazy_type_is_listed_and_not_imported(factory: ResourceFactory) -> None:
    factory.register_lazily("test::Lazy", "no.such.module:Class")

    assert factory.resource_types() == ("test::Lazy",)


def test_a_lazy_type_is_imported_when_it_is_asked_for(factory: ResourceFactory, here: str) -> None:
    factory.register_lazily("test::Node", f"{here}:Node")

    assert factory.get_resource_type("test::Node") is Node


def test_a_type_may_have_several_names(factory: ResourceFactory, here: str) -> None:
    factory.register_type(Node)
    factory.register_lazily("TestNode", f"{here}:Node")

    assert factory.get_resource_type("TestNode") is Node


def test_registering_the_class_of_a_lazy_type_is_nothing(factory: ResourceFactory, here: str) -> None:
    factory.register_lazily("test::Node", f"{here}:Node")
    factory.register_type(Node)
    factory.register_lazily("test::Node", f"{here}:Node")

    assert factory.get_resource_type("test::Node") is Node


def test_another_class_than_the_lazy_one_is_refused(factory: ResourceFactory, here: str) -> None:
    factory.register_lazily("test::Node", f"{here}:Node")

    with pytest.raises(DuplicateType):
        factory.register_type(OtherNode)
    with pytest.raises(DuplicateType):
        factory.register_lazily("test::Node", f"{here}:OtherNode")


@pytest.mark.parametrize("target", ["no.such.module:Class", "headrace.experiments.resource:Nothing", "builtins:int"])
def test_a_lazy_type_that_cannot_be_imported_is_an_error_that_names_it(factory: ResourceFactory, target: str) -> None:
    factory.register_lazily("test::Lazy", target)

    with pytest.raises(PluginError, match=f"test::Lazy: {target}"):
        factory.get_resource_type("test::Lazy")


@pytest.mark.parametrize("target", ["", "module", "module:", ":Class"])
def test_a_target_that_names_no_class_is_refused(factory: ResourceFactory, target: str) -> None:
    with pytest.raises(PluginError, match=r"package\.module:Class"):
        factory.register_lazily("test::Lazy", target)


# --- plug-ins --------------------------------------------------------------------------------------------------------


def test_a_file_in_the_search_path_brings_its_types(factory: ResourceFactory, write: Callable[..., Path]) -> None:
    factory.search_path(write("mine.py", rtype="mine::Kind").parent)

    assert factory.get_resource_type("mine::Kind").__name__ == "Kind"


def test_nothing_is_imported_before_a_type_is_missed(factory: ResourceFactory, write: Callable[..., Path]) -> None:
    factory.register_type(Node)
    factory.search_path(write("bad.py", "raise AssertionError('imported')").parent)

    assert factory.get_resource_type("test::Node") is Node
    assert factory.resource_types() == ("test::Node",)


def test_the_environment_names_folders_too(
    factory: ResourceFactory, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write("mine.py", rtype="mine::Kind").parent
    monkeypatch.setenv("HEADRACE_RESOURCE_PATH", f":{folder}:")

    assert factory.search_path() == (folder,)
    assert factory.get_resource_type("mine::Kind").__name__ == "Kind"


def test_a_factory_may_do_without_plugins(write: Callable[..., Path]) -> None:
    factory = ResourceFactory(shipped=False, plugins=False)
    factory.search_path(write("mine.py", rtype="mine::Kind").parent)

    with pytest.raises(UnknownType):
        factory.get_resource_type("mine::Kind")


def test_imported_classes_and_private_files_are_not_registered(
    factory: ResourceFactory, write: Callable[..., Path]
) -> None:
    write("_helper.py", rtype="mine::Private")
    factory.search_path(write("mine.py", rtype="mine::Kind").parent)

    assert list(factory.load_all()) == ["mine::Kind"]


def test_a_file_that_fails_does_not_hide_the_others(
    factory: ResourceFactory, write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    bad = write("bad.py", "raise RuntimeError('broken')")
    factory.search_path(write("mine.py", rtype="mine::Kind").parent)

    assert factory.get_resource_type("mine::Kind").__name__ == "Kind"
    assert f"{bad}: RuntimeError: broken" in caplog.text


def test_a_type_that_is_missed_names_the_file_that_failed(factory: ResourceFactory, write: Callable[..., Path]) -> None:
    bad = write("bad.py", "raise RuntimeError('broken')")
    factory.search_path(bad.parent)

    with pytest.raises(UnknownType, match=f"{bad}: RuntimeError: broken"):
        factory.get_resource_type("mine::Kind")


def test_loading_all_names_every_file_that_failed_and_keeps_the_others(
    factory: ResourceFactory, write: Callable[..., Path]
) -> None:
    write("bad.py", "raise RuntimeError('broken')")
    write("worse.py", "import no_such_module")
    factory.search_path(write("mine.py", rtype="mine::Kind").parent)

    with pytest.raises(PluginError, match=r"(?s)bad\.py: RuntimeError.*worse\.py: ModuleNotFoundError"):
        factory.load_all()
    assert factory.resource_types() == ("mine::Kind",)


def test_a_file_that_has_been_repaired_is_tried_again(factory: ResourceFactory, write: Callable[..., Path]) -> None:
    factory.search_path(write("mine.py", "raise RuntimeError('broken')").parent)
    with pytest.raises(UnknownType):
        factory.get_resource_type("mine::Kind")

    write("mine.py", rtype="mine::Kind")

    assert factory.get_resource_type("mine::Kind").__name__ == "Kind"


def test_a_file_whose_type_another_class_makes_is_named(factory: ResourceFactory, write: Callable[..., Path]) -> None:
    factory.register_type(Node)
    factory.search_path(write("mine.py", rtype="test::Node").parent)

    with pytest.raises(PluginError, match=r"mine\.py: DuplicateType: resource type test::Node is made by"):
        factory.load_all()
    assert factory.get_resource_type("test::Node") is Node


def test_a_folder_that_is_not_there_is_told(factory: ResourceFactory, tmp_path: Path) -> None:
    factory.search_path([tmp_path / "nowhere"])

    with pytest.raises(UnknownType, match=r"there is no folder .*nowhere"):
        factory.get_resource_type("mine::Kind")


@pytest.mark.usefixtures("fresh_default")
def test_a_file_may_ask_for_a_type_of_another_one(write: Callable[..., Path]) -> None:
    body = """\
        from headrace.experiments.factory import ResourceFactory
        Base = ResourceFactory.get_resource_type("second::Kind")
        class Derived(Base):
            _rtype = "first::Kind"
        """
    write("a_first.py", body)
    ResourceFactory.search_path(write("b_second.py", rtype="second::Kind").parent)

    first = ResourceFactory.get_resource_type("first::Kind")

    assert first.__mro__[1] is ResourceFactory.get_resource_type("second::Kind")


def test_factories_share_what_a_file_defines(write: Callable[..., Path]) -> None:
    folder = write("mine.py", rtype="mine::Kind").parent
    one, other = ResourceFactory(shipped=False), ResourceFactory(shipped=False)
    one.search_path(folder)
    other.search_path(folder)

    assert one.get_resource_type("mine::Kind") is other.get_resource_type("mine::Kind")


def test_threads_that_miss_a_type_at_once_import_its_file_once(
    factory: ResourceFactory, write: Callable[..., Path]
) -> None:
    factory.search_path(write("mine.py", rtype="mine::Kind").parent)
    found: list[type] = []
    threads = [threading.Thread(target=lambda: found.append(factory.get_resource_type("mine::Kind"))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("attribute", [":Node", ":register"])
def test_an_entry_point_is_a_class_or_what_registers(
    factory: ResourceFactory,
    entry_point: Callable[[str, str], None],
    here: str,
    monkeypatch: pytest.MonkeyPatch,
    attribute: str,
) -> None:
    monkeypatch.setattr(sys.modules[here], "register", lambda given: given.register_type(Node), raising=False)
    entry_point("test", here + attribute)

    assert factory.get_resource_type("test::Node") is Node


def test_an_entry_point_may_be_a_module(
    factory: ResourceFactory, entry_point: Callable[[str, str], None], here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules[here], "OtherNode")
    monkeypatch.setattr(sys.modules[here], "__name__", here)
    entry_point("test", here)

    assert factory.get_resource_type("test::Node") is Node


def test_an_entry_point_that_fails_does_not_hide_the_others(
    factory: ResourceFactory, entry_point: Callable[[str, str], None], here: str
) -> None:
    entry_point("bad", "no.such.module")
    entry_point("none", "sys:maxsize")
    entry_point("test", f"{here}:Node")

    with pytest.raises(PluginError, match=r"entry point bad = no\.such\.module.*entry point none = sys:maxsize"):
        factory.load_all()
    assert factory.resource_types() == ("test::Node",)
