"""Requirements as an installed package's metadata states them, and whether what is installed meets them.

The forms are those of PEP 508 and PEP 440 that this project's own metadata uses: release numbers compared by ``>= > <=
< == != ~=``, and markers that compare one name with one text, joined by ``and``. Anything else raises, and a test reads
the real metadata, so no form can come into use without being understood here. The package `packaging` knows them all,
but `doctor` must work where nothing else is installed.
"""

from __future__ import annotations

import operator
import platform
import re
import sys
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Requirement", "parse_requirement"]

_REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*\(?([^;()]*)\)?\s*(?:;\s*(.+))?$")
_SPECIFIER = re.compile(r"^(~=|==|!=|<=|>=|<|>)\s*([0-9][0-9A-Za-z.+!-]*)$")
_CLAUSE = re.compile(r"""^(\w+)\s*(==|!=|<=|>=|<|>)\s*["']([^"']*)["']$""")
_RELEASE = re.compile(r"^v?(\d+(?:\.\d+)*)(.*)$")
_ORDERS: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_BEFORE_RELEASE = re.compile(r"^[._-]?(a|b|c|rc|alpha|beta|pre|preview|dev)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a package's requirements."""

    #: The distribution's name.
    name: str
    #: Its own extras that are asked for.
    extras: tuple[str, ...] = ()
    #: What its version must meet, as written: ``">=1.6,<2"``; empty for any.
    versions: str = ""
    #: The extra that it belongs to; None for those that are always needed.
    extra: str | None = None

    def allows(self, version: str) -> bool:
        """Tell whether this version of it will do.

        Raises:
            ValueError: a form that is not understood.
        """
        return all(_meets(version, specifier.strip()) for specifier in self.versions.split(",") if specifier.strip())

    def __str__(self) -> str:
        return f"{self.name}{'[' + ','.join(self.extras) + ']' if self.extras else ''}{self.versions}"


def parse_requirement(text: str) -> Requirement | None:
    """Return the requirement that a line states; None if it is for other environments than this one.

    Raises:
        ValueError: a form that is not understood.
    """
    match = _REQUIREMENT.match(text.strip())
    if match is None:
        msg = f"this requirement is not understood: {text!r}"
        raise ValueError(msg)
    name, extras, versions, marker = match.groups()
    extra = None
    for clause in (marker or "").split(" and ") if marker else ():
        variable, sign, value = _clause(clause.strip(), text)
        if variable == "extra" and sign == "==":
            extra = value
        elif not _holds(variable, sign, value, text):
            return None
    if not all(_SPECIFIER.match(one.strip()) for one in versions.split(",") if one.strip()):
        msg = f"the versions {versions!r} of this requirement are not understood: {text!r}"
        raise ValueError(msg)
    split = tuple(part.strip() for part in (extras or "").split(",") if part.strip())
    return Requirement(name, split, versions.strip(), extra)


def _clause(clause: str, text: str) -> tuple[str, str, str]:
    match = _CLAUSE.match(clause)
    if match is None:
        msg = f"the marker {clause!r} of this requirement is not understood: {text!r}"
        raise ValueError(msg)
    variable, sign, value = match.groups()
    return variable, sign, value


def _holds(variable: str, sign: str, value: str, text: str) -> bool:
    environment = {
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "sys_platform": sys.platform,
        "platform_system": platform.system(),
        "platform_machine": platform.machine(),
        "implementation_name": sys.implementation.name,
    }
    if variable not in environment:
        msg = f"the marker {variable!r} of this requirement is not understood: {text!r}"
        raise ValueError(msg)
    if variable.startswith("python"):
        return _meets(environment[variable], f"{sign}{value}")
    if sign not in {"==", "!="}:
        msg = f"the marker {variable} {sign} of this requirement is not understood: {text!r}"
        raise ValueError(msg)
    return (environment[variable] == value) == (sign == "==")


def _meets(version: str, specifier: str) -> bool:
    match = _SPECIFIER.match(specifier)
    if match is None:
        msg = f"this version specifier is not understood: {specifier!r}"
        raise ValueError(msg)
    sign, wanted = match.groups()
    order = _compared(version, wanted)
    release, is_early = _parts(version)
    wanted_release, _ = _parts(wanted)
    if sign == "~=":
        return order >= 0 and release[: len(wanted_release) - 1] == wanted_release[:-1]
    if sign == "<" and is_early and _compared_releases(release, wanted_release) == 0:
        # A pre-release of the version that is excluded is excluded too.
        return False
    return _ORDERS[sign](order, 0)


def _compared(one: str, other: str) -> int:
    """Return -1, 0 or 1 as the first is earlier than the second, the same, or later."""
    (one_release, one_early), (other_release, other_early) = _parts(one), _parts(other)
    return _compared_releases(one_release, other_release) or (one_early < other_early) - (one_early > other_early)


def _compared_releases(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    for mine, others in zip_longest(one, other, fillvalue=0):
        if mine != others:
            return 1 if mine > others else -1
    return 0


def _parts(version: str) -> tuple[tuple[int, ...], bool]:
    """Return the release's numbers, and whether it comes before the release proper."""
    match = _RELEASE.match(version.strip())
    if match is None:
        msg = f"this version is not understood: {version!r}"
        raise ValueError(msg)
    numbers, rest = match.groups()
    return tuple(int(number) for number in numbers.split(".")), _BEFORE_RELEASE.match(rest) is not None
