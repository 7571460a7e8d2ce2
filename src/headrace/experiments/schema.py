"""What a file that describes an experiment may say, and what it means by it."""

from __future__ import annotations

import difflib
import re
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from headrace.experiments.condition import Compare, Condition
from headrace.experiments.description import (
    VERSION,
    ConditionDescription,
    DeployDescription,
    ExperimentDescription,
    GlobalDescription,
    MetricDescription,
    ResourceDescription,
    RunsDescription,
    SetDescription,
    WaitDescription,
)
from headrace.experiments.errors import ExperimentError
from headrace.experiments.named import folder_name, member
from headrace.experiments.state import ResourceAction, ResourceState
from headrace.experiments.timespan import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from headrace.experiments.condition import Need
    from headrace.experiments.document import Document, Place

__all__ = ["MIGRATIONS", "TAKES", "parse"]

T = TypeVar("T")

#: By version: what makes the content of a file of that version one of the next.
MIGRATIONS: Final[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}

#: What a metric takes of several matches.
TAKES: Final = ("first", "last", "mean", "min", "max", "sum")

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,99}", re.ASCII)
_FILE: Final = ("version", "exp_id", "resources", "connections", "globals", "deploy", "wait", "runs", "run")
_RESOURCE: Final = ("type", "guid", "name", "attributes", "credentials", "connections", "traces", "conditions", "sets")
_WAITED_FOR: Final = ("group", "state", "compare", "predicate", "delay", "need")
_CONDITIONED: Final = frozenset({ResourceAction.DEPLOY, ResourceAction.START, ResourceAction.STOP})


def parse(document: Document) -> ExperimentDescription:
    """Return the experiment that a document describes.

    Raises:
        DescriptionError: it describes none; the message says the place in it, what is wrong, and what would be right.
    """
    return _Parser(document).experiment()


