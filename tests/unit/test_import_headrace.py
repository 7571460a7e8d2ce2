"""`import headrace` is cheap and changes nothing: each look is taken in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

#: Packages, and modules of the standard library, that a program pays for when it uses what needs them, not before.
HEAVY = {
    "alembic",
    "asyncio",
    "asyncssh",
    "click",
    "cloudpickle",
    "concurrent.futures.process",
    "dask",
    "distributed",
    "docker",
    "email",
    "fastapi",
    "fsspec",
    "http",
    "httpx",
    "importlib.metadata",
    "jinja2",
    "jwt",
    "kubernetes",
    "matplotlib",
    "multiprocessing",
    "networkx",
    "nicegui",
    "numpy",
    "pandas",
    "parsl",
    "pebble",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "pydantic_settings",
    "ray",
    "requests",
    "rich",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "starlette",
    "swiftclient",
    "tblib",
    "typer",
    "unittest",
    "urllib.request",
    "uvicorn",
    "xml",
    "yaml",
}

PROBE = """
import atexit, gc, json, os, signal, sys, threading, warnings
import concurrent.futures.thread, logging  # both have exit hooks of their own, which are not headrace's

def state():
    return {
        "signal handlers": [f"{number} {signal.getsignal(number)!r}" for number in sorted(signal.valid_signals())],
        "exit hooks": atexit._ncallbacks(),
        "exit hooks of threading": len(threading._threading_atexits),
        "threads": [thread.name for thread in threading.enumerate()],
        "warning filters": repr(warnings.filters),
        "showwarning": repr(warnings.showwarning),
        "root logger": [logging.root.level, repr(logging.root.handlers), logging.root.manager.disable],
        "logger class": repr(logging.getLoggerClass()),
        "log levels": sorted(map(str, logging.getLevelNamesMapping().items())),
        "hooks": [repr(h) for h in (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook)],
        "tracing": [repr(sys.gettrace()), repr(sys.getprofile())],
        "interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), gc.isenabled()],
        "path": list(sys.path),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }

deeds = []

def watch(event, arguments):
    if event == "open":
        _path, _mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            deeds.append(f"{event} {arguments}")
    elif event.startswith(("os.mkdir", "os.rename", "os.remove", "os.fork", "os.exec", "os.posix_spawn", "os.system",
                           "socket.", "subprocess.", "tempfile.", "_thread.start", "shutil.")):
        deeds.append(f"{event} {arguments}")

before, modules = state(), set(sys.modules)
sys.addaudithook(watch)
import headrace
seen = list(deeds)
after = state()
print(json.dumps({"before": before, "after": after, "deeds": seen, "modules": sorted(set(sys.modules) - modules)}))
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh interpreter saw while it imported headrace, warnings being errors."""
    folder: Path = tmp_path_factory.mktemp("import")
    command = [sys.executable, "-B", "-W", "error", "-c", PROBE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(folder.iterdir()) == []
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_it_imports_nothing_heavy(probe: dict[str, Any]) -> None:
    imported = {module for module in probe["modules"] if any(f"{module}.".startswith(f"{heavy}.") for heavy in HEAVY)}

    assert imported == set()


def test_it_imports_itself_and_the_standard_library_only(probe: dict[str, Any]) -> None:
    roots = {module.partition(".")[0] for module in probe["modules"]}

    assert roots - sys.stdlib_module_names == {"headrace"}


def test_it_writes_nothing_and_starts_nothing(probe: dict[str, Any]) -> None:
    """No file is written, no thread, process or socket made."""
    assert probe["deeds"] == []


def test_it_leaves_the_process_as_it_found_it(probe: dict[str, Any]) -> None:
    """Signals, exit hooks, threads, warnings, logging, tracing, the environment: all as before."""
    before, after = probe["before"], probe["after"]

    assert {name: after[name] for name in before if after[name] != before[name]} == {}
