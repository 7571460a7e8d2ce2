"""What is installed of what a package requires, by its own metadata."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from headrace.cli.requirement import Requirement, parse_requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Checkup", "Finding", "Part", "check", "installed_version", "why_not_importable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement, and what is there of it."""

    requirement: Requirement
    #: The installed version; None if there is none.
    installed: str | None
    #: What is wrong, in a few words; None if nothing is.
    problem: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """The core, or an extra."""

    #: The extra's name; None for the core.
    extra: str | None
    findings: tuple[Finding, ...]
    #: What installs it.
    install: str

    @property
    def ok(self) -> bool:
        """Whether all of it is there."""
        return not self.problems

    @property
    def problems(self) -> list[Finding]:
        """What is not as it should be."""
        return [finding for finding in self.findings if finding.problem is not None]


@dataclass(frozen=True, slots=True)
class Checkup:
    """The core and all extras of a package."""

    core: Part
    extras: tuple[Part, ...]


def check(
    name: str,
    requires: Iterable[str],
    extras: Sequence[str],
    version_of: Callable[[str], str | None],
    import_problem: Callable[[str], str | None],
) -> Checkup:
    """Compare what a package requires with what is installed.

    Args:
        name: the package's name.
        requires: its requirements, as its metadata has them.
        extras: its extras, likewise. One with the name "all" comes last.
        version_of: returns the installed version of a distribution, or None.
        import_problem: returns what keeps an installed distribution of the core from being imported, or None.

    Raises:
        ValueError: a requirement is not understood.
    """
    parsed = [requirement for text in requires if (requirement := parse_requirement(text)) is not None]

    def findings(extra: str | None) -> list[Finding]:
        mine = [requirement for requirement in parsed if requirement.extra == extra]
        found = []
        for requirement in mine:
            if requirement.name == name:
                found += [finding for inner in requirement.extras for finding in findings(inner)]
            else:
                found.append(_finding(requirement, version_of, import_problem if extra is None else None))
        return list(dict.fromkeys(found))

    core = Part(None, tuple(findings(None)), f"pip install --upgrade {name}")
    ordered = sorted(extras, key=lambda extra: (extra == "all", extra))
    return Checkup(
        core, tuple(Part(extra, tuple(findings(extra)), f"pip install '{name}[{extra}]'") for extra in ordered)
    )


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def why_not_importable(name: str) -> str | None:
    """Return what importing a distribution's modules raises, in a few words; None if all goes well."""
    files = metadata.files(name) or []
    modules = {file.parts[0] for file in files if len(file.parts) == 2 and file.name == "__init__.py"}  # noqa: PLR2004 - package/__init__.py
    for module in sorted(modules) or [name.replace("-", "_")]:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - whatever a broken package raises is the finding
            return f"is broken: importing it raises {type(error).__name__}: {error}"
    return None


def _finding(
    requirement: Requirement,
    version_of: Callable[[str], str | None],
    import_problem: Callable[[str], str | None] | None,
) -> Finding:
    version = version_of(requirement.name)
    if version is None:
        return Finding(requirement, None, "missing")
    if not requirement.allows(version):
        return Finding(requirement, version, f"is {version}, and {requirement.versions} is needed")
    return Finding(requirement, version, None if import_problem is None else import_problem(requirement.name))
