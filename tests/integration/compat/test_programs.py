"""Whole programs that are written for Parsl, unmodified."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow

PI = """
import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import {executor}

@python_app
def inside(points):
    import random
    return sum(random.random() ** 2 + random.random() ** 2 <= 1 for _ in range(points))

@python_app
def mean(points, inputs=[]):
    return 4 * sum(inputs) / (points * len(inputs))

config = Config(executors=[{executor}({options})], retries=1)

if __name__ == "__main__":
    with parsl.load(config):
        parts = [inside(2000) for _ in range(5)]
        print(3.0 < mean(2000, inputs=parts).result() < 3.3)
"""

FILES = """
import os
import parsl
from parsl import bash_app, join_app, python_app
from parsl.app.errors import BashExitFailure
from parsl.data_provider.files import File
from parsl.dataflow.errors import DependencyError

parsl.load()

@bash_app
def generate(n, outputs=[], stderr=parsl.AUTO_LOGNAME):
    return f"seq {n} > {outputs[0].filepath}"

@bash_app
def concat(inputs=[], outputs=[], stdout=None, stderr=None):
    return "cat {} > {}".format(" ".join(one.filepath for one in inputs), outputs[0])

@python_app
def total(inputs=[]):
    with open(inputs[0]) as file:
        return sum(map(int, file))

@join_app
def all_of(n):
    parts = [generate(3, outputs=[File(f"part-{i}.txt")]) for i in range(n)]
    whole = concat(inputs=[part.outputs[0] for part in parts], outputs=[File("all.txt")], stdout="out.txt")
    return total(inputs=[whole.outputs[0]])

@bash_app
def fails(stderr="err.txt"):
    return "echo broken >&2; exit 7"

@python_app
def after(x):
    return x

print(all_of(4).result())
failed = fails()
downstream = after(failed)
try:
    failed.result()
except BashExitFailure as error:
    with open(failed.stderr) as file:
        print(error.exitcode, file.read().strip())
error = downstream.exception()
print(isinstance(error, DependencyError), type(error.__cause__).__name__)
print(failed.task_status(), downstream.task_status())
print(os.path.isdir(os.path.join(parsl.dfk().run_dir, "task_logs")))
parsl.wait_for_current_tasks()
parsl.dfk().cleanup()
parsl.clear()
"""

WORKERS = """
import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
from helper import shout

@parsl.python_app
def names():
    import parsl
    from parsl.app.errors import AppException
    return parsl.__name__, AppException.__module__, parsl.python_app.__module__

@parsl.python_app
def fail():
    from parsl.app.errors import AppException
    raise AppException("from the worker")

with parsl.load(Config(executors=[HighThroughputExecutor(max_workers_per_node=1, provider=LocalProvider())])):
    print(*names().result())
    print(shout("hey").result())
    print(type(fail().exception()) is parsl.app.errors.AppException)
"""

HELPER = """
import parsl
from parsl.dataflow.errors import DependencyError

class Loud(str):
    kind = DependencyError

@parsl.python_app
def shout(text):
    return Loud(text.upper())
"""


@pytest.mark.parametrize(
    ("executor", "options"),
    [("ThreadPoolExecutor", "max_threads=2"), ("HighThroughputExecutor", 'label="htex", max_workers_per_node=2')],
)
def test_the_tutorials_estimate_of_pi(run_with_headrace: Run, executor: str, options: str) -> None:
    done = run_with_headrace(PI.format(executor=executor, options=options))

    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.parametrize(
    "before", ["import headrace.compat.parsl\n", "from headrace.compat import install\ninstall('parsl')\n"]
)
def test_files_commands_joins_and_failures(run_program: Run, before: str) -> None:
    done = run_program(before + FILES)

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["24", "7 broken", "True BashExitFailure", "failed dep_fail", "True"]
    assert done.returncode == 0


def test_workers_find_the_same_names_before_they_unpickle_anything(run_with_headrace: Run, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER, encoding="utf-8")

    done = run_with_headrace(WORKERS, "--allow-failures")

    assert done.stdout.splitlines() == [
        "headrace.compat.parsl headrace.dataflow.errors headrace.dataflow.app",
        "HEY",
        "True",
    ]
    assert done.returncode == 0, done.stderr


def test_headraces_own_processes_find_them_too(run_with_headrace: Run, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER, encoding="utf-8")
    code = """
import headrace
from helper import shout

with headrace.load(headrace.Config(executors=[headrace.compute.executors.ProcessPoolExecutor(max_workers=1)])):
    print(shout("hey").result())
"""

    done = run_with_headrace(code)

    assert (done.returncode, done.stdout, done.stderr) == (0, "HEY\n", "")


def test_processes_that_a_program_spawns_itself_find_them_by_the_line_in_the_program(
    run_program: Run, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text(HELPER, encoding="utf-8")
    code = """
