"""Which files are measured, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atlas.corpus import SourceFile, discover, sample, standard_library

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "module", "is_package", "is_test", "package"),
    [
        ("argparse.py", "argparse", False, False, "argparse"),
        ("json/__init__.py", "json", True, False, "json"),
        ("json/decoder.py", "json.decoder", False, False, "json"),
        ("test/test_json/test_decode.py", "test.test_json.test_decode", False, True, "test"),
        ("idlelib/idle_test/__init__.py", "idlelib.idle_test", True, True, "idlelib"),
        ("unittest/case.py", "unittest.case", False, False, "unittest"),
        ("test.py", "test", False, False, "test"),
    ],
)
def test_a_file_is_known_by_its_path(name: str, module: str, is_package: bool, is_test: bool, package: str) -> None:  # noqa: FBT001
    file = SourceFile(name, name)

    assert (file.module, file.is_package, file.is_test, file.package) == (module, is_package, is_test, package)


def test_installed_packages_are_not_the_corpus(tmp_path: Path) -> None:
    for name in ("b.py", "a/__init__.py", "site-packages/pip/__init__.py", "a/data.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert [file.name for file in discover(tmp_path)] == ["a/__init__.py", "b.py"]


def test_the_standard_library_is_where_python_says() -> None:
    assert (standard_library() / "argparse.py").is_file()


@pytest.mark.parametrize(("limit", "expected"), [(None, 10), (20, 10), (10, 10), (3, 3), (1, 1), (0, 0)])
def test_a_sample_is_spread_over_the_corpus(limit: int | None, expected: int) -> None:
    files = [SourceFile(f"{number}.py", "") for number in range(10)]

    taken = sample(files, limit)

    assert len(taken) == expected
    assert taken == sorted(set(taken))
    assert limit != 3 or [file.name for file in taken] == ["0.py", "3.py", "6.py"]
