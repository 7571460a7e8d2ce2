"""Descriptions of experiments as text, and from text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.experiments.description import VERSION, ExperimentDescription
from headrace.experiments.document import Document, read_json, read_yaml, write_json, write_yaml
from headrace.experiments.errors import DescriptionError
from headrace.experiments.nepi_xml import read_nepi_xml
from headrace.experiments.schema import parse
from headrace.experiments.state import ResourceAction
from headrace.experiments.timespan import format_span

if TYPE_CHECKING:
    import os

    from headrace.experiments.description import (
        ConditionDescription,
        DeployDescription,
        ResourceDescription,
        RunsDescription,
        WaitDescription,
    )

__all__ = [
    "FORMATS",
    "deploy_to_plain",
    "format_of",
    "read",
    "read_description",
    "resource_to_plain",
    "to_plain",
    "write",
]

#: By format: the suffixes of its files.
FORMATS: Final = {"json": (".json",), "yaml": (".yaml", ".yml"), "xml": (".xml",)}

_IN_MEMORY: Final = "the description"


def read_description(source: str | os.PathLike[str], format: str | None = None) -> ExperimentDescription:  # noqa: A002 - NEPI's name
    """Return the experiment that a file, or a text, describes.

    Args:
        source: the path of a file; or a text, if it is a `str` that has several lines, or begins with ``{`` or ``<``.
        format: "json", "yaml" or "xml"; unless given, as the suffix says, or as the text looks.

    Raises:
        DescriptionError: it cannot be read, or describes none.
        MissingExtra: it is YAML, and PyYAML is not installed.
    """
    return read(source, format)[1]


def read(
    source: str | os.PathLike[str] | ExperimentDescription,
    format: str | None = None,  # noqa: A002 - NEPI's name
) -> tuple[Document, ExperimentDescription]:
    """Return what a file, or a text, says; and the experiment that it describes. Raises as `read_description`."""
    if isinstance(source, ExperimentDescription):
        return Document(_IN_MEMORY, {}), source
    text, name, path = _text_of(source)
    kind = _known(format) if format is not None else format_of(path) if path is not None else _looks_like(text)
    if kind == "xml":
        return Document(name, {}), read_nepi_xml(text, name)
    document = (read_yaml if kind == "yaml" else read_json)(text, name)
    return document, parse(document)


def write(plain: dict[str, Any], format: str) -> str:  # noqa: A002 - NEPI's name
    """Return the text of a description, as `to_plain` has it. Raises DescriptionError, MissingExtra."""
    kind = _known(format)
    if kind == "xml":
        raise DescriptionError("XML is read, for what NEPI saved, and not written: choose json or yaml")
    return write_yaml(plain) if kind == "yaml" else write_json(plain)


def format_of(path: Path) -> str:
    """Return the format that a file's suffix says. Raises DescriptionError."""
    for kind, suffixes in FORMATS.items():
        if path.suffix.lower() in suffixes:
            return kind
    suffixes_known = ", ".join(each for suffixes in FORMATS.values() for each in suffixes)
    raise DescriptionError(
        f"{path}: its suffix says no format; name it with one of {suffixes_known}, or say format='yaml'"
    )


def _known(format: str) -> str:  # noqa: A002 - NEPI's name
    kind = str(getattr(format, "value", format)).lower()
    kind = "yaml" if kind == "yml" else kind
    if kind not in FORMATS:
        raise DescriptionError(f"{format!r} is no format; there are {', '.join(FORMATS)}")
    return kind


def _text_of(source: str | os.PathLike[str]) -> tuple[str, str, Path | None]:
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:1] in {"{", "<"}):
        return source, _IN_MEMORY, None
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8-sig"), str(path), path
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise DescriptionError(f"{path} cannot be read: {why}") from error


def _looks_like(text: str) -> str:
    begin = text.lstrip()[:1]
    return "json" if begin == "{" else "xml" if begin == "<" else "yaml"


# --- a description as plain values ------------------------------------------------------------------------------------


def to_plain(description: ExperimentDescription) -> dict[str, Any]:
    """Return what a file says of an experiment: `parse` reads the same description from it."""
    shared: dict[str, dict[str, Any]] = {}
    for each in description.globals:
        shared.setdefault(each.rtype, {})[each.attribute] = each.value
    deploy = [deploy_to_plain(each) for each in description.deploy]
    plain = {
        "version": VERSION,
        "exp_id": description.exp_id,
        "resources": [resource_to_plain(each) for each in description.resources],
        "connections": [list(pair) for pair in description.connections],
        "globals": shared,
        "deploy": deploy,
        "wait": None if description.wait is None else _wait(description.wait),
        "runs": None if description.runs is None else _runs(description.runs),
    }
    return {key: value for key, value in plain.items() if value or key == "resources"}


def deploy_to_plain(one: DeployDescription) -> dict[str, Any]:
    """Return what a file says of a deployment."""
    return {"resources": list(one.guids), "group": one.group, "wait_all_ready": one.wait_all_ready}


def resource_to_plain(one: ResourceDescription) -> dict[str, Any]:
    """Return what a file says of a resource."""
    plain = {
        "guid": one.guid,
        "name": one.name,
        "type": one.rtype,
        "attributes": dict(one.attributes),
        "credentials": list(one.credentials),
        "traces": list(one.traces),
        "conditions": [_condition(each) for each in one.conditions],
        "sets": [{"attribute": each.attribute, "value": each.value, **_condition(each.condition)} for each in one.sets],
    }
    return {key: value for key, value in plain.items() if value or key == "type"}


def _condition(one: ConditionDescription) -> dict[str, Any]:
    plain: dict[str, Any] = {} if one.action is ResourceAction.SET else {"action": one.action.value}
    plain["group"] = list(one.group)
    if one.state is not None:
        plain["state"] = one.state.name
    if one.compare is not None:
        plain["compare"] = {"attribute": one.compare.attribute, "op": one.compare.op, "value": one.compare.value}
    if one.predicate is not None:
        plain["predicate"] = one.predicate
    if one.delay:
        plain["delay"] = format_span(one.delay)
    if one.need != "all":
        plain["need"] = one.need
    return plain


def _wait(one: WaitDescription) -> dict[str, Any]:
    plain: dict[str, Any] = {"resources": list(one.guids)} if one.guids else {}
    plain["state"] = one.state.name
    if one.timeout is not None:
        plain["timeout"] = format_span(one.timeout)
    return plain


def _runs(one: RunsDescription) -> dict[str, Any]:
    plain: dict[str, Any] = {"min_runs": one.min_runs, "max_runs": one.max_runs}
    if one.wait_time:
        plain["wait_time"] = format_span(one.wait_time)
    if one.metric is not None:
        plain["metric"] = {"resource": one.metric.guid, "trace": one.metric.trace, "take": one.metric.take}
        if one.metric.pattern is not None:
            plain["metric"]["pattern"] = one.metric.pattern
    return plain