import headrace.compat.parsl
import concurrent.futures, multiprocessing, parsl, headrace
from parsl.config import Config
from helper import shout

if __name__ == "__main__":
    pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with parsl.load(Config(executors=[headrace.ExternalExecutor("spawned", pool, managed=True)])):
        print(shout("hey").result())
"""

    done = run_program(code)

    assert (done.returncode, done.stdout, done.stderr) == (0, "HEY\n", "")


def test_what_has_no_effect_is_told_at_the_line_of_the_program(run_with_headrace: Run) -> None:
    code = """import parsl
for _ in range(3):
    config = parsl.Config(usage_tracking=1)
print("on")
"""

    done = run_with_headrace(code)

    assert done.stdout == "on\n"
    assert done.stderr.count("CompatWarning") == 1
    assert "program.py:3: CompatWarning: Config: option without effect here: usage_tracking" in done.stderr


def test_what_is_refused_ends_the_program_with_its_name_and_what_to_do(run_with_headrace: Run) -> None:
    code = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import SlurmProvider
config = Config(executors=[HighThroughputExecutor(provider=SlurmProvider("debug", nodes_per_block=2))])
"""

    done = run_with_headrace(code)

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("headrace.compat.errors.RefusedError: Parsl's SlurmProvider is not available in Headrace: ")
    assert "LocalProvider()" in last


def test_without_the_option_parsl_is_not_stood_in_for(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "parsl.py").write_text("print('the other')", encoding="utf-8")

    plain = run_program("import parsl", "-m", "headrace", "run", "--quiet")
    stood_in = run_program("import parsl\nprint(parsl.__name__)", "-m", "headrace", "run", "--parsl", "--quiet")

    assert plain.stdout == "the other\n"
    assert stood_in.stdout == "headrace.compat.parsl\n"


def test_the_option_works_for_a_module(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text("import parsl, sys\nprint(parsl.__name__, sys.argv[1:])", encoding="utf-8")

    done = run_program("", "-m", "headrace", "run", "--parsl", "--quiet", "-m", "tool")

    assert done.stdout == "headrace.compat.parsl ['program.py']\n"


def test_an_installed_parsl_is_not_found(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "parsl").mkdir()
    (tmp_path / "parsl" / "__init__.py").write_text("raise SystemExit('the real one')", encoding="utf-8")
    (tmp_path / "parsl" / "config.py").write_text("raise SystemExit('the real one')", encoding="utf-8")

    done = run_program("import headrace.compat.parsl\nfrom parsl.config import Config\nprint(Config.__module__)")

    assert (done.stdout, done.stderr) == ("headrace.compat.parsl.config\n", "")


def test_a_real_parsl_that_came_first_is_named(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "parsl.py").write_text("", encoding="utf-8")

    done = run_program("import parsl\nimport headrace.compat.parsl")

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "AlreadyImportedError: the real parsl has been imported already" in last
    assert str(tmp_path / "parsl.py") in last


def test_one_that_came_before_the_command_line_is_named_without_a_traceback(run_program: Run, tmp_path: Path) -> None:
    (tmp_path / "parsl.py").write_text("", encoding="utf-8")
    start = "import sys, parsl; from headrace.cli import main; sys.exit(main(['run', '--parsl', *sys.argv[1:]]))"

    done = run_program("", "-c", start)

    assert done.returncode == 2
    assert done.stderr.startswith("headrace: the real parsl has been imported already")
    assert "Traceback" not in done.stderr


def test_importing_the_stand_in_installs_it(run_program: Run) -> None:
    done = run_program("import headrace.compat.parsl, parsl, headrace\nprint(parsl.python_app is headrace.python_app)")

    assert (done.stdout, done.stderr) == ("True\n", "")


def test_importing_compat_alone_installs_nothing(run_program: Run) -> None:
    done = run_program("import headrace.compat\nprint(headrace.compat.installed())")

    assert (done.stdout, done.stderr) == ("()\n", "")


def test_a_kernel_that_nobody_cleans_up_ends_its_tasks_and_leaves_no_process(run_program: Run, tmp_path: Path) -> None:
    """As many programs written for Parsl do."""
    code = """
import headrace.compat.parsl
import os, parsl, time
from parsl.configs.htex_local import config

@parsl.python_app
def write(name):
    time.sleep(0.2)
    with open(name, "w") as file:
        file.write(str(os.getpid()))

parsl.load(config)
for name in "abc":
    write(name)
"""

    done = run_program(code)

    assert done.returncode == 0
    assert "was not cleaned up" in done.stderr
    for name in "abc":
        pid = (tmp_path / name).read_text(encoding="utf-8")
        assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - as short as that
