"""A `File` is a value: a path or a URL, taken apart."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything
# ruff: noqa: S301 - pickles made here

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from headrace import File


@pytest.mark.parametrize(
    ("url", "scheme", "netloc", "path", "filename"),
    [
        ("data.csv", "file", "", "data.csv", "data.csv"),
        ("/a/b/data.csv", "file", "", "/a/b/data.csv", "data.csv"),
        ("../b/data.csv", "file", "", "../b/data.csv", "data.csv"),
        ("/a/what?#100%20.csv", "file", "", "/a/what?#100%20.csv", "what?#100%20.csv"),
        ("c:data.csv", "file", "", "c:data.csv", "c:data.csv"),
        ("/a/b/", "file", "", "/a/b/", ""),
        ("file:///a/b/data.csv", "file", "", "/a/b/data.csv", "data.csv"),
        ("file:///a%20b/data.csv", "file", "", "/a b/data.csv", "data.csv"),
        ("https://host:8443/a/data.csv?v=2", "https", "host:8443", "/a/data.csv", "data.csv"),
        ("https://host/a%20b.csv", "https", "host", "/a%20b.csv", "a%20b.csv"),
        ("s3://bucket/key", "s3", "bucket", "/key", "key"),
        ("s3://bucket", "s3", "bucket", "", ""),
        ("ftp://user@host/x", "ftp", "user@host", "/x", "x"),
        ("zip:///a.zip/inside.txt", "zip", "", "/a.zip/inside.txt", "inside.txt"),
    ],
)
def test_a_path_or_url_is_taken_apart(url: str, scheme: str, netloc: str, path: str, filename: str) -> None:
    file = File(url)

    assert (scheme, netloc, path, filename) == (file.scheme, file.netloc, file.path, file.filename)


def test_the_query_of_a_url_is_told_apart() -> None:
    assert File("https://host/x?v=2").query == "v=2"


@pytest.mark.parametrize("given", [Path("/a/b"), File("/a/b"), "/a/b"])
def test_anything_that_names_a_path_will_do(given: Any) -> None:
    assert File(given) == File("/a/b")


@pytest.mark.parametrize("url", ["x", "/x", "file:///x"])
def test_what_is_on_this_machine_is_not_remote(url: str) -> None:
    assert not File(url).is_remote


@pytest.mark.parametrize("url", ["https://host/x", "s3://bucket/x"])
def test_what_is_elsewhere_is_remote(url: str) -> None:
    assert File(url).is_remote


def test_a_local_file_can_be_opened_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("content")

    with open(File(str(tmp_path / "data"))) as opened:  # noqa: PTH123 - the built-in is to be shown
        content = opened.read()

    assert content == "content"


@pytest.mark.parametrize("ask", [os.fspath, lambda file: file.filepath])
def test_a_remote_file_has_no_path_before_it_is_staged(ask: Any) -> None:
    with pytest.raises(ValueError, match="https://host/x has no local path"):
        ask(File("https://host/x"))


def test_a_staged_file_is_opened_where_its_copy_lies() -> None:
    file = File("https://host/x")
    file.local_path = "/tmp/copy"  # noqa: S108 - nothing is written there

    assert (file.filepath, os.fspath(file), str(file)) == ("/tmp/copy",) * 3  # noqa: S108


def test_a_clean_copy_knows_nothing_of_a_local_copy() -> None:
    file = File("https://host/x")
    file.local_path = "/somewhere/x"

    clean = file.cleancopy()

    assert (clean.local_path, clean) == (None, file)


@pytest.mark.parametrize(
    ("one", "other"),
    [("/x", "file:///x"), ("https://h/x", "https://h/x#part"), ("file:///a%20b", "/a b")],
)
def test_files_are_equal_when_they_name_the_same(one: str, other: str) -> None:
    assert File(one) == File(other)
    assert hash(File(one)) == hash(File(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("/x", "/y"), ("https://h/x", "http://h/x"), ("https://h/x", "https://i/x"), ("https://h/x?1", "https://h/x?2")],
)
def test_files_differ_when_they_name_different_things(one: str, other: str) -> None:
    assert File(one) != File(other)


def test_a_file_is_not_its_path() -> None:
    assert File("/x") != "/x"


@pytest.mark.parametrize(("url", "expected"), [("/x", "/x"), ("https://h/x", "https://h/x"), ("file:///x", "/x")])
def test_as_text_it_is_its_path_or_its_url(url: str, expected: str) -> None:
    assert expected == str(File(url))


def test_its_repr_tells_where_it_comes_from_and_where_it_lies() -> None:
    file = File("https://h/x")
    file.local_path = "/somewhere/x"

    assert repr(file) == "<File https://h/x at /somewhere/x>"


@pytest.mark.parametrize("again", [lambda file: pickle.loads(pickle.dumps(file)), copy.copy, copy.deepcopy])
def test_a_copy_is_equal_and_knows_the_local_copy(again: Any) -> None:
    file = File("https://h/x?v=1")
    file.local_path = "/somewhere/x"

    copied = again(file)

    assert (copied, copied.local_path, copied.url) == (file, file.local_path, file.url)


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a path or a URL"):
        File("")


@pytest.mark.parametrize("wrong", [None, 3, b"x"])
def test_what_is_no_path_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        File(wrong)
