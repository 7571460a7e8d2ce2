"""Files, arrays and tables count by what is in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headrace.data import File
from headrace.dataflow.identity import MemoKeyError, id_for_memo

if TYPE_CHECKING:
    from collections.abc import Callable


class TestFiles:
    """Paths and Files."""

    def test_a_path_counts_by_what_is_in_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "data"
        path.write_text("one")
        before = id_for_memo(path)
        path.write_text("two")
        between = id_for_memo(path)
        path.write_text("one")

        assert before != between
        assert before == id_for_memo(path)

    def test_the_same_file_elsewhere_is_the_same(self, tmp_path: Path) -> None:
        for folder in ("here", "there"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "data.csv").write_text("1,2")

        assert id_for_memo(tmp_path / "here" / "data.csv") == id_for_memo(tmp_path / "there" / "data.csv")
        assert file_id(tmp_path / "here" / "data.csv") == file_id(tmp_path / "there" / "data.csv")

    def test_the_same_content_under_another_name_is_another(self, tmp_path: Path) -> None:
        """Functions take formats and labels from names."""
        for name in ("a.csv", "b.csv"):
            (tmp_path / name).write_text("")

        assert id_for_memo(tmp_path / "a.csv") != id_for_memo(tmp_path / "b.csv")
        assert file_id(tmp_path / "a.csv") != file_id(tmp_path / "b.csv")

    @pytest.mark.parametrize("make", [Path, lambda path: File(str(path))], ids=["Path", "File"])
    def test_a_missing_file_is_an_error_that_names_it(self, tmp_path: Path, make: Callable[[Path], object]) -> None:
        with pytest.raises(MemoKeyError, match=r"/nowhere.* cannot be read.*No such file"):
            id_for_memo(make(tmp_path / "nowhere"))

    @pytest.mark.parametrize("make", [Path, lambda path: File(str(path))], ids=["Path", "File"])
    def test_what_is_to_be_written_counts_by_name(self, tmp_path: Path, make: Callable[[Path], object]) -> None:
        path = tmp_path / "out"
        before = id_for_memo([make(path)], output_ref=True)
        path.write_text("written")

        assert before == id_for_memo([make(path)], output_ref=True)
        assert before != id_for_memo([make(tmp_path / "other")], output_ref=True)

    def test_a_remote_file_is_refused_until_it_is_staged_in(self, tmp_path: Path) -> None:
        file = File("https://example.org/data")
        with pytest.raises(MemoKeyError, match=r"https://example.org/data is remote"):
            id_for_memo(file)
        (tmp_path / "data").write_text("1")
        file.local_path = str(tmp_path / "data")

        assert id_for_memo(file)

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "a" / "deep").write_text("changed"),
            lambda root: (root / "a" / "deep").rename(root / "deep"),
            lambda root: (root / "new").mkdir(),
            lambda root: (root / "empty").rmdir(),
            lambda root: (root / "target").write_text("changed"),
            lambda root: (root / "dangling").unlink(),
        ],
        ids=["content", "place", "new folder", "folder gone", "behind a link", "dangling link gone"],
    )
    def test_a_directory_counts_with_all_below_it(self, tmp_path: Path, change: Callable[[Path], object]) -> None:
        root = tree(tmp_path)
        before = id_for_memo(root)
        same = id_for_memo(root)
        change(root)

        assert before == same
        assert before != id_for_memo(root)

    def test_a_link_that_leads_back_up_is_refused(self, tmp_path: Path) -> None:
        root = tree(tmp_path)
        (root / "a" / "up").symlink_to(root)

        with pytest.raises(MemoKeyError, match="leads back"):
            id_for_memo(root)

    @pytest.mark.parametrize("place", ["", "in"], ids=["itself", "in a directory"])
    def test_a_pipe_is_refused_and_not_waited_for(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "in").mkdir()
        os.mkfifo(tmp_path / "in" / "pipe")

        with pytest.raises(MemoKeyError, match=r"pipe' is neither a file nor a directory"):
            id_for_memo(tmp_path / "in" if place else tmp_path / "in" / "pipe")

    def test_names_that_are_not_utf_8_count(self, tmp_path: Path) -> None:
        for name in (b"\xff", b"\xfe"):
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("")

        assert id_for_memo(tmp_path)
        assert id_for_memo(tmp_path / os.fsdecode(b"\xff")) != id_for_memo(tmp_path / os.fsdecode(b"\xfe"))


def file_id(path: Path) -> bytes:
    return id_for_memo(File(str(path)))


def tree(root: Path) -> Path:
    (root / "a").mkdir()
    (root / "empty").mkdir()
    (root / "a" / "deep").write_text("deep")
    (root / "target").write_text("target")
    (root / "link").symlink_to(root / "target")
    (root / "dangling").symlink_to(root / "nowhere")
    return root


class TestNumPy:
    """NumPy comes with the extra `demo`; without it there is nothing here to be told apart."""

    numpy: Any = None

    @pytest.fixture(autouse=True)
    def _needs_numpy(self) -> None:
        type(self).numpy = pytest.importorskip("numpy", reason="NumPy is not installed: it comes with headrace[demo]")

    def test_arrays_count_by_type_shape_and_content(self) -> None:
        np = self.numpy
        arrays = [
            *(
                np.zeros(4),
                np.zeros(4, "f4"),
                np.zeros(4, ">f8"),
                np.zeros((2, 2)),
                np.zeros(5),
                np.ones(4),
                -np.zeros(4),
            ),
            *(np.array(0.0), np.zeros(0), np.zeros((0, 3)), np.zeros(4, "i8"), np.array(["a", "b"]), np.array([b"a"])),
            *(np.array([1, "a", None], dtype=object), np.array([1, "a", 0], dtype=object), [0.0] * 4),
            *(
                np.array(["2026-01-01"], "M8[D]"),
                np.array(["2026-01-01"], "M8[s]"),
                np.array([True]),
                np.array([1], "i1"),
            ),
            *(np.zeros(2, [("a", "i4"), ("b", "f8")]), np.zeros(2, [("a", "i4"), ("c", "f8")])),
            *(np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
            *(np.float64(0), np.float32(0), np.int64(0), np.bool_(False), np.str_("a"), np.longdouble(0), 0.0, 0, "a"),
            *(np.dtype("f8"), np.dtype("f4"), np.float64, np.sin, np.cos, np.mean, np.median, np.arange(3, dtype="g")),
        ]

        assert len({id_for_memo(array) for array in arrays}) == len(arrays)

    def test_how_an_array_lies_in_memory_makes_no_difference(self) -> None:
        np = self.numpy
        array = np.arange(24.0).reshape(4, 6)
        padded = np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True))
        other = np.frombuffer(b"\xff" * padded.nbytes, padded.dtype).copy()
        other["a"], other["b"] = 0, 0

        assert id_for_memo(array) == id_for_memo(np.asfortranarray(array))
        assert id_for_memo(array[::2, ::-3]) == id_for_memo(array[::2, ::-3].copy())
        assert id_for_memo(array.T) != id_for_memo(array)
        assert id_for_memo(padded) == id_for_memo(other)

    def test_a_mapped_array_is_told_by_its_content(self, tmp_path: Path) -> None:
        np = self.numpy
        ids = []
        for name in ("a", "b"):
            np.save(tmp_path / f"{name}.npy", np.arange(5))
            ids.append(id_for_memo(np.load(tmp_path / f"{name}.npy", mmap_mode="r")))

        assert ids[0] == ids[1]

    def test_an_array_among_objects_that_contains_itself_is_refused(self) -> None:
        array = self.numpy.empty(1, dtype=object)
        array[0] = array

        with pytest.raises(MemoKeyError, match="contains itself"):
            id_for_memo(array)
