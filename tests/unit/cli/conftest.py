"""Experiments of resources that are nothing but states, run by the commands in this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from headrace.cli import main
from headrace.experiments.factory import reset_default_factory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLUGIN = '''
from headrace.experiments import Attribute, ResourceManager, Trace

class Probe(ResourceManager):
    """Ends as it is told to."""

    _rtype = "test::Probe"
    attributes = (
        Attribute("does", "well, badly, or lasts", default="well"),
        Attribute("says", "what it records", default="42"),
    )
    traces = (Trace("out", "what it says", enabled=True),)

    async def do_start(self):
        self.do_trace("out").write_text(self.get("says"))
        self.set_started()
        if self.get("does") == "badly":
            raise ValueError("it does badly")
        if self.get("does") == "well":
            self.set_finished()

    def do_recover(self):
        return self.state


class Ground(ResourceManager):
    """Stands until it is released."""

    _rtype = "test::Ground"
'''


class Headrace(Protocol):
    """Runs a command line; returns its exit code."""

    def __call__(self, *words: str) -> int: ...


@contextmanager
def rooted(folder: Path) -> Iterator[Path]:
    """Have a folder hold all experiments, where resources of the types above can be made; yields the root."""
    plugins = folder / "plugins"
    plugins.mkdir(exist_ok=True)
    (plugins / "probes.py").write_text(PLUGIN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADRACE_RESOURCE_PATH", str(plugins))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.setenv("COLUMNS", "160")
        reset_default_factory()
        yield folder / "state" / "headrace" / "experiments"
    reset_default_factory()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The folder of all experiments."""
    with rooted(tmp_path) as folder:
        yield folder


@pytest.fixture
def headrace(root: Path) -> Headrace:
    """Runs `headrace experiment` with these words, where nothing has been run."""
    return lambda *words: main(["experiment", *words])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file that describes an experiment; returns its path."""

    def write(resources: str, rest: str = "", name: str = "lab.yaml") -> str:
        path = tmp_path / name
        path.write_text(f"version: 1\nexp_id: lab\nresources:\n{resources}\n{rest}\n", encoding="utf-8")
        return str(path)

    return write


class Write(Protocol):
    """Writes a file that describes an experiment; returns its path."""

    def __call__(self, resources: str, rest: str = "", name: str = "lab.yaml") -> str: ...
