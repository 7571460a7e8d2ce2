"""The house has floors, and every import points downwards.

Imports inside functions and under `TYPE_CHECKING` count: a floor knows nothing of those above it, not even their types.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[2] / "src" / "headrace"

#: From the ground up. Neighbours on one floor do not import each other: faces meet in `core` or in `bridges`.
HOUSE = (
    {"core"},
    {"compute", "data", "journal", "observers"},
    {"testing"},  # imported by tests alone, see `allowed`
    {"dataflow", "experiments", "pipelines", "harvest", "service"},
    {"headrace"},  # the top-level package, which gathers what users hold
    {"dashboard"},
    {"bridges"},
    {"compat"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(HOUSE) for part in parts}


class Import(NamedTuple):
    """One import of `target` (a dotted name) in a source file."""

    file: str
    line: int
    target: str


def part_of(dotted: str) -> str:
    """The part of the house a dotted name belongs to; what is no part of its own is the top-level package."""
    names = dotted.split(".")
    return names[1] if len(names) > 1 and names[1] in LEVEL else "headrace"


def imports(tree: ast.AST, module: str, *, is_package: bool, file: str) -> Iterator[Import]:
    """Every import of the project's own modules, relative ones resolved, literal `import_module` calls included."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module=source, names=names, level=level):
                base = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                prefix = ".".join([*base, *([source] if source else [])])
                targets = [f"{prefix}.{alias.name}" for alias in names]
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                targets = [name]
            case _:
                continue
        for target in targets:
            if target.split(".")[0] == "headrace":
                yield Import(file, node.lineno, target)


def allowed(importer: str, imported: str) -> bool:
    """Within one part anything goes; otherwise downwards, and never into `testing`."""
    return importer == imported or (imported != "testing" and LEVEL[imported] < LEVEL[importer])


def violations(source: Path) -> list[str]:
    """What is wrong in the package whose folder is `source`, a line each."""
    found = []
    for path in sorted(source.rglob("*.py")):
        names = path.relative_to(source).with_suffix("").parts
        is_package = names[-1] == "__init__"
        module = ".".join(["headrace", *(names[:-1] if is_package else names)])
        file = path.relative_to(source.parent).as_posix()
        if module != "headrace" and module.split(".")[1] not in LEVEL:
            found.append(f"{file}:1: {module.split('.')[1]!r} is on no floor: give it a place in HOUSE")
            continue
        importer = part_of(module)
        for line, target in _own_imports(path, module, is_package=is_package, file=file):
            imported = part_of(target)
            if not allowed(importer, imported):
                found.append(f"{file}:{line}: {importer} may not import {imported} ({target}): {reason(imported)}")
    return found


def _own_imports(path: Path, module: str, *, is_package: bool, file: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for found in imports(tree, module, is_package=is_package, file=file):
        yield found.line, found.target


def reason(imported: str) -> str:
    """Why an import of this part was refused."""
    return "only tests import it" if imported == "testing" else "imports point downwards, and never to a neighbour"


def test_every_import_points_downwards() -> None:
    found = violations(SOURCE)

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("file", "code", "imported"),
    [
        ("core/gate.py", "import headrace", "headrace"),
        ("core/gate.py", "from headrace import python_app", "headrace"),
        ("core/gate.py", "from headrace.dataflow.kernel import Kernel", "dataflow"),
        ("core/gate.py", "from ..compute import threads", "compute"),
        ("core/gate.py", "def late():\n    from headrace import data", "data"),
        ("core/gate.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import headrace.journal", "journal"),
        ("core/__init__.py", "from .. import cli", "cli"),
        ("core/gate.py", "import importlib\nimportlib.import_module('headrace.service')", "service"),
        ("data/file.py", "from headrace.journal import Journal", "journal"),
        ("journal/writer.py", "from ..data.file import File", "data"),
        ("compute/threads.py", "import headrace.data", "data"),
        ("dataflow/kernel.py", "from headrace.experiments import Controller", "experiments"),
        ("dataflow/kernel.py", "from headrace.testing import VirtualClock", "testing"),
        ("testing/fakes.py", "from headrace.dataflow import Task", "dataflow"),
        ("__init__.py", "from .cli import main", "cli"),
        ("dashboard/app.py", "import headrace.bridges", "bridges"),
    ],
)
def test_an_import_upwards_or_sideways_is_found(tmp_path: Path, file: str, code: str, imported: str) -> None:
    tree(tmp_path, {file: code})

    (violation,) = violations(tmp_path / "headrace")

    line = len(code.splitlines())
    importer = part_of("headrace." + file.removesuffix(".py").replace("/", "."))
    assert violation.startswith(f"headrace/{file}:{line}: {importer} may not import {imported} (headrace")


def test_imports_downwards_and_within_a_part_are_fine(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "__init__.py": "from headrace.dataflow import python_app\nfrom .core import errors",
            "core/gate.py": "from headrace.core.clock import Clock\nfrom . import errors\nfrom .clock import Clock",
            "journal/writer.py": "import sqlite3\nimport headrace.core.clock",
            "dataflow/deep/down.py": "from ...core import gate\nfrom ..kernel import Kernel\nfrom .. import kernel",
            "testing/fakes.py": "from headrace.journal import Journal\nfrom headrace.testing.clock import VirtualClock",
            "cli/run.py": "import headrace\nfrom headrace import Config, bridges, dataflow",
            "__main__.py": "from headrace.cli import main",
        },
    )

    assert violations(tmp_path / "headrace") == []


def test_a_new_part_must_be_given_a_floor(tmp_path: Path) -> None:
    tree(tmp_path, {"attic/box.py": ""})

    assert violations(tmp_path / "headrace") == [
        "headrace/attic/box.py:1: 'attic' is on no floor: give it a place in HOUSE"
    ]


def tree(folder: Path, files: dict[str, str]) -> None:
    """A package named headrace in `folder`, with these files."""
    for name, code in files.items():
        path = folder / "headrace" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
