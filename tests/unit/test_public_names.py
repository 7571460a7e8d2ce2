"""Every public module says in `__all__` what it offers, truthfully."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"


def public_modules() -> list[str]:
    """The dotted names of all modules of the package that are not private by their name or by a parent's."""
    names = []
    for path in sorted((SOURCE / "headrace").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return names


def declared(tree: ast.Module) -> list[str] | None:
    """What a module's `__all__` lists, None without one. It must be a literal: tools that do not run code read it."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                return list(ast.literal_eval(value))
    return None


def defined(tree: ast.Module) -> set[str]:
    """The functions and classes a module defines under public names."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in tree.body if isinstance(node, definitions) and not node.name.startswith("_")}


def faults(code: str) -> list[str]:
    """What is wrong with the `__all__` of a module with this source."""
    tree = ast.parse(code)
    names = declared(tree)
    if names is None:
        return ["has no __all__"]
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = sorted(defined(tree) - set(names))
    return [f"lists {name} twice" for name in twice] + [f"does not list {name}, which is public" for name in missing]


def source_of(module: str) -> str:
    path = SOURCE / Path(*module.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", public_modules())
def test_a_module_lists_its_public_names(module: str) -> None:
    found = faults(source_of(module))

    assert not found, f"{module} " + "; ".join(found)


@pytest.mark.parametrize("module", public_modules())
def test_every_listed_name_exists(module: str) -> None:
    imported = importlib.import_module(module)

    missing = [name for name in declared(ast.parse(source_of(module))) or [] if not hasattr(imported, name)]

    assert not missing, f"{module}.__all__ lists names that do not exist: {missing}"


def test_the_top_level_offers_what_a_workflow_needs() -> None:
    needed = {
        "AUTO_LOGNAME",
        "AppFuture",
        "Config",
        "DataFlowKernel",
        "DataFuture",
        "File",
        "ThreadPoolExecutor",
        "__version__",
        "bash_app",
        "clear",
        "dfk",
        "join_app",
        "load",
        "python_app",
        "wait_for_current_tasks",
    }

    assert needed - set(declared(ast.parse(source_of("headrace"))) or []) == set()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def run() -> None: ...", ["has no __all__"]),
        ("__all__ = ['run', 'run']\ndef run() -> None: ...", ["lists run twice"]),
        ("__all__ = []\nclass Run: ...", ["does not list Run, which is public"]),
        ("__all__: list[str] = []\nasync def run() -> None: ...", ["does not list run, which is public"]),
        ("__all__ = ('run',)\ndef run() -> None: ...\ndef _helper() -> None: ...", []),
    ],
)
def test_the_check_finds_faults(code: str, expected: list[str]) -> None:
    assert faults(code) == expected
