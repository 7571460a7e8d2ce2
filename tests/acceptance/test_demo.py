"""The demo, run as a user runs it, its report checked against a count of another make."""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tokenize
import warnings
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

CLONE = Path(__file__).parents[2]
SCRIPT = CLONE / "examples" / "stdlib_atlas.py"
STDLIB = Path(sysconfig.get_path("stdlib"))

# Real modules to measure.
CHOSEN = ("json", "email", "argparse.py", "shlex.py", "textwrap.py", "inspect.py", "enum.py", "ast.py")

BROKEN = "pack/broken.py"

THOROUGH = bool(os.environ.get("HEADRACE_THOROUGH"))


@dataclass(frozen=True)
class Demo:
    """What one run of the demo left behind."""

    output: str
    report: Path
    html: str
    #: The page's text, without its tags.
    text: str

    def figure(self, label: str) -> str:
        """The key figure whose explanation contains `label`."""
        found = re.search(rf"<dt>[^<]*{label}[^<]*</dt><dd>([^<]*)</dd>", self.html)
        assert found, f"no key figure is about {label!r}"
        return found[1]


class _Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(re.sub(r"<(style|svg).*?</\1>", "", html, flags=re.DOTALL))

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def run(output: Path, *options: str) -> Demo:
    command = [sys.executable, "-W", "error", str(SCRIPT), "--output", str(output)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=55, check=False)
    assert (done.stderr, done.returncode) == ("", 0), done.stdout
    return result(output, done.stdout)


