"""A script under `headrace run` finds what it would find under `python`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.cli.conftest import Run, Start

pytestmark = pytest.mark.slow

LOOK_AROUND = """
import sys
print(sys.argv, sys.path, __name__, __file__, __package__, __doc__, __spec__ and __spec__.name)
print(vars(sys.modules["__main__"]) is globals())
print(type(__loader__).__name__, __builtins__, sorted(name for name in globals() if name != "sys"))
"""


SPAWNING = """
import multiprocessing

def work(x):
    print(x)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work, args=(5,))
    child.start()
    child.join()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("look.py",),
        ("look.py", "a", "-b", "--help", "--", "--quiet", "-m", "x y", ""),
        ("folder/look.py", "--version"),
        ("./folder/../look.py",),
        ("link.py",),
        ("-m", "look", "a", "--help"),
        ("-m", "package", "-x", "--", "y"),
        ("-m", "package.inner", "--quiet"),
    ],
)
def test_a_program_sees_the_same(headrace: Run, python: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for name in ("look.py", "folder/look.py", "package/__init__.py", "package/__main__.py", "package/inner.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(LOOK_AROUND if path.name != "__init__.py" else "", encoding="utf-8")
    (tmp_path / "link.py").symlink_to("folder/look.py")

    expected, actual = python(*arguments), headrace("run", *arguments)

    assert (actual.stdout, actual.stderr, actual.returncode) == (expected.stdout, expected.stderr, 0)


@pytest.mark.parametrize(
    "code",
    [
        "import sys; sys.exit()",
        "import sys; sys.exit(0)",
        "import sys; sys.exit(7)",
        "import sys; sys.exit(True)",
        "import sys; sys.exit('what went wrong')",
        "import sys; sys.exit(['a', 'list'])",
        "raise SystemExit",
        "def f():\n    raise KeyError('deep')\ndef g():\n    f()\ng()",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise LookupError('x') from error",
        "raise ExceptionGroup('several', [ValueError(1), TypeError(2)])",
        "this is no Python",
        "import nowhere_to_be_found",
        "import sys\nsys.excepthook = lambda *about: print('my own hook', about[0], file=sys.stderr)\n1 / 0",
        "import atexit; atexit.register(print, 'at exit'); print('at work')",
        "import threading; threading.Thread(target=lambda: print('a thread')).start()",
        "import sys; sys.stdin.read() == 'typed' and sys.exit(9)",
        SPAWNING,
    ],
)
def test_a_program_ends_the_same(headrace: Run, python: Run, script: Callable[..., str], code: str) -> None:
    """Output, exit code and traceback are Python's own, to the letter."""
    name = script(code, workflow=False)

    expected, actual = python(name, stdin="typed"), headrace("run", name, stdin="typed")

    assert (actual.stdout, actual.stderr, actual.returncode) == (expected.stdout, expected.stderr, expected.returncode)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("flwo.py",), "headrace: there is no script 'flwo.py'; did you mean 'flow.py'?"),
        (("nothing_like_it",), "headrace: there is no script 'nothing_like_it'; give the path of a Python file"),
        (("nowhere/flow.py",), "headrace: there is no script 'nowhere/flow.py': there is no directory 'nowhere'"),
        (("folder",), "headrace: 'folder' is a directory, not a script; name a script in it"),
        (("binary",), "headrace: 'binary' is no Python source: it is not a text file"),
        (("latin.py",), "headrace: 'latin.py' is no Python source: it is not a text file"),
        (("notebook.ipynb",), "headrace: 'notebook.ipynb' is a notebook, not a Python script; convert it"),
        (("shell.sh",), "headrace: 'shell.sh' is no Python source: it begins with #!/bin/sh, and line 2 is none"),
        (("-m", "no.such"), "headrace: there is no module 'no.such'; check its name"),
        (("-m", "flow.py"), "headrace: there is no module 'flow.py'; for a file: headrace run flow.py"),
        (("-m", "email"), "headrace: 'email' is a package without a __main__ module"),
        (("-m", ".relative"), "headrace: module '.relative' cannot be found by a relative name"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line_and_exit_code_2(
    headrace: Run, script: Callable[..., str], tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    script("", "flow.py")
    script('{"cells": []}', "notebook.ipynb", workflow=False)
    script("#!/bin/sh\nif true; then echo; fi", "shell.sh", workflow=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "latin.py").write_bytes(b"print('\xe9')")

    done = headrace("run", *arguments)

    (line,) = done.stderr.splitlines()
    assert line.startswith(expected)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_script_that_breaks_when_imported_by_name_is_the_scripts_failure(
    headrace: Run, script: Callable[..., str]
) -> None:
    """Something missing inside of a module that exists is no wrong command line."""
    script("import nowhere_to_be_found", "flow.py", workflow=False)

    done = headrace("run", "-m", "flow")

    assert done.returncode == 1
    assert "No module named 'nowhere_to_be_found'" in done.stderr
    assert "headrace/cli" not in done.stderr


def test_a_reader_that_has_seen_enough_gets_no_traceback(started: Start, script: Callable[..., str]) -> None:
    process = started("run", script("while True: print('line', flush=True)", workflow=False))
    assert process.line() == "line\n"

    process.hang_up()

    assert process.end() == (1, "", "")


def test_output_that_nobody_took_is_no_success(started: Start, script: Callable[..., str]) -> None:
    """What was still in the buffer at the end could not be written."""
    code = "import sys; print('ready', flush=True); sys.stdin.readline(); print('late')"
    process = started("run", script(code, workflow=False))
    assert process.line() == "ready\n"

    process.hang_up()
    process.say()

    assert process.end() == (1, "", "")
