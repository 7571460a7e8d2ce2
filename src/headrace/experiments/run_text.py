"""The text of a run's file, made anew from what has changed."""

from __future__ import annotations

import json
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from headrace.experiments.additions import GLOBALS, GONE, RESOURCE
from headrace.experiments.describing import describe_connections, describe_frame, describe_globals, describe_resource
from headrace.experiments.description import ExperimentDescription
from headrace.experiments.notation import resource_to_plain, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.experiments.saved import Saved

__all__ = ["CONNECTIONS", "RunText"]

#: Stands for the connections, where guids stand for resources.
CONNECTIONS: Final = 0

_NEXT: Final = ",\n"


class RunText:
    """Writes an experiment's description and what else is kept of its run, as JSON.

    The parts that are many, resources and connections, are kept as text until they change: a program may deploy a
    thousand resources one by one, and each time the file is to be whole.

    Args:
        ec: the experiment.
        kept: what is kept beside the description.
    """

    def __init__(self, ec: Saved, kept: Callable[[], dict[str, Any]]) -> None:
        self._ec = ec
        self._kept = kept
        self._numbers = count(1)
        #: The number of the last change of each part; and the text of each, with the number that it was made after.
        self._changes: dict[int, int] = {}
        self._texts: dict[int, tuple[int, str]] = {}
        #: What has changed since it was last said: resources by guid, all else as it is to be said.
        self._news: deque[int | list[Any]] = deque()

    def changed(self, parts: tuple[int, ...]) -> None:
        """Take note that resources, by guid, or `CONNECTIONS` have changed. May be called by any thread."""
        for part in parts:
            self._changes[part] = next(self._numbers)
            if part != CONNECTIONS:
                self._news.append(part)

    def note(self, kind: str, *what: Any) -> None:  # noqa: ANN401 - plain values
        """Take note of another change, as `headrace.experiments.additions` has it. May be called by any thread."""
        self._news.append([kind, *what])

    def addition(self) -> str:
        """Return what has changed since this, or the whole text, was last asked for. Raises DescriptionError."""
        ec = self._ec
        line: list[list[Any]] = []
        told = set()
        for each in self._take_news():
            if not isinstance(each, int):
                line.append(each)
            elif each not in told:
                told.add(each)
                manager = ec._resources.get(each)  # noqa: SLF001 - a part of it
                if manager is None:
                    line.append([GONE, each])
                else:
                    line.append([RESOURCE, resource_to_plain(describe_resource(ec, manager, strict=False))])
        if ec._globals:  # noqa: SLF001 - a part of it
            shared = to_plain(ExperimentDescription(globals=describe_globals(ec))).get("globals", {})
            line.append([GLOBALS, shared])
        return json.dumps(line, allow_nan=False)

    def _take_news(self) -> list[int | list[Any]]:
        news: list[int | list[Any]] = []
        while self._news:
            news.append(self._news.popleft())
        return news

    def text(self, name: str) -> str:
        """Return the whole text; `name` is that of what will be added to it. Raises DescriptionError."""
        ec = self._ec
        # First: what changes meanwhile is told again.
        self._take_news()
        top = to_plain(describe_frame(ec))
        del top["resources"]
        top["run"] = {**self._kept(), "additions": name}
        frame = json.dumps(top, allow_nan=False)
        managers = tuple(ec._resources.values())  # noqa: SLF001 - a part of it
        resources = [
            self._part(each.guid, lambda each=each: resource_to_plain(describe_resource(ec, each, strict=False)))  # type: ignore[misc]  # bound
            for each in managers
        ]
        pairs = self._part(CONNECTIONS, lambda: [list(pair) for pair in describe_connections(ec)])
        for gone in self._texts.keys() - {CONNECTIONS, *(each.guid for each in managers)}:
            self._texts.pop(gone, None)
        return f'{frame[:-1]}, "connections": {pairs}, "resources": [\n{_NEXT.join(resources)}\n]}}\n'

    def _part(self, part: int, make: Callable[[], Any]) -> str:
        # Asked for before it is looked at: what changes meanwhile is made once more.
        change = self._changes.get(part, 0)
        kept = self._texts.get(part)
        if kept is None or kept[0] != change:
            kept = self._texts[part] = (change, json.dumps(make(), allow_nan=False))
        return kept[1]
