"""The XML in which NEPI saved experiments, to be read. What it says is data: nothing in it is evaluated.

It is ``<experiment exp_id="…"><rms><rm guid="1" rtype="linux::Node">…``, where an ``rm`` has ``<attributes>``,
``<connections>``, ``<conditions>`` and ``<traces>``. What became of the resources is in it as well, and is left out.

States are numbers there, and NEPI 6 counts them anew from RESERVED on. Which release wrote a file is told from its
resources: what their numbers are, and which times they have. A file that was saved before anything was deployed does
not tell.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from xml.parsers import expat

from headrace.experiments.description import ConditionDescription, ExperimentDescription, ResourceDescription
from headrace.experiments.errors import DescriptionError, ExperimentError
from headrace.experiments.named import folder_name, member
from headrace.experiments.state import ResourceAction, ResourceState
from headrace.experiments.timespan import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["read_nepi_xml"]

logger = logging.getLogger(__name__)

_M = TypeVar("_M")

_R = ResourceState
_STATES_3: Final = (_R.NEW, _R.DISCOVERED, _R.PROVISIONED, _R.READY, _R.STARTED, _R.STOPPED, _R.FAILED, _R.RELEASED)
_STATES_6: Final = (_R.NEW, _R.DISCOVERED, _R.RESERVED, *_STATES_3[2:])
_ACTIONS: Final = (ResourceAction.DEPLOY, ResourceAction.START, ResourceAction.STOP)
#: What the times of a resource begin with, the last one first, and the state that it has come to by then.
_TIMES: Final = {
    "release": _R.RELEASED,
    "fail": _R.FAILED,
    "stop": _R.STOPPED,
    "start": _R.STARTED,
    "ready": _R.READY,
    "provision": _R.PROVISIONED,
}
_GUIDS: Final = re.compile(r"[\[({]?\s*([0-9]+(?:\s*,\s*[0-9]+)*)\s*,?\s*[\])}]?", re.ASCII)
_TRUTHS: Final = {"true": True, "false": False}


def read_nepi_xml(text: str, name: str) -> ExperimentDescription:
    """Return the experiment that NEPI saved; `name` is what messages call the file.

    Raises:
        DescriptionError: it is no such file; the message says where, and what is wrong. A document type declaration,
            which could define entities, is refused.
    """
    root = _parsed(text, name)
    if root.tag != "experiment":
        root.refuse(f"NEPI's files begin with <experiment>, and not with <{root.tag}>")
    rms = [rm for group in root.all("rms") for rm in group.all("rm")]
    reader = _Reader(_states_of(rms, name), {rm.whole("guid") for rm in rms})
    resources = [reader.resource(rm) for rm in rms]
    if len(reader.guids) < len(resources):
        root.refuse("two resources have the same guid")
    return ExperimentDescription(
        exp_id=_exp_id(root), resources=tuple(resources), connections=tuple(reader.connections(rms))
    )


@dataclass(slots=True)
class _Element:
    """One element, and where it is."""

    file: str
    line: int
    tag: str
    attributes: Mapping[str, str]
    children: list[_Element] = field(default_factory=list)

    def all(self, tag: str) -> Iterable[_Element]:
        return (each for each in self.children if each.tag == tag)

    def get(self, name: str) -> str:
        found = self.attributes.get(name)
        if found is None:
            self.refuse(f"it has no {name!r}, which it needs")
        return found

    def whole(self, name: str) -> int:
        found = self.get(name)
        if not (found.isascii() and found.isdecimal()):
            self.refuse(f"its {name} is {found!r}, and should be a whole number")
        return int(found)

    def refuse(self, why: str, cause: BaseException | None = None) -> NoReturn:
        raise DescriptionError(f"{self.file}, line {self.line}, <{self.tag}>: {why}") from cause


def _parsed(text: str, name: str) -> _Element:
    parser = expat.ParserCreate()
    top = _Element(name, 1, "", {})
    stack = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = _Element(name, parser.CurrentLineNumber, tag, attributes)
        stack[-1].children.append(element)
        stack.append(element)

    def refuse(*_: object) -> NoReturn:
        raise DescriptionError(
            f"{name}, line {parser.CurrentLineNumber}: a document type declaration could define entities; NEPI wrote "
            "none: take it out"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise DescriptionError(f"{name}: this is no XML: {error}") from error
    return top.children[0]


def _exp_id(root: _Element) -> str:
    try:
        return folder_name(root.attributes.get("exp_id", ""), "exp_id")
    except ExperimentError:
        return ""


def _states_of(rms: Iterable[_Element], name: str) -> tuple[ResourceState, ...]:
    """Return what the numbers of states mean."""
    numbers = False
    for rm in rms:
        if any(time.startswith("reserve") for time in rm.attributes):
            return _STATES_6
        last = next(
            (state for time, state in _TIMES.items() if any(one.startswith(time) for one in rm.attributes)), None
        )
        number = rm.attributes.get("state", "")
        if last is not None and number.isdecimal():
            for states in (_STATES_3, _STATES_6):
                if int(number) < len(states) and states[int(number)] is last:
                    return states
        numbers = numbers or any(
            each.attributes.get("state", "").isdecimal() for group in rm.all("conditions") for each in group.children
        )
    if numbers:
        logger.warning(
            "%s: the states in its conditions are numbers, and it does not tell which NEPI wrote it. They are read as "
            "NEPI 3's, where 4 is STARTED; in NEPI 6 that is READY. Look at the conditions",
            name,
        )
    return _STATES_3


class _Reader:
    """Reads resources."""

    def __init__(self, states: tuple[ResourceState, ...], guids: set[int]) -> None:
        self._states = states
        self.guids = guids

    def resource(self, rm: _Element) -> ResourceDescription:
        if rm.whole("guid") < 1:
            rm.refuse("guids count from 1")
        return ResourceDescription(
            guid=rm.whole("guid"),
            rtype=rm.get("rtype"),
            attributes={
                each.get("name"): _value(each) for group in rm.all("attributes") for each in group.all("attribute")
            },
            traces=tuple(dict.fromkeys(each.get("name") for group in rm.all("traces") for each in group.all("trace"))),
            conditions=tuple(
                dict.fromkeys(
                    self._condition(each) for group in rm.all("conditions") for each in group.all("condition")
                )
            ),
        )

    def connections(self, rms: Iterable[_Element]) -> Iterable[tuple[int, int]]:
        pairs: dict[tuple[int, int], None] = {}
        for rm in rms:
            for group in rm.all("connections"):
                for each in group.all("connection"):
                    one, other = rm.whole("guid"), self._known(each, each.whole("guid"))
                    if one == other:
                        each.refuse("a resource is not connected to itself")
                    if (other, one) not in pairs:
                        pairs[one, other] = None
        return pairs

    def _condition(self, element: _Element) -> ConditionDescription:
        found = _GUIDS.fullmatch(element.get("group").strip())
        if found is None:
            element.refuse(f"its group is {element.get('group')!r}, and should be a list of guids, as '[1, 2]'")
        guids = dict.fromkeys(int(each) for each in found.group(1).split(","))
        action, state = element.get("action"), element.get("state")
        time = element.attributes.get("time", "")
        try:
            return ConditionDescription(
                action=_numbered(_ACTIONS, action) or member(ResourceAction, action),
                group=tuple(self._known(element, guid) for guid in guids),
                state=_numbered(self._states, state) or member(ResourceState, state),
                delay=seconds("" if time == "None" else time),
            )
        except ExperimentError as error:
            element.refuse(str(error), error)

    def _known(self, element: _Element, guid: int) -> int:
        if guid not in self.guids:
            element.refuse(f"there is no resource {guid} in it")
        return guid


def _numbered(members: tuple[_M, ...], number: str) -> _M | None:
    digits = number.isascii() and number.isdecimal()
    return members[int(number)] if digits and int(number) < len(members) else None


def _value(element: _Element) -> str | int | float | bool:
    text = element.get("value")
    try:
        match element.attributes.get("type", "").lower():
            case "bool":
                return _TRUTHS[text.lower()]
            case "integer" | "int":
                return int(text)
            case "float" | "double":
                return float(text)
    except (KeyError, ValueError) as error:
        element.refuse(f"its value is {text!r}, and should be of type {element.attributes['type']}", error)
    return text
