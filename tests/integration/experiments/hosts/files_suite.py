"""What every host must hold to, of files."""

# ruff: noqa: ASYNC240 - files of this machine
from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.experiments.hosts.harness import HostTests, on_a_host

from headrace.experiments.hosts.errors import FileNotThere, FileProblem, OutsideBase

if TYPE_CHECKING:
    from headrace.experiments.hosts import Host


class FileContract(HostTests):
    """Tests of a kind of host."""

    @on_a_host
    async def test_a_file_is_sent_once_for_the_same_content(self, host: Host) -> None:
        local, remote = Path("local"), f"{host.info.base}/new/file"
        local.write_bytes(b"\0content\n")
        local.chmod(0o750)

        sent = [await host.put(local, remote), await host.put(local, remote)]
        local.write_bytes(b"\0another\n")
        sent.append(await host.put(local, remote))

        assert sent == [True, False, True]
        assert await host.read(remote) == b"\0another\n"
        assert (await host.run(["stat", "-c", "%a", remote])).out == "750"
        assert (await host.run(["ls", "-A", f"{host.info.base}/new"])).out == "file"

    @on_a_host
    async def test_a_large_file_arrives_as_it_is(self, host: Host) -> None:
        content = os.urandom(3_000_000)
        Path("local").write_bytes(content)

        await host.put(Path("local"), f"{host.info.base}/file")
        await host.get(f"{host.info.base}/file", Path("back"))

        assert Path("back").read_bytes() == content
        assert await host.size(f"{host.info.base}/file") == len(content)

    @on_a_host
    async def test_a_folder_goes_there_and_back(self, host: Host) -> None:
        names = ["plain", "in/ner", "in/a b", "in/it's", "in/\n", "ünï/$HOME", "*"]
        for name in names:
            path = Path("tree", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name, encoding="utf-8")
        Path("tree/empty").mkdir()

        await host.put(Path("tree"), f"{host.info.base}/tree")
        await host.get(f"{host.info.base}/tree", Path("back"))

        there = {path.relative_to("back").as_posix(): path.read_text("utf-8") for path in _files(Path("back"))}
        assert there == {name: name for name in names}
        assert Path("back/empty").is_dir()

    @on_a_host
    async def test_a_file_that_is_not_there_is_told_by_its_name(self, host: Host) -> None:
        missing = f"{host.info.base}/missing"
        for deed in (host.read(missing), host.size(missing), host.get(missing, Path("here"))):
            with pytest.raises(FileNotThere, match="missing"):
                await deed
        assert not Path("here").exists()

    @on_a_host
    async def test_a_part_of_a_file_is_read(self, host: Host) -> None:
        path = f"{host.info.base}/file"
        await host.write_text(path, "0123456789")

        assert await host.read(path, 3, 4) == b"3456"
        assert await host.read(path, 8, 100) == b"89"
        assert await host.read(path, 100) == b""

    @on_a_host
    async def test_a_text_is_written_with_its_permissions(self, host: Host) -> None:
        path = f"{host.info.base}/deep/er/it's"

        await host.write_text(path, "it's\n$HOME\n\n", 0o700)

        assert await host.read(path) == b"it's\n$HOME\n\n"
        assert (await host.run(["stat", "-c", "%a", path])).out == "700"

    @on_a_host
    async def test_a_file_does_not_take_the_place_of_a_folder(self, host: Host) -> None:
        await host.make_directory(f"{host.info.base}/folder/inner")
        Path("local").write_text("x", encoding="ascii")

        with pytest.raises(FileProblem, match="folder"):
            await host.put(Path("local"), f"{host.info.base}/folder")
        with pytest.raises(FileProblem, match="folder"):
            await host.write_text(f"{host.info.base}/folder", "x")

        assert (await host.run(["ls", "-A", host.info.base])).out == "folder"

    @on_a_host
    async def test_a_folder_below_the_base_is_removed(self, host: Host) -> None:
        outside = Path("outside").absolute()
        outside.mkdir()
        (outside / "kept").touch()
        tree = f"{host.info.base}/tree"
        await host.make_directory(f"{tree}/inner")
        await host.run(["ln", "-s", str(outside), f"{tree}/inner/link"])

        await host.remove_tree(tree)
        await host.remove_tree(tree)

        with pytest.raises(FileNotThere):
            await host.get(tree, Path("back"))
        assert (outside / "kept").exists()

    @on_a_host
    async def test_nothing_else_is_removed(self, host: Host) -> None:
        outside = Path("outside").absolute()
        (outside / "kept").mkdir(parents=True)
        base = host.info.base
        await host.run(["ln", "-s", str(outside), f"{base}/link"])

        for path in (str(outside), base, f"{base}/../base", f"{base}/../../outside", f"{base}/link/kept", "/"):
            with pytest.raises(OutsideBase):
                await host.remove_tree(path)

        assert (outside / "kept").is_dir()
        assert Path(base).is_dir()

    @on_a_host
    async def test_a_relative_path_is_refused(self, host: Host) -> None:
        with pytest.raises(ValueError, match="absolute"):
            await host.read("file")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
