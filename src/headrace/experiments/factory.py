"""The registry of resource types: which class makes a ``linux::Node``.

A `ResourceFactory` is an ordinary object; a controller may be given its own. There is one for the whole process beside,
`default_factory()`, which is also what the calls on the class mean, as NEPI's programs write them::

    ResourceFactory.register_type(Server)  # the same as default_factory().register_type(Server)

Nothing is looked for, and nothing imported, before it is needed. Plug-ins are found when a type is asked for that is
not there: the entry points of the group ``headrace.resources``, and the Python files in the folders of the search path.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import threading
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar

from headrace.experiments.errors import DuplicateType, ExperimentError, PluginError, UnknownType
from headrace.experiments.resource import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from headrace.experiments.controller import ExperimentController

__all__ = ["ResourceFactory", "default_factory", "reset_default_factory"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Kind: TypeAlias = type[ResourceManager]

#: The entry points that name plug-ins: each a class of resources, a module of such, or what is called with a factory.
_GROUP = "headrace.resources"
#: Folders of plug-ins, separated as in PATH.
_VARIABLE = "HEADRACE_RESOURCE_PATH"

#: What ships: each type, and where its class is.
_SHIPPED: Mapping[str, str] = MappingProxyType(
    {
        "Collector": "headrace.experiments.collector:Collector",
        "Command": "headrace.experiments.command:Command",
        "Container": "headrace.experiments.command:Container",
        "linux::Application": "headrace.experiments.linux.application:Application",
        "linux::Node": "headrace.experiments.linux.node:Node",
        # As older programs for NEPI call them.
        "LinuxApplication": "headrace.experiments.linux.application:Application",
        "LinuxNode": "headrace.experiments.linux.node:Node",
        "linux::NetNS": "headrace.experiments.linux.netns:NetNS",
        "linux::Interface": "headrace.experiments.linux.interface:Interface",
        "linux::Link": "headrace.experiments.linux.link:Link",
        "linux::Route": "headrace.experiments.linux.route:Route",
        "linux::Bridge": "headrace.experiments.linux.bridge:Bridge",
        "linux::Iperf": "headrace.experiments.linux.iperf:Iperf",
        "linux::Tcpdump": "headrace.experiments.linux.tcpdump:Tcpdump",
        "linux::Traceroute": "headrace.experiments.linux.traceroute:Traceroute",
        "linux::Ping": "headrace.experiments.linux.ping:Ping",
    }
)

_log = logging.getLogger(__name__)


class _OnDefaultToo(Generic[_P, _R]):
    """A method that, called on the class, is called on the default factory."""

    def __init__(self, function: Callable[Concatenate[ResourceFactory, _P], _R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __get__(self, factory: ResourceFactory | None, owner: type[ResourceFactory]) -> Callable[_P, _R]:
        return MethodType(self._function, default_factory() if factory is None else factory)


class ResourceFactory:
    """Which class makes resources of which type.

    Args:
        shipped: whether the types that come with Headrace are among them.
        plugins: whether plug-ins are looked for when a type is asked for that is not there.

    It may be used from any thread.
    """

    def __init__(self, *, shipped: bool = True, plugins: bool = True) -> None:
        # What a type's name stands for: a class, or where it can be imported from.
        self._types: dict[str, _Kind | str] = dict(_SHIPPED) if shipped else {}
        self._plugins = plugins
        self._folders: list[Path] = []
        # Held for moments only: a module that is being imported may register its types.
        self._lock = threading.Lock()
        # One thread at a time imports plug-ins. It may come back for more: one may need another one's type.
        self._loading = threading.RLock()
        self._loaded: set[str] = set()

    @_OnDefaultToo
    def register_type(self, kind: _Kind, *, replace: bool = False) -> _Kind:
        """Have a class make the resources of the type that its own `_rtype` names. Nothing, if it does already.

        Returns the class, so that this can decorate one.

        Raises:
            PluginError: it is no class of resources, or has no type's name of its own.
            DuplicateType: another class makes these, and `replace` is not True.
        """
        rtype = _own_rtype(kind)
        with self._lock:
            present = self._types.get(rtype)
            if present is None or present is kind or present == _place(kind) or replace:
                self._types[rtype] = kind
                return kind
        if isinstance(present, str) and self.get_resource_type(rtype) is kind:
            return kind
        raise _duplicate(rtype, present, _place(kind))

    @_OnDefaultToo
    def register_lazily(self, rtype: str, target: str, *, replace: bool = False) -> None:
        """Have a class that is imported when it is first asked for make the resources of a type.

        Args:
            rtype: the type's name. It need not be the class's own: a type may have several names.
            target: where the class is, as ``"package.module:Class"``.
            replace: whether it takes another one's place.

        Raises:
            PluginError: `target` is not of this form.
            DuplicateType: another class makes these, and `replace` is not True.
        """
        module, colon, name = target.partition(":")
        if not (module and colon and name):
            raise PluginError(f'resource type {rtype}: {target!r} names no class; write "package.module:Class"')
        with self._lock:
            present = self._types.get(rtype)
            if present is None or replace:
                self._types[rtype] = target
            elif target != (present if isinstance(present, str) else _place(present)):
                raise _duplicate(rtype, present, target)

    @_OnDefaultToo
    def get_resource_type(self, rtype: str) -> _Kind:
        """Return the class that makes resources of a type.

        Raises:
            UnknownType: there is none, and no plug-in brings it. The message says what exists, and which plug-ins could
                not be imported.
            PluginError: it cannot be imported.
        """
        present = self._types.get(rtype)
        if present is None:
            problems = self._load_plugins()
            present = self._types.get(rtype)
            for problem in problems if present is not None else ():
                _log.warning("%s", problem, exc_info=problem)
            if present is None:
                first = problems[0] if problems else None
                raise UnknownType(rtype, self.resource_types(), problems=map(str, problems)) from first
        if not isinstance(present, str):
            return present
        kind = _imported(rtype, present)
        with self._lock:
            if self._types.get(rtype) == present:
                self._types[rtype] = kind
        return kind

    @_OnDefaultToo
    def create(self, rtype: str, ec: ExperimentController, guid: int) -> ResourceManager:
        """Return a new resource of a type, for a controller. Raises what `get_resource_type` does."""
        return self.get_resource_type(rtype)(ec, guid)

    @_OnDefaultToo
    def resource_types(self) -> tuple[str, ...]:
        """Return the names of the types that are there so far, sorted; those of plug-ins once these have been found."""
        with self._lock:
            return tuple(sorted(self._types))

    @_OnDefaultToo
    def search_path(self, folders: str | Path | Iterable[str | Path] = ()) -> tuple[Path, ...]:
        """Look for plug-ins in more folders, and return all that are looked through.

        Each Python file in a folder, but those whose name begins with an underscore, is imported when a type is asked
        for that is not there. The classes of resources in it that have a `_rtype` of their own are registered. The
        folders of the environment variable HEADRACE_RESOURCE_PATH come last.
        """
        more = [folders] if isinstance(folders, str | Path) else folders
        with self._lock:
            self._folders += [path for path in map(_absolute, more) if path not in self._folders]
            named = [_absolute(name) for name in os.environ.get(_VARIABLE, "").split(os.pathsep) if name]
            return (*self._folders, *(path for path in dict.fromkeys(named) if path not in self._folders))

    @_OnDefaultToo
    def load_all(self) -> Mapping[str, _Kind]:
        """Import all there is, and return each type's class, by name.

        Raises:
            PluginError: something could not be imported; the message names all that could not. What could be is there.
        """
        problems: list[ExperimentError] = self._load_plugins()
        kinds: dict[str, _Kind] = {}
        for rtype in self.resource_types():
            try:
                kinds[rtype] = self.get_resource_type(rtype)
            except ExperimentError as problem:
                problems.append(problem)
        if problems:
            raise PluginError("; ".join(map(str, problems))) from problems[0]
        return MappingProxyType(kinds)

    def _load_plugins(self) -> list[ExperimentError]:
        """Import and register the plug-ins that have not been, and return what went wrong with any of them.

        Those that went wrong are tried again the next time: somebody may have repaired them.
        """
        problems: list[ExperimentError] = []
        if not self._plugins:
            return problems
        with self._loading:
            for name, load in self._found():
                if name in self._loaded:
                    continue
                # Said before it is done: it may ask for a type, and so come back here.
                self._loaded.add(name)
                try:
                    self._register_all(name, load())
                except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; it is reported, by its name
                    self._loaded.discard(name)
                    problem = PluginError(f"{name}: {type(error).__name__}: {error}")
                    problem.__cause__ = error
                    problems.append(problem)
        return problems

    def _found(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield what each plug-in is called, and what imports it."""
        import importlib.metadata  # noqa: PLC0415 - 13 ms that only those who look for plug-ins should spend

        for entry in sorted(importlib.metadata.entry_points(group=_GROUP), key=lambda entry: entry.name):
            yield f"entry point {entry.name} = {entry.value}", entry.load
        for folder in self.search_path():
            if not (os.access(folder, os.R_OK | os.X_OK) and folder.is_dir()):
                yield f"folder {folder}", _Missing(folder)
                continue
            for path in sorted(folder.glob("*.py")):
                if not path.name.startswith("_"):
                    yield str(path), _File(path)

    def _register_all(self, name: str, found: Any) -> None:  # noqa: ANN401 - whatever a plug-in is
        """Register what a plug-in brings."""
        if isinstance(found, ModuleType):
            for kind in _kinds_in(found):
                self.register_type(kind)
        elif isinstance(found, type):
            self.register_type(found)
        elif callable(found):
            found(self)
        else:
            raise PluginError(f"{name} is {found!r}: neither a class of resources, nor a module, nor to be called")