class _Parser:
    """Reads one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._guids: dict[str, int] = {}
        self._known: set[int] = set()

    def experiment(self) -> ExperimentDescription:
        top = self._current()
        top = self._fields((), top, _FILE, needed=("resources",))
        exp_id = top.get("exp_id")
        if exp_id is not None:
            self._tried(("exp_id",), lambda: folder_name(exp_id, "exp_id"))
        heads = self._heads(("resources",), top["resources"])
        self._number(heads)
        pairs: dict[tuple[int, int], None] = {}
        resources = tuple(self._resource(place, head, pairs) for place, head in heads)
        self._connections(("connections",), top.get("connections"), pairs)
        return ExperimentDescription(
            exp_id=exp_id or "",
            resources=resources,
            connections=tuple(pairs),
            globals=tuple(self._globals(("globals",), top.get("globals"))),
            deploy=self._deploy(("deploy",), top.get("deploy"), [each.guid for each in resources]),
            wait=self._wait(("wait",), top.get("wait")),
            runs=self._runs(("runs",), top.get("runs")),
        )

    def _current(self) -> dict[str, Any]:
        """Return the content as the present version would have it."""
        top: Any = self._document.content
        if not isinstance(top, dict):
            self._refuse((), f"a description is a mapping that begins with `version: {VERSION}`, not {_kind(top)}")
        if "version" not in top:
            self._refuse((), f"it does not say its version; this Headrace writes `version: {VERSION}`")
        version = self._whole(("version",), top["version"], 0)
        if version > VERSION:
            self._refuse(
                ("version",), f"version {version} was written by a newer Headrace; this one reads up to {VERSION}"
            )
        while version < VERSION:
            if version not in MIGRATIONS:
                self._refuse(("version",), f"there is no version {version}; this Headrace writes version {VERSION}")
            top = MIGRATIONS[version](dict(top))
            version += 1
        current: dict[str, Any] = top
        return current

    # --- resources ----------------------------------------------------------------------------------------------------

    def _heads(self, place: Place, value: object) -> list[tuple[Place, dict[str, Any]]]:
        """Return the resources with where they stand; what a mapping's keys say is put into them."""
        if isinstance(value, list):
            return [
                ((*place, number), self._fields((*place, number), each, _RESOURCE, needed=("type",)))
                for number, each in enumerate(value)
            ]
        if value is None:
            return []
        if not isinstance(value, dict):
            self._refuse(
                place, f"resources are a mapping from names to resources, or a list of these, not {_kind(value)}"
            )
        heads = []
        for key, each in value.items():
            at = (*place, key)
            fields = self._fields(at, each, _RESOURCE, needed=("type",))
            said = "guid" if key.isdecimal() else "name"
            if said in fields:
                self._refuse((*at, said), f"its key, {key}, is its {said}; leave this out")
            heads.append((at, {**fields, said: int(key) if said == "guid" else key}))
        return heads

    def _number(self, heads: Iterable[tuple[Place, dict[str, Any]]]) -> None:
        """Give everyone a guid, and note the names."""
        heads = list(heads)
        for place, head in heads:
            if head.get("guid") is not None:
                guid = self._whole((*place, "guid"), head["guid"], 1)
                if guid in self._known:
                    self._refuse(place, f"another resource has the guid {guid}; give it one of its own")
                self._known.add(guid)
        free = (guid for guid in count(1) if guid not in self._known)
        given: list[int] = []
        for place, head in heads:
            name = head.get("name")
            if head.get("guid") is None:
                if name is None:
                    self._refuse(place, "it has neither a name nor a guid; give it one of them")
                head["guid"] = next(free)
                given.append(head["guid"])
            if name is not None:
                if not isinstance(name, str) or not _NAME.fullmatch(name):
                    self._refuse(
                        place,
                        f"{name!r} is no name: it begins with a letter or '_', and has letters, digits, '_', '.' and "
                        "'-' only",
                    )
                if name in self._guids:
                    self._refuse(place, f"another resource is called {name}; give it a name of its own")
                self._guids[name] = head["guid"]
        self._known.update(given)

    def _resource(self, place: Place, head: dict[str, Any], pairs: dict[tuple[int, int], None]) -> ResourceDescription:
        guid = head["guid"]
        at = (*place, "connections")
        for number, other in enumerate(self._list(at, head.get("connections"))):
            self._connect((*at, number), guid, self._reference((*at, number), other), pairs)
        return ResourceDescription(
            guid=guid,
            rtype=self._text((*place, "type"), head["type"]),
            name=head.get("name") or "",
            attributes=self._values((*place, "attributes"), head.get("attributes")),
            credentials=self._texts((*place, "credentials"), head.get("credentials")),
            traces=self._texts((*place, "traces"), head.get("traces")),
            conditions=tuple(
                self._condition((*place, "conditions", number), each)
                for number, each in enumerate(self._list((*place, "conditions"), head.get("conditions")))
            ),
            sets=tuple(
                self._set((*place, "sets", number), each)
                for number, each in enumerate(self._list((*place, "sets"), head.get("sets")))
            ),
        )

    def _condition(self, place: Place, value: object) -> ConditionDescription:
        fields = self._fields(place, value, ("action", *_WAITED_FOR), needed=("action", "group"))
        action: ResourceAction = self._tried((*place, "action"), lambda: member(ResourceAction, fields["action"]))
        if action not in _CONDITIONED:
            remedy = "list it under `sets`" if action is ResourceAction.SET else "leave it out: nothing makes it wait"
            self._refuse((*place, "action"), f"a condition is on DEPLOY, START or STOP, not {action}; {remedy}")
        return self._waited_for(place, action, fields)

    def _set(self, place: Place, value: object) -> SetDescription:
        fields = self._fields(
            place, value, ("attribute", "value", *_WAITED_FOR), needed=("attribute", "value", "group")
        )
        return SetDescription(
            attribute=self._text((*place, "attribute"), fields["attribute"]),
            value=self._scalar((*place, "value"), fields["value"]),
            condition=self._waited_for(place, ResourceAction.SET, fields),
        )

    def _waited_for(self, place: Place, action: ResourceAction, fields: Mapping[str, Any]) -> ConditionDescription:
        said = [key for key in ("state", "compare", "predicate") if fields.get(key) is not None]
        if len(said) != 1:
            self._refuse(place, f"it needs one of state, compare and predicate, and has {' and '.join(said) or 'none'}")
        group = self._references((*place, "group"), fields["group"])
        delay = self._span((*place, "delay"), fields.get("delay"))
        need: Need = "all" if fields.get("need") is None else fields["need"]
        state, compare, predicate = None, None, None
        if "state" in said:
            state = self._tried((*place, "state"), lambda: member(ResourceState, fields["state"]))
        elif "compare" in said:
            compare = self._compare((*place, "compare"), fields["compare"])
        else:
            predicate = self._text((*place, "predicate"), fields["predicate"])
        when = compare or (_stand_in if predicate is not None else None)
        self._tried(
            place, lambda: Condition(action=action, group=group, state=state, delay=delay, need=need, when=when)
        )
        return ConditionDescription(
            action=action, group=group, state=state, delay=delay, need=need, compare=compare, predicate=predicate
        )

    def _compare(self, place: Place, value: object) -> Compare:
        fields = self._fields(place, value, ("attribute", "op", "value"), needed=("attribute", "op", "value"))
        attribute = self._text((*place, "attribute"), fields["attribute"])
        op = self._text((*place, "op"), fields["op"])
        compared = self._scalar((*place, "value"), fields["value"])
        return self._tried((*place, "op"), lambda: Compare(attribute, op, compared))

    # --- the experiment -----------------------------------------------------------------------------------------------

    def _connections(self, place: Place, value: object, pairs: dict[tuple[int, int], None]) -> None:
        for number, pair in enumerate(self._list(place, value)):
            at = (*place, number)
            if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 - a pair
                self._refuse(at, "a connection is a list of two resources, as [client, host]")
            one, other = (self._reference((*at, index), each) for index, each in enumerate(pair))
            self._connect(at, one, other, pairs)

    def _connect(self, place: Place, one: int, other: int, pairs: dict[tuple[int, int], None]) -> None:
        if one == other:
            self._refuse(place, "a resource is not connected to itself")
        if (other, one) not in pairs:
            pairs[one, other] = None

    def _globals(self, place: Place, value: object) -> Iterable[GlobalDescription]:
        for rtype, attributes in self._mapping(place, value).items():
            for name, each in self._values((*place, rtype), attributes).items():
                yield GlobalDescription(rtype=rtype, attribute=name, value=each)

    def _deploy(self, place: Place, value: object, all_guids: list[int]) -> tuple[DeployDescription, ...]:
        entries = [
            ((*place, number), self._fields((*place, number), each, ("resources", "group", "wait_all_ready")))
            for number, each in enumerate(self._list(place, value))
        ]
        named: set[int] = set()
        numbers: set[int] = set()
        for at, entry in entries:
            if entry.get("resources") is not None:
                named.update(self._references((*at, "resources"), entry["resources"]))
            if entry.get("group") is not None:
                numbers.add(self._whole((*at, "group"), entry["group"], 1))
        if sum(entry.get("resources") is None for _, entry in entries) > 1:
            self._refuse(place, "more than one entry stands for all the others; say `resources` in all but one")
        rest = tuple(guid for guid in all_guids if guid not in named)
        free = (number for number in count(1) if number not in numbers)
        found = []
        for at, entry in entries:
            which = entry.get("resources")
            ready = entry.get("wait_all_ready")
            found.append(
                DeployDescription(
                    guids=rest if which is None else self._references((*at, "resources"), which),
                    group=next(free) if entry.get("group") is None else entry["group"],
                    wait_all_ready=True if ready is None else self._truth((*at, "wait_all_ready"), ready),
                )
            )
        return tuple(found)

    def _wait(self, place: Place, value: object) -> WaitDescription | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            return WaitDescription(guids=self._references(place, value))
        fields = self._fields(place, value, ("resources", "state", "timeout"))
        given, state, timeout = fields.get("resources"), fields.get("state"), fields.get("timeout")
        return WaitDescription(
            guids=() if given is None else self._references((*place, "resources"), given),
            state=ResourceState.STOPPED
            if state is None
            else self._tried((*place, "state"), lambda: member(ResourceState, state)),
            timeout=None if timeout is None else self._span((*place, "timeout"), timeout),
        )

    def _runs(self, place: Place, value: object) -> RunsDescription | None:
        if value is None:
            return None
        fields = self._fields(place, value, ("min_runs", "max_runs", "wait_time", "metric"))
        least = 1 if fields.get("min_runs") is None else self._whole((*place, "min_runs"), fields["min_runs"], 1)
        most: int | None = least
        if "max_runs" in fields:
            most = None if fields["max_runs"] is None else self._whole((*place, "max_runs"), fields["max_runs"], least)
        metric = fields.get("metric")
        if most is None and metric is None:
            self._refuse(place, "it says no `max_runs` and no `metric`, and so would never end; give one of them")
        return RunsDescription(
            min_runs=least,
            max_runs=most,
            wait_time=self._span((*place, "wait_time"), fields.get("wait_time")),
            metric=None if metric is None else self._metric((*place, "metric"), metric),
        )

    def _metric(self, place: Place, value: object) -> MetricDescription:
        fields = self._fields(place, value, ("resource", "trace", "pattern", "take"), needed=("resource", "trace"))
        pattern, take = fields.get("pattern"), fields.get("take") or "last"
        if pattern is not None:
            text = self._text((*place, "pattern"), pattern)
            try:
                re.compile(text)
            except re.error as error:
                self._refuse((*place, "pattern"), f"{text!r} is no regular expression: {error}")
        if take not in TAKES:
            self._refuse((*place, "take"), f"{take!r} is none of {', '.join(TAKES)}")
        return MetricDescription(
            guid=self._reference((*place, "resource"), fields["resource"]),
            trace=self._text((*place, "trace"), fields["trace"]),
            pattern=pattern,
            take=take,
        )

    # --- values -------------------------------------------------------------------------------------------------------

    def _fields(
        self, place: Place, value: object, known: tuple[str, ...], *, needed: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return a mapping that has keys that are known, and those that are needed."""
        fields = self._mapping(place, value)
        for key in fields:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                guess = f" (did you mean {near[0]}?)" if near else ""
                self._refuse((*place, key), f"there is no key {key!r}{guess}; what may stand here: {', '.join(known)}")
        for key in needed:
            if key not in fields:
                self._refuse(place, f"it has no {key!r}, which it needs")
        return fields

    def _mapping(self, place: Place, value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._refuse(place, f"here stands a mapping, as {{key: value}}, and not {_kind(value)}")
        return value

    def _list(self, place: Place, value: object) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            self._refuse(place, f"here stands a list, as [one, other], and not {_kind(value)}")
        return value

    def _values(self, place: Place, value: object) -> dict[str, Any]:
        return {name: self._scalar((*place, name), each) for name, each in self._mapping(place, value).items()}

    def _scalar(self, place: Place, value: object) -> Any:  # noqa: ANN401 - plain
        if value is not None and not isinstance(value, str | int | float):
            self._refuse(place, f"a value is a text, a number, true, false or null, and not {_kind(value)}")
        return value

    def _texts(self, place: Place, value: object) -> tuple[str, ...]:
        found = [value] if isinstance(value, str) else self._list(place, value)
        return tuple(dict.fromkeys(self._text((*place, number), each) for number, each in enumerate(found)))

    def _text(self, place: Place, value: object) -> str:
        if not isinstance(value, str):
            self._refuse(place, f"here stands a text, and not {_kind(value)}; is it to be in quotes?")
        return value

    def _whole(self, place: Place, value: object, least: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self._refuse(place, f"here stands a whole number of at least {least}, and not {value!r}")
        return value

    def _truth(self, place: Place, value: object) -> bool:
        if not isinstance(value, bool):
            self._refuse(place, f"here stands true or false, and not {value!r}")
        return value

    def _span(self, place: Place, value: Any) -> float:  # noqa: ANN401 - it is checked
        return self._tried(place, lambda: seconds(value))

    def _references(self, place: Place, value: object) -> tuple[int, ...]:
        if not isinstance(value, list):
            return (self._reference(place, value),)
        if not value:
            self._refuse(place, "here stands at least one resource")
        found = (self._reference((*place, number), each) for number, each in enumerate(value))
        return tuple(dict.fromkeys(found))

    def _reference(self, place: Place, value: object) -> int:
        if isinstance(value, str) and value in self._guids:
            return self._guids[value]
        if not isinstance(value, int) or isinstance(value, bool) or value not in self._known:
            self._refuse(place, self._no_resource(value))
        return value

    def _no_resource(self, value: object) -> str:
        if not isinstance(value, str | int) or isinstance(value, bool):
            return f"here stands a resource's name or guid, and not {_kind(value)}"
        near = difflib.get_close_matches(value, self._guids, 1) if isinstance(value, str) else []
        guess = f" (did you mean {near[0]}?)" if near else ""
        there = [*self._guids, *(guid for guid in sorted(self._known) if guid not in self._guids.values())]
        listed = ", ".join(map(str, there[:20])) + (f" and {len(there) - 20} more" if len(there) > 20 else "")  # noqa: PLR2004 - enough to read
        return f"there is no resource {value!r}{guess} in it; it has {listed or 'none'}"

    def _tried(self, place: Place, make: Callable[[], T]) -> T:
        try:
            return make()
        except ExperimentError as error:
            self._refuse(place, str(error), error)

    def _refuse(self, place: Place, why: str, cause: BaseException | None = None) -> NoReturn:
        self._document.refuse(place, why, cause)


def _stand_in(*_: object) -> bool:
    """Stands for a predicate that is known by name only."""
    return False


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return f"the text {value[:40]!r}"
    return f"the number {value!r}"
