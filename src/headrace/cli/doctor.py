"""`headrace doctor`. It needs nothing but Python, so that it can tell what is missing."""

from __future__ import annotations

import json
import platform
import sys
import textwrap
from importlib import metadata
from typing import TYPE_CHECKING, Any

from headrace import __version__
from headrace.cli.checkup import check, installed_version, why_not_importable
from headrace.cli.tools import tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.cli.checkup import Checkup, Part
    from headrace.cli.tools import Tool

__all__ = ["as_lines", "as_values", "doctor"]

_PACKAGE = "headrace"
_WIDTH = 100


def doctor(*, as_json: bool = False) -> int:
    """Print what is installed and what each extra would add; return 0, or 1 if the core lacks something."""
    try:
        about = metadata.metadata(_PACKAGE)
    except metadata.PackageNotFoundError:
        sys.stderr.write(
            f"headrace {__version__} runs from its source without being installed, so what it needs is not known; "
            "in its folder: pip install .\n"
        )
        return 1
    requires, extras = about.get_all("Requires-Dist") or [], about.get_all("Provides-Extra") or []
    found = check(_PACKAGE, requires, extras, installed_version, why_not_importable)
    programs = tools()
    text = json.dumps(as_values(found, programs), indent=2) if as_json else "\n".join(as_lines(found, programs))
    sys.stdout.write(f"{text}\n")
    return 0 if found.core.ok else 1


def as_lines(found: Checkup, programs: Sequence[Tool] = ()) -> Iterator[str]:
    """Yield the report for people."""
    yield f"headrace {__version__}"
    yield f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}"
    yield sys.executable
    yield ""
    width = max(len(part.extra or "core") for part in (found.core, *found.extras))
    for part in (found.core, *found.extras):
        yield from _part_lines(part, width)
    missing = [part.extra for part in found.extras if not part.ok]
    if missing:
        yield ""
        yield "An extra that is not installed is no error: install it when you need it."
    if programs:
        yield ""
        yield "Programs that experiments use, on this machine; other hosts of an experiment need their own:"
        width = max(len(tool.name) for tool in programs)
        for tool in programs:
            there = tool.path or f"not here (Debian's package {tool.package})"
            yield f"  {'ok' if tool.path else '-':7}  {tool.name:{width}}  {there}"
            yield from _wrapped(f"for {tool.gives}", " " * (width + 13))


def as_values(found: Checkup, programs: Sequence[Tool] = ()) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "headrace": __version__,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
        },
        "platform": platform.platform(),
        "core": _part_values(found.core),
        "extras": {part.extra: _part_values(part) for part in found.extras},
        "programs": {tool.name: {"path": tool.path, "gives": tool.gives, "package": tool.package} for tool in programs},
    }


def _part_lines(part: Part, width: int) -> Iterator[str]:
    name = f"{part.extra or 'core':{width}}"
    there = [f"{finding.requirement.name} {finding.installed}" for finding in part.findings if finding.problem is None]
    if part.ok:
        yield f"  ok       {name}  {', '.join(there)}"
        return
    yield f"  {'MISSING' if part.extra is None else '-':7}  {name}  {part.install}"
    indent = " " * (width + 13)
    missing = [str(finding.requirement) for finding in part.problems if finding.installed is None]
    if missing:
        yield from _wrapped(f"missing: {', '.join(missing)}", indent)
    for finding in part.problems:
        if finding.installed is not None:
            yield from _wrapped(f"{finding.requirement.name} {finding.problem}", indent)
    if there:
        yield from _wrapped(f"there already: {', '.join(there)}", indent)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _part_values(part: Part) -> dict[str, Any]:
    return {
        "ok": part.ok,
        "install": part.install,
        "requirements": [
            {
                "name": finding.requirement.name,
                "needed": str(finding.requirement),
                "installed": finding.installed,
                "problem": finding.problem,
            }
            for finding in part.findings
        ],
    }