class _File:
    """Imports a Python file under a name of its own, once for the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> ModuleType:
        name = f"_headrace_resources_{sha256(os.fsencode(self._path)).hexdigest()[:16]}_{self._path.stem}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, self._path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{self._path} cannot be imported: it is no Python file")
        module = importlib.util.module_from_spec(spec)
        # Where dataclasses, pickle and the like look for it, also while it is being imported.
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


class _Missing:
    """Says that a folder of the search path is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self) -> object:
        raise NotADirectoryError(
            f"there is no folder {self._folder} that can be read; correct the search path, or {_VARIABLE}"
        )


def _own_rtype(kind: object) -> str:
    """Return what resources a class makes."""
    if not (isinstance(kind, type) and issubclass(kind, ResourceManager)):
        raise PluginError(f"{kind!r} makes no resources: it is no subclass of ResourceManager")
    rtype = vars(kind).get("_rtype")
    if not isinstance(rtype, str) or not rtype:
        raise PluginError(f'{_place(kind)} has no `_rtype` of its own: name its type, as `_rtype = "linux::Node"`')
    return rtype


def _kinds_in(module: ModuleType) -> Iterator[_Kind]:
    """Yield the classes of resources that a module defines, not those that it imports from elsewhere."""
    for one in dict.fromkeys(one for one in vars(module).values() if isinstance(one, type)):
        here = one.__module__ == module.__name__ or one.__module__.startswith(f"{module.__name__}.")
        if here and issubclass(one, ResourceManager) and "_rtype" in vars(one):
            yield one


