"""The demo's report, looked at in Debian's Chromium."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

CLONE = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a demo over a few modules: the one HTML file it writes."""
    output = tmp_path_factory.mktemp("demo")
    demo = [sys.executable, str(CLONE / "examples" / "stdlib_atlas.py"), "--output", str(output), "--limit", "40"]
    done = subprocess.run(demo, cwd=output, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    (page,) = output.rglob("*.html")
    assert str(page) in done.stdout
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Root has no sandbox in a container; the page is our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_the_report_is_whole_in_itself(report: Path, browser: Browser) -> None:
    """It shows its title and its plot without an error and without asking anyone else for anything."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))

    page.goto(report.as_uri(), wait_until="load")
    plots = [plot for plot in page.locator("svg, img, canvas").all() if plot.is_visible()]
    boxes = [box for plot in plots if (box := plot.bounding_box()) is not None]

    assert errors == []
    assert {urlsplit(url).scheme for url in requested} <= {"file", "data"}
    assert "standard library" in page.title().lower()
    assert any(box["width"] > 300 and box["height"] > 150 for box in boxes), boxes


@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_fits_its_window(report: Path, browser: Browser, width: int) -> None:
    """Neither on a telephone nor on a desk does the page scroll sideways."""
    page = browser.new_page(viewport={"width": width, "height": 800})

    page.goto(report.as_uri(), wait_until="load")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
