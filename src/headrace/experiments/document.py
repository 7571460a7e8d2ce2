"""Text in JSON or YAML, as plain values, and where in the text each of them stands. Nothing is executed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from headrace.experiments.errors import DescriptionError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

__all__ = ["Document", "Place", "path_text", "read_json", "read_yaml", "write_json", "write_yaml"]

#: From the outermost on: keys, and numbers of list items.
Place: TypeAlias = "tuple[str | int, ...]"

# Of what aliases repeat: a short text can say more than a machine can hold.
_REPEATED_AT_MOST: Final = 100_000
_TAGS: Final = "tag:yaml.org,2002:"
# The core schema of YAML 1.2. In the older one, `no` is false, 1:30 is ninety, and 010 is eight.
_SCALARS: Final = {
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    "null": (re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    "int": (re.compile(r"[-+]?[0-9]{1,4000}", re.ASCII), "-+0123456789"),
    "float": (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII), "-+.0123456789"),
}

_ODD: Final = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "str": str,
    "merge": str,
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
}


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says."""

    #: What messages call it: a file's path.
    name: str
    content: Any
    #: The line on which what is at a place begins, as far as that is known.
    lines: Mapping[Place, int] = field(default_factory=dict)

    def where(self, place: Place) -> str:
        """Say in words where a place is."""
        line = next((self.lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in self.lines), None)
        parts = [self.name, f"line {line}" if line is not None else "", path_text(place)]
        return ", ".join(part for part in parts if part)

    def refuse(self, place: Place, why: str, cause: BaseException | None = None) -> NoReturn:
        """Raise a DescriptionError that says where something is wrong."""
        raise DescriptionError(f"{self.where(place)}: {why}") from cause


def path_text(place: Place) -> str:
    """Write a place as ``resources.client.conditions[0].delay``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


# --- JSON -------------------------------------------------------------------------------------------------------------


def read_json(text: str, name: str) -> Document:
    """Read JSON. Raises DescriptionError."""
    try:
        content = json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise DescriptionError(
            f"{name}, line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise DescriptionError(f"{name}: it is nested too deeply to be an experiment") from error
    except ValueError as error:
        raise DescriptionError(f"{name}: {error}") from error
    return Document(name, content)


def write_json(content: Mapping[str, Any]) -> str:
    """Write plain values as JSON, such that `read_json` reads the same."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    if not _is_utf8(text):
        text = json.dumps(content, indent=2, allow_nan=False)
    return f"{text}\n"


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is twice in one object; remove one")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON knows")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- YAML -------------------------------------------------------------------------------------------------------------


def read_yaml(text: str, name: str) -> Document:
    """Read YAML 1.2 without tags.

    Raises:
        DescriptionError: it does not read.
        MissingExtra: PyYAML is not installed.
    """
    yaml = _yaml()
    try:
        node = yaml.compose(text, _loader(yaml))
        return _Reader(name).read(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        problem = getattr(error, "problem", None) or str(error)
        raise DescriptionError(f"{name}{at}: this is no YAML: {problem}") from error
    except RecursionError as error:
        raise DescriptionError(f"{name}: it is nested too deeply to be an experiment") from error


def write_yaml(content: Mapping[str, Any]) -> str:
    """Write plain values as YAML, such that `read_yaml` reads the same. Raises MissingExtra."""
    yaml = _yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]  # a module that may not be there
        """Quotes what the reader would take for something else; repeats rather than refers."""

        yaml_implicit_resolvers = _resolvers()

        def ignore_aliases(self, _: object) -> bool:
            return True

    Dumper.add_representer(str, _text_node)
    return str(yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))


def _text_node(dumper: Any, text: str) -> Any:  # noqa: ANN401 - PyYAML's
    # Several lines are read best as such. What some reader might take for a line's end, or for nothing, is escaped.
    style = '"' if _ODD.search(text) else "|" if "\n" in text.strip("\n") else None
    return dumper.represent_scalar(f"{_TAGS}str", text, style=style)


def _yaml() -> ModuleType:
    try:
        import yaml  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise MissingExtra("pyyaml", "experiments", "YAML files") from error
    return yaml


