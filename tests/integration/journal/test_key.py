"""The key that a user's stores on shared servers are signed with."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from headrace.journal import StoreRefused
from headrace.journal.key import KEY_VARIABLE, own_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine" / "key"
    monkeypatch.setenv(KEY_VARIABLE, str(path))
    return path


def test_a_key_is_made_once_and_for_its_user_alone(file: Path) -> None:
    key = own_key()

    assert own_key() == key == file.read_bytes()
    assert (len(key), stat.S_IMODE(file.stat().st_mode), [*file.parent.iterdir()]) == (32, 0o600, [file])


def test_it_is_among_the_user_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert own_key() == (tmp_path / "headrace" / "journal.key").read_bytes()


def test_two_that_make_one_at_once_have_the_same(file: Path) -> None:
    file.parent.mkdir()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: own_key(), range(64)))

    assert keys == {file.read_bytes()}


def test_one_that_others_may_read_is_refused_with_what_to_do(file: Path) -> None:
    own_key()
    file.chmod(0o640)

    with pytest.raises(StoreRefused, match=f"chmod 600 {file}"):
        own_key()


@pytest.mark.parametrize("length", [0, 31, 64])
def test_what_is_no_key_is_refused(file: Path, length: int) -> None:
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_bytes(bytes(length))

    with pytest.raises(StoreRefused, match="holds no key"):
        own_key()


def test_where_none_can_be_made_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "file" / "key"))

    with pytest.raises(StoreRefused, match=r"Not a directory|name another file"):
        own_key()