def result(output: Path, told: str) -> Demo:
    (report,) = output.glob("*.html")
    html = report.read_text(encoding="utf-8")
    return Demo(told, report, html, " ".join(_Words(html).words))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real modules, one that is broken, two that import each other, and an installed one to be left alone."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in CHOSEN:
        copy = shutil.copytree if (STDLIB / name).is_dir() else shutil.copy
        copy(STDLIB / name, folder / name)
    ours = {
        BROKEN: "print 'hello'\n",
        "pack/__init__.py": "",
        "pack/chicken.py": "def lay():\n    from . import egg\n    return egg\n",
        "pack/egg.py": "import pack.chicken\n",
        "pack/test/test_pack.py": "def test(x):\n    assert x and x\n",
        "site-packages/installed.py": "import egg\n",
    }
    for name, text in ours.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def small(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A run over that corpus."""
    return run(tmp_path_factory.mktemp("small"), "--corpus", str(corpus), "--limit", "1000")


@dataclass
class Count:
    """A corpus counted by the book: tokens for the lines, `ast.walk` for the rest."""

    files: int = 0
    broken: int = 0
    lines: int = 0
    code: int = 0
    functions: int = 0
    functions_of_library: int = 0

    def add(self, path: Path, *, is_test: bool) -> None:
        self.files += 1
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(path.read_bytes())
        except SyntaxError:
            self.broken += 1
            return
        with tokenize.open(path) as file:
            text = file.read()
        functions = sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))
        self.functions += functions
        self.functions_of_library += 0 if is_test else functions
        self.lines += len(text.removesuffix("\n").split("\n")) if text else 0
        self.code += len(_lines_with_tokens(text) - _docstring_lines(tree))


def _lines_with_tokens(text: str) -> set[int]:
    idle = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        number for token in tokens if token.type not in idle for number in range(token.start[0], token.end[0] + 1)
    } | _continued(text)


def _continued(text: str) -> set[int]:
    """Lines that hold a backslash alone: no token, and yet no blank line."""
    return {number for number, line in enumerate(text.split("\n"), 1) if line.strip() == "\\"}


def _docstring_lines(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            if has_docstring:
                lines.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def count(paths: Iterable[tuple[str, Path]]) -> Count:
    found = Count()
    for name, path in paths:
        found.add(path, is_test=bool({"test", "tests", "idle_test"} & set(name.split("/")[:-1])))
    return found


def sources(folder: Path) -> list[tuple[str, Path]]:
    found = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*.py"))
    return sorted((name, path) for name, path in found if not {"site-packages", "dist-packages"} & set(name.split("/")))


def assert_agrees(demo: Demo, expected: Count) -> None:
    assert f"{expected.files - expected.broken:,} of {expected.files:,} source files" in demo.text
    assert demo.figure("lines, ") == f"{expected.lines:,}"
    assert f"lines, {expected.code:,} of them code" in demo.text
    assert demo.figure("functions and methods") == f"{expected.functions:,}"
    assert f"functions and methods, {expected.functions_of_library:,} of them in the library itself" in demo.text


@pytest.mark.slow
def test_the_figures_of_a_small_corpus_agree_with_another_count(small: Demo, corpus: Path) -> None:
    assert_agrees(small, count(sources(corpus)))


@pytest.mark.slow
def test_a_sample_of_the_standard_library_agrees_with_another_count(tmp_path: Path) -> None:
    everything = sources(STDLIB)
    number = 40 if THOROUGH else 12
    chosen = [everything[index * len(everything) // number] for index in range(number)]

    demo = run(tmp_path, "--limit", str(number), "--threads", "2", "--processes", "1")

    assert_agrees(demo, count(chosen))
    assert "An atlas of the Python standard library" in demo.text


@pytest.mark.slow
def test_the_file_that_does_not_parse_is_told_and_sinks_nothing(small: Demo) -> None:
    assert f"{BROKEN} 1 SyntaxError Missing parentheses in call to 'print'" in small.text
    assert "1 does not parse" in small.text
    assert re.search(r"1 of [\d,]+ files could not be read", small.output)
    assert re.search(r"[\d,]+ tasks, 1 failed", small.output)


@pytest.mark.slow
def test_a_circle_of_imports_is_found_and_undone(small: Demo) -> None:
    assert "pack.chicken → pack.egg → pack.chicken" in small.text


def library(corpus: Path) -> list[Path]:
    """The files of a corpus that are no tests, and parse."""
    return [path for name, path in sources(corpus) if "/test/" not in name and name != BROKEN]


@pytest.mark.slow
def test_the_words_that_commands_counted_agree_with_another_count(small: Demo, corpus: Path) -> None:
    words = Counter(word for path in library(corpus) for word in re.findall(rb"[A-Za-z_]+", path.read_bytes()))

    assert f"{words.total():,} words, {len(words):,} of them different" in small.text
    assert re.search(rf"The commonest words Word Times Share self {words[b'self']:,} ", small.text)


@pytest.mark.slow
def test_each_package_is_packed_whole(small: Demo, corpus: Path) -> None:
    files = library(corpus)
    archives = {archive.name.removesuffix(".tar.gz"): archive for archive in (small.report.parent / "packed").iterdir()}
    packed: list[str] = []
    for archive in archives.values():
        with tarfile.open(archive) as tar:
            packed += tar.getnames()

    assert sorted(packed) == sorted(map(str, files))
    assert set(archives) == {path.relative_to(corpus).parts[0].removesuffix(".py") for path in files}
    size, left = (sum(path.stat().st_size for path in paths) / 1000 for paths in (files, archives.values()))
    assert f"of {size:,.0f} kB of source, {left:,.0f} kB are left" in small.text


@pytest.mark.slow
def test_each_app_is_told_with_what_ran_it(small: Demo) -> None:
    for row in ("measure processes", "summarise threads", "draw drawing", "count_words commands", "untie joins"):
        assert row in small.text


@pytest.mark.slow
def test_the_most_complex_function_is_named_with_its_place(small: Demo, corpus: Path) -> None:
    rows = re.findall(r"<code>([\w/]+\.py):(\d+)</code>", small.html)

    assert rows
    for name, line in rows:
        assert re.match(r"\s*(async )?def ", (corpus / name).read_text(encoding="utf-8").split("\n")[int(line) - 1])


@pytest.mark.slow
def test_the_report_is_one_file_that_asks_for_no_other(small: Demo) -> None:
    assert not re.search(r"https?:|<script|<link|<img|@import|src=", small.html)
    assert {target for target in re.findall(r"url\(([^)]*)\)", small.html) if not target.startswith("#")} == set()
    assert small.html.count("<svg") == 8
    assert "prefers-color-scheme: dark" in small.html


@pytest.mark.slow
def test_every_task_of_the_run_is_in_its_report(small: Demo, corpus: Path) -> None:
    told = re.search(r"([\d,]+) tasks, 1 failed", small.output)
    assert told
    table = small.html.partition("<caption>Tasks by app")[2].partition("</table>")[0]
    rows = re.findall(r"<td><code>(\w+)</code>.*?</td><td class=\"r\">([\d,]+)</td>", table)
    by_app = {app: int(tasks.replace(",", "")) for app, tasks in rows}

    assert by_app["measure"] == len(sources(corpus))
    assert sum(by_app.values()) == int(told[1].replace(",", ""))


@pytest.mark.slow
def test_the_output_is_plain_and_ends_with_the_reports_path(small: Demo) -> None:
    assert "\x1b" not in small.output
    assert small.output.rstrip().endswith(str(small.report))


@pytest.mark.slow
@pytest.mark.parametrize(("options", "code"), [((), 3), (("--allow-failures",), 0)][:: 1 if THOROUGH else 2])
def test_it_runs_under_headrace_run_as_by_itself(
    small: Demo, corpus: Path, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    """The exit code tells of the task that failed, unless that is allowed."""
    command = [sys.executable, "-m", "headrace", "run", *options, str(SCRIPT)]
    arguments = ["--corpus", str(corpus), "--output", str(tmp_path)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=55, check=False)

    assert done.returncode == code
    assert "measure" in done.stderr
    demo = result(tmp_path, done.stdout)
    for label in ("lines, ", "functions and methods", "mean complexity", "modules in import knots", "tasks failed"):
        assert demo.figure(label) == small.figure(label)


def test_a_corpus_without_python_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--corpus", str(tmp_path)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out")], capture_output=True, text=True, timeout=50, check=False
    )

    assert done.returncode == 1
    assert done.stderr == f"no Python files below {tmp_path}\n"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("hello.py", "285\n"),
        (
            "failures.py",
            """\
lowlands: 11.0
everywhere: task 4 (mean) <- task 2 (read): KeyError('Summit')
the summit was called 3 times
""",
        ),
    ],
)
def test_the_short_examples_run(name: str, output: str) -> None:
    command = [sys.executable, "-W", "error", str(CLONE / "examples" / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert (done.stdout, done.stderr, done.returncode) == (output, "", 0)
