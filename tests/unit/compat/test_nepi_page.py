"""The page about programs written for NEPI names every module that stands in for one of its."""

from __future__ import annotations

from pathlib import Path

from headrace.compat.faces import FACES

PAGE = (Path(__file__).parents[3] / "docs" / "compat-nepi.md").read_text(encoding="utf-8")


def test_every_module_stands_on_the_page() -> None:
    face = FACES["nepi"]
    names = {name for name in (*face.modules, *face.on_demand) if name.count(".") == 2}

    assert {name for name in names if f"`{name}`" not in PAGE and f"`.{name.rpartition('.')[2]}`" not in PAGE} == set()
