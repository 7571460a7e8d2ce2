"""What the README and the documentation show works when pasted.

A page's ```python blocks run in order as one program, in a fresh interpreter and an empty folder, with warnings as
errors. What they print must be what the page's ```text title="Output" blocks show, if it has any. A block that
cannot run is announced on the line above it: `<!-- not run: the reason -->`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?P<indent>[ ]*)```(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$", flags=re.MULTILINE | re.DOTALL
)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->\s*\Z")


def program(page: str) -> str:
    """A page's examples as one program, each line where it stands in the page, so that tracebacks point there."""
    lines = [""] * len(page.splitlines())
    for fence in FENCE.finditer(page):
        if language(fence) == "python" and not NOT_RUN.search(page[: fence.start()]):
            first = page.count("\n", 0, fence.start("body"))
            body = textwrap.dedent(fence["body"]).splitlines()
            lines[first : first + len(body)] = body
    return "\n".join(lines).strip("\n") and "\n".join(lines) + "\n"


def output(page: str) -> str:
    """What a page says its examples print."""
    fences = [fence for fence in FENCE.finditer(page) if fence["info"].strip() == 'text title="Output"']
    return "".join(textwrap.dedent(fence["body"]) for fence in fences)


def language(fence: re.Match[str]) -> str:
    """The first word of a fence's info string."""
    return (fence["info"].split() or [""])[0]


def pages() -> list[str]:
    """The pages with something to run, as paths in the clone."""
    found = [CLONE / "README.md", *sorted((CLONE / "docs").rglob("*.md"))]
    return [str(path.relative_to(CLONE)) for path in found if program(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", pages())
@pytest.mark.slow
def test_the_examples_of_a_page_work(name: str, tmp_path: Path) -> None:
    page = (CLONE / name).read_text(encoding="utf-8")
    script = tmp_path / f"{Path(name).stem}.py"
    script.write_text(program(page), encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()

    command = [sys.executable, "-W", "error", str(script)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False)

    assert done.returncode == 0, f"{name}, by its own line numbers:\n{done.stderr}"
    assert done.stderr == ""
    if expected := output(page):
        assert done.stdout == expected


def test_the_readme_has_an_example() -> None:
    assert "README.md" in pages()


def test_a_program_keeps_the_lines_of_its_page() -> None:
    page = (
        "# Title\n\n```python\na = 1\n```\n\n- item\n\n    ```python hl_lines='1'\n    if a:\n        b = 2\n    ```\n"
    )

    assert program(page) == "\n\n\na = 1\n\n\n\n\n\nif a:\n    b = 2\n\n"


def test_blocks_in_other_languages_and_those_announced_do_not_run() -> None:
    page = "```sh\nrm\n```\n\n<!-- not run: needs a cluster -->\n```python\nraise\n```\n\n```\nplain\n```\n"

    assert program(page) == ""


def test_an_announcement_needs_a_reason_and_covers_one_block() -> None:
    bare, covered, after = (f"```python\n{name} = 1\n```\n" for name in "abc")
    page = f"<!-- not run: -->\n{bare}\n<!-- not run: slow -->\n{covered}{after}"

    assert [line for line in program(page).splitlines() if line] == ["a = 1", "c = 1"]
