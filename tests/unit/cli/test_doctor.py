"""`headrace doctor`, on made-up metadata."""

from __future__ import annotations

from importlib import metadata

import pytest

from headrace.cli.checkup import Checkup, check
from headrace.cli.doctor import as_lines, as_values
from headrace.cli.requirement import Requirement, parse_requirement
from headrace.cli.tools import TOOLS, find_program, tools

REQUIRES = [
    "rich>=13.7",
    "colorama>=0.4; sys_platform == 'nowhere'",
    'distributed>=2025.1; extra == "dask"',
    "numpy<3,>=1.26; extra == 'dask'",
    "headrace[dask]; extra == 'all'",
    "psycopg[binary]>=3.2; python_version >= '3.8' and extra == 'all'",
]
EXTRAS = ["all", "dask"]


def checkup(broken: str | None = None, **installed: str) -> Checkup:
    return check("headrace", REQUIRES, EXTRAS, installed.get, lambda name: "is broken" if name == broken else None)


def test_every_requirement_of_the_installed_package_is_understood() -> None:
    """A form that is not would make `doctor` fail: this test fails first."""
    for text in metadata.requires("headrace") or []:
        requirement = parse_requirement(text)
        if requirement is not None:
            requirement.allows("1.0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rich", Requirement("rich")),
        ("rich >=13.7", Requirement("rich", versions=">=13.7")),
        ("a.b-c[x, y]>=1,<2 ; extra == 'z'", Requirement("a.b-c", ("x", "y"), ">=1,<2", "z")),
        ("rich (>=13)", Requirement("rich", versions=">=13")),
        ("rich; python_version < '3'", None),
        ("rich; sys_platform != 'nowhere'", Requirement("rich")),
    ],
)
def test_a_requirement_is_read(text: str, expected: Requirement | None) -> None:
    assert parse_requirement(text) == expected


@pytest.mark.parametrize("text", ["", "a @ file:///b", "a; b or c", "a; sys_platform in 'x'", "a; nonsense == 'x'"])
def test_what_is_not_understood_is_no_guess(text: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_requirement(text)


@pytest.mark.parametrize(
    ("versions", "version", "allowed"),
    [
        ("", "0.1", True),
        (">=1.10", "1.9", False),
        (">=1.10", "1.10.0", True),
        (">=1.10", "2", True),
        (">=2.0", "2.0rc1", False),
        (">=2.0", "2.0.post1", True),
        (">=2.0", "2.0+local", True),
        (">=1,<2", "1.99", True),
        (">=1,<2", "2.0", False),
        ("<2", "2.0rc1", False),
        ("==1.2", "1.2.0", True),
        ("!=1.2", "1.2.0", False),
        ("~=1.4.2", "1.4.9", True),
        ("~=1.4.2", "1.5", False),
        (">1", "1.0", False),
        ("<=1", "1.0", True),
    ],
)
def test_versions_are_compared_as_versions(versions: str, version: str, *, allowed: bool) -> None:
    assert Requirement("a", versions=versions).allows(version) is allowed


def test_all_that_is_there_is_fine() -> None:
    found = checkup(rich="14", distributed="2026.1", numpy="2.1", psycopg="3.2.1")

    assert found.core.ok
    assert [(part.extra, part.ok) for part in found.extras] == [("dask", True), ("all", True)]


def test_an_extra_names_what_it_lacks_and_what_installs_it() -> None:
    found = checkup(rich="14", numpy="3.1")

    dask = found.extras[0]
    assert dask.install == "pip install 'headrace[dask]'"
    assert [finding.problem for finding in dask.problems] == ["missing", "is 3.1, and <3,>=1.26 is needed"]
    assert found.core.ok


def test_an_extra_that_names_others_has_theirs() -> None:
    every = checkup(rich="14").extras[-1]

    assert [finding.requirement.name for finding in every.findings] == ["distributed", "numpy", "psycopg"]


@pytest.mark.parametrize(
    ("installed", "broken", "problem"),
    [
        ({}, None, "missing"),
        ({"rich": "12.0"}, None, "is 12.0, and >=13.7 is needed"),
        ({"rich": "14"}, "rich", "is broken"),
    ],
)
def test_a_core_that_lacks_something_is_not_ok(installed: dict[str, str], broken: str | None, problem: str) -> None:
    core = checkup(broken, **installed).core

    assert not core.ok
    assert [finding.problem for finding in core.problems] == [problem]


def test_the_report_is_aligned_and_complete() -> None:
    lines = list(as_lines(checkup(rich="14", numpy="2.1", psycopg="3.1")))[4:]

    assert lines == [
        "  ok       core  rich 14",
        "  -        dask  pip install 'headrace[dask]'",
        "                 missing: distributed>=2025.1",
        "                 there already: numpy 2.1",
        "  -        all   pip install 'headrace[all]'",
        "                 missing: distributed>=2025.1",
        "                 psycopg is 3.1, and >=3.2 is needed",
        "                 there already: numpy 2.1",
        "",
        "An extra that is not installed is no error: install it when you need it.",
    ]


def test_the_report_for_programs_has_the_same() -> None:
    values = as_values(checkup(rich="14"))

    assert values["core"]["requirements"] == [
        {"name": "rich", "needed": "rich>=13.7", "installed": "14", "problem": None}
    ]
    assert values["extras"]["dask"]["ok"] is False


def test_programs_are_reported_with_what_each_gives_whether_they_are_there_or_not() -> None:
    found = tools({"ip": "/sbin/ip"}.get)

    lines = list(as_lines(checkup(rich="14"), [one for one in found if one.name in {"ip", "iperf3"}]))[-4:]

    assert lines == [
        "  ok       ip      /sbin/ip",
        "                   for linux::NetNS, Interface, Link, Bridge, Route: also needs root",
        "  -        iperf3  not here (Debian's package iperf3)",
        "                   for linux::Iperf",
    ]


def test_programs_are_reported_for_programs() -> None:
    values = as_values(checkup(rich="14"), tools({"ping": "/bin/ping"}.get))["programs"]

    assert list(values) == [tool.name for tool in TOOLS]
    assert values["ping"] == {"path": "/bin/ping", "gives": "linux::Ping", "package": "iputils-ping"}
    assert values["tc"]["path"] is None


def test_a_program_that_is_not_there_has_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")

    assert find_program("no-such-program") is None
