"""The documentation builds without a warning, and its pages fetch nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[2]
REMOTE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
REMOTE_IN_CSS = re.compile(r"""(?:url\(|@import)\s*['"]?(?:https?:)?//[^'")\s]*""", re.IGNORECASE)
#: The attributes a browser follows without being asked. A link is followed for some of its relations only.
FETCHED = {"src", "srcset", "poster", "data"}
LINK_FETCHES = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
#: The theme's own script turns to a remote server when it finds one of these: diagrams, a link to a repository.
TRIGGERS = re.compile(r"""class=["']?[^"'>]*\bmermaid\b|data-md-component=["']?source\b""")


class Fetches(HTMLParser):
    """Collects what a page makes a browser fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.remote: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        fetched = {values[name] for name in FETCHED & values.keys()}
        if tag == "link" and LINK_FETCHES & set(values.get("rel", "").split()):
            fetched.add(values.get("href", ""))
        if tag in {"use", "image"}:
            fetched |= {values.get("href", ""), values.get("xlink:href", "")}
        self.remote += [f"<{tag}> {value}" for value in sorted(fetched) if REMOTE.match(value)]


def remote_in_page(html: str) -> list[str]:
    parser = Fetches()
    parser.feed(html)
    return parser.remote + REMOTE_IN_CSS.findall(html) + TRIGGERS.findall(html)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with every warning an error."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=CLONE, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").is_file()


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = {
        page.relative_to(site).as_posix(): remote_in_page(page.read_text("utf-8")) for page in site.rglob("*.html")
    }
    styles = {
        style.relative_to(site).as_posix(): REMOTE_IN_CSS.findall(style.read_text("utf-8"))
        for style in site.rglob("*.css")
    }

    assert pages
    assert styles
    assert {name: remote for name, remote in {**pages, **styles}.items() if remote} == {}


@pytest.mark.parametrize(
    "html",
    [
        "<script src=https://example.org/a.js></script>",
        "<link rel='preconnect stylesheet' href='//fonts.example.org/css'>",
        "<img srcset='https://example.org/a.png 2x'>",
        "<style>@import 'https://example.org/a.css'</style>",
        "<p style='background: url(//example.org/a.png)'>",
        "<pre class='mermaid'><code>a</code></pre>",
        "<a data-md-component=source href='https://example.org'>",
    ],
)
def test_the_check_finds_what_is_fetched(html: str) -> None:
    assert len(remote_in_page(html)) == 1


def test_links_for_the_reader_to_follow_are_fine() -> None:
    assert (
        remote_in_page("<a href='https://example.org'>there</a><link rel=canonical href='https://example.org'>") == []
    )