def _loader(yaml: ModuleType) -> Any:  # noqa: ANN401 - a class of PyYAML's
    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]  # a module that may not be there
        """Takes scalars as YAML 1.2 does."""

        yaml_implicit_resolvers = _resolvers()

    return Loader


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, (pattern, first) in _SCALARS.items():
        whole = re.compile(rf"(?:{pattern.pattern})\Z", pattern.flags)
        for character in first:
            resolvers.setdefault(character, []).append((f"{_TAGS}{name}", whole))
    resolvers.setdefault("<", []).append((f"{_TAGS}merge", re.compile(r"<<\Z")))
    return resolvers


class _Reader:
    """Goes through what PyYAML's parser found."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: dict[Place, int] = {}
        self._repeated = 0
        self._seen: set[int] = set()
        self._within: list[Any] = []

    def read(self, node: Any) -> Document:  # noqa: ANN401 - PyYAML's
        return Document(self._name, None if node is None else self._value(node, ()), self._lines)

    def _value(self, node: Any, place: Place) -> Any:  # noqa: ANN401 - PyYAML's, and a plain value
        self._lines[place] = node.start_mark.line + 1
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if self._repeated > _REPEATED_AT_MOST:
            self._refuse(place, f"aliases repeat more than {_REPEATED_AT_MOST:,} things; are there aliases of aliases?")
        kind = type(node).__name__
        if kind == "ScalarNode":
            return self._scalar(node, place)
        if any(node is outer for outer in self._within):
            self._refuse(place, "this alias stands within what it stands for; write it out")
        if node.tag not in {f"{_TAGS}map", f"{_TAGS}seq"}:
            self._refuse(place, f"tags mean nothing here, and this is {_shown(node.tag)}; leave it out")
        self._within.append(node)
        try:
            if kind == "SequenceNode":
                return [self._value(each, (*place, number)) for number, each in enumerate(node.value)]
            return self._mapping(node, place)
        finally:
            self._within.pop()

    def _scalar(self, node: Any, place: Place) -> Any:  # noqa: ANN401 - PyYAML's, and a plain value
        kind = node.tag.removeprefix(_TAGS)
        read = _READ.get(kind)
        if read is None:
            self._refuse(place, f"tags mean nothing here, and this is {_shown(node.tag)}; leave it out")
        try:
            return read(str(node.value))
        except ValueError:
            self._refuse(place, f"{node.value!r} is no {kind}; leave the tag out")

    def _mapping(self, node: Any, place: Place) -> dict[str, Any]:  # noqa: ANN401 - PyYAML's
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAGS}merge":
                merged = {**self._merged(value_node, place), **merged}
                continue
            key = self._key(key_node, place)
            if key in found:
                line = key_node.start_mark.line + 1
                raise DescriptionError(
                    f"{self._name}, line {line}, {path_text(place)}: {key} is twice there; remove one"
                )
            found[key] = self._value(value_node, (*place, key))
            self._lines[*place, key] = key_node.start_mark.line + 1
        return {**merged, **found}

    def _key(self, node: Any, place: Place) -> str:  # noqa: ANN401 - PyYAML's
        if type(node).__name__ != "ScalarNode" or node.tag.removeprefix(_TAGS) not in {"str", "int"}:
            self._lines[place] = node.start_mark.line + 1
            self._refuse(place, "a key is a word or a number; put others in quotes")
        return str(node.value)

    def _merged(self, node: Any, place: Place) -> dict[str, Any]:  # noqa: ANN401 - PyYAML's
        many = node.value if type(node).__name__ == "SequenceNode" else [node]
        merged: dict[str, Any] = {}
        for each in many:
            value = self._value(each, place)
            if not isinstance(value, dict):
                self._refuse(place, "<< takes an alias of a mapping, or a list of these")
            merged = {**value, **merged}
        return merged

    def _refuse(self, place: Place, why: str) -> NoReturn:
        Document(self._name, None, self._lines).refuse(place, why)


def _shown(tag: str) -> str:
    return tag.replace(_TAGS, "!!")
