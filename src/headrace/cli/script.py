"""A user's script or module, run in this process as Python itself would run it."""

from __future__ import annotations

import builtins
import difflib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ModuleProgram", "Program", "ScriptProgram", "UnusableError"]


class UnusableError(Exception):
    """What was asked for cannot be run; the message says why, and what can be done about it."""


class Program(Protocol):
    """Something to run."""

    #: What people call it.
    name: str

    def run(self) -> None:
        """Run it as ``__main__``; may be called once. Raises whatever it raises.

        What this sets (``__main__``, ``sys.argv``, the head of ``sys.path``) stays set: what runs after the program,
        such as its exit hooks, looks for it there.

        Raises:
            UnusableError: it turns out only now that it cannot be run.
        """


class ScriptProgram:
    """A file with Python source.

    Args:
        path: its path, as given.
        arguments: what it will find in ``sys.argv`` after its own path.

    Raises:
        UnusableError: there is no such file, it cannot be read, or it holds no Python source.
    """

    def __init__(self, path: str, arguments: Sequence[str]) -> None:
        self.name = Path(path).name
        self._path = path
        self._arguments = list(arguments)
        self._source = _source_of(path)

    def run(self) -> None:
        """Run it; see `Program.run`."""
        file = os.path.join(Path.cwd(), self._path)  # noqa: PTH118 - as Python does: ".." and "." stay
        sys.argv = [self._path, *self._arguments]
        _set_first_path(os.path.dirname(os.path.realpath(self._path)))  # noqa: PTH120 - Path would lose nothing and gain nothing
        main = _new_main(None)
        main.__file__ = file
        main.__loader__ = SourceFileLoader("__main__", file)
        exec(self._compiled(file), main.__dict__)  # noqa: S102 - it is what the user asks for

    def _compiled(self, file: str) -> CodeType:
        try:
            return compile(self._source, file, "exec", dont_inherit=True)
        except SyntaxError as error:
            if foreign := _foreign_language(self._path, self._source):
                msg = (
                    f"{self._path!r} is no Python source: {foreign}, and line {error.lineno} is none ({error.msg}); "
                    "give a Python script"
                )
                raise UnusableError(msg) from error
            raise


class ModuleProgram:
    """A module that is found as `import` finds it; of a package, its ``__main__``.

    Args:
        name: the module's dotted name.
        arguments: what it will find in ``sys.argv`` after its own path.
    """

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self._arguments = list(arguments)

    def run(self) -> None:
        """Run it; see `Program.run`."""
        sys.argv = ["-m", *self._arguments]
        _set_first_path(str(Path.cwd()))
        spec = _spec_of(self.name)
        code = spec.loader.get_code(spec.name) if spec.loader is not None and hasattr(spec.loader, "get_code") else None
        if code is None:
            msg = f"module {spec.name} has no Python code to run"
            raise UnusableError(msg)
        main = _new_main(spec)
        main.__file__ = sys.argv[0] = spec.origin or spec.name
        main.__loader__ = spec.loader
        exec(code, main.__dict__)  # noqa: S102 - it is what the user asks for


def _new_main(spec: ModuleSpec | None) -> ModuleType:
    main = ModuleType("__main__")
    main.__spec__ = spec
    main.__package__ = None if spec is None else spec.parent
    vars(main).update(__builtins__=builtins, __annotations__={}, __cached__=None if spec is None else spec.cached)
    sys.modules["__main__"] = main
    return main


def _set_first_path(folder: str) -> None:
    # Where Python was told to keep the place of the script out of the path, there is nothing to replace.
    if not sys.flags.safe_path:
        sys.path[:1] = [folder]


def _source_of(path: str) -> bytes:
    try:
        source = Path(path).read_bytes()
    except FileNotFoundError:
        msg = f"there is no script {path!r}{_similar(path)}"
        raise UnusableError(msg) from None
    except IsADirectoryError:
        inside = Path(path, "__main__.py")
        hint = f"run {str(inside)!r}" if inside.is_file() else "name a script in it"
        msg = f"{path!r} is a directory, not a script; {hint}, or a package by headrace run -m"
        raise UnusableError(msg) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        msg = f"{path!r} cannot be read: {reason}; check its name and its permissions"
        raise UnusableError(msg) from None
    if path.endswith(".ipynb"):
        msg = f"{path!r} is a notebook, not a Python script; convert it with: jupyter nbconvert --to script {path}"
        raise UnusableError(msg)
    if b"\0" in source or not _is_text(source):
        msg = f"{path!r} is no Python source: it is not a text file; give the .py file, or a module by headrace run -m"
        raise UnusableError(msg)
    return source


def _is_text(source: bytes) -> bool:
    try:
        importlib.util.decode_source(source)
    except (UnicodeDecodeError, SyntaxError):
        return False
    return True


def _foreign_language(path: str, source: bytes) -> str | None:
    """Return what shows that the file is not meant to be Python; None if nothing does."""
    first = source.split(b"\n", 1)[0]
    if first.startswith(b"#!") and b"python" not in first:
        return f"it begins with {first.decode(errors='replace').strip()}"
    suffix = Path(path).suffix
    return None if suffix in {"", ".py", ".pyw"} else f"its name ends in {suffix}"


def _similar(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        files = [file for file in os.listdir(folder or ".") if file.endswith(".py")]  # noqa: PTH208 - names are what is wanted
    except OSError:
        return f": there is no directory {folder!r}"
    close = difflib.get_close_matches(name, files, n=1)
    if close:
        return f"; did you mean {os.path.join(folder, close[0])!r}?"  # noqa: PTH118 - as the user wrote it
    return "; give the path of a Python file, or a module by headrace run -m"


def _spec_of(name: str) -> ModuleSpec:
    if name.startswith("."):
        msg = f"module {name!r} cannot be found by a relative name; give the whole one"
        raise UnusableError(msg)
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
            if spec is None:
                msg = (
                    f"{name!r} is a package without a __main__ module: there is nothing to run; name one of its modules"
                )
                raise UnusableError(msg)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        spec = None
    except (ValueError, AttributeError) as error:
        msg = f"module {name!r} cannot be found: {error}"
        raise UnusableError(msg) from error
    if spec is None:
        hint = (
            f"; for a file: headrace run {name}"
            if Path(name).is_file()
            else "; check its name, and that it is installed"
        )
        msg = f"there is no module {name!r}{hint}"
        raise UnusableError(msg)
    return spec