def _imported(rtype: str, target: str) -> _Kind:
    """Import the class that a type's name stands for."""
    module, _, name = target.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except ExperimentError:
        raise
    except Exception as error:
        raise PluginError(f"resource type {rtype}: {target}: {type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, ResourceManager)):
        raise PluginError(f"resource type {rtype}: {target} is {kind!r}, which is no subclass of ResourceManager")
    return kind


def _duplicate(rtype: str, present: _Kind | str | None, kind: str) -> DuplicateType:
    taken = _place(present) if isinstance(present, type) else present
    return DuplicateType(
        f"resource type {rtype} is made by {taken} already, and {kind} would be a second one; give it another "
        f"`_rtype`, or register it with replace=True to take the first one's place"
    )


def _place(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _absolute(folder: str | Path) -> Path:
    return Path(folder).expanduser().absolute()


class _Default:
    """Holds the process's own factory."""

    lock = threading.Lock()
    factory: ResourceFactory | None = None


def default_factory() -> ResourceFactory:
    """Return the process's own factory, made when it is first asked for."""
    with _Default.lock:
        if _Default.factory is None:
            _Default.factory = ResourceFactory()
        return _Default.factory


def reset_default_factory() -> None:
    """Forget the process's own factory, with all that was registered there. The next one begins with what ships."""
    with _Default.lock:
        _Default.factory = None
