"""Lifecycles: what states a kind of unit has, and which moves between them are allowed.

A lifecycle is data: an enum of states, each documented where it is declared, and one literal table of moves.
Everything else (what is still reachable, which actions a state depends on, the diagram in the docs) is computed
from that table once.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Lifecycle", "State"]


class State(Enum):
    """The base of every enum of states. Each member's value says what the state means.

    Members are declared in the order in which a unit usually meets them, and compare by that order within
    their own enum: ``state >= MyState.STARTED`` reads "at least STARTED". They are never compared as numbers.
    """

    def __init__(self, meaning: str) -> None:
        self.meaning = meaning
        self._rank = len(type(self).__members__)

    # Members are singletons, so identity is their hash; Enum's own is written in Python, and every move of
    # every unit looks states up in dicts.
    __hash__ = object.__hash__

    def _rank_beside(self, other: object) -> int | None:
        return other._rank if isinstance(other, State) and type(other) is type(self) else None  # noqa: SLF001 - our own

    def __lt__(self, other: object) -> bool:
        rank = self._rank_beside(other)
        return NotImplemented if rank is None else self._rank < rank

    def __le__(self, other: object) -> bool:
        rank = self._rank_beside(other)
        return NotImplemented if rank is None else self._rank <= rank

    def __gt__(self, other: object) -> bool:
        rank = self._rank_beside(other)
        return NotImplemented if rank is None else self._rank > rank

    def __ge__(self, other: object) -> bool:
        rank = self._rank_beside(other)
        return NotImplemented if rank is None else self._rank >= rank

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}>"

    @classmethod
    def at_least(cls, state: State) -> frozenset[State]:
        """Return `state` and all the states declared after it."""
        return frozenset(member for member in cls if member >= state)


class Lifecycle:
    """The life of one kind of unit.

    Args:
        name: what a unit of this kind is called in messages.
        initial: the state in which a unit is added.
        moves: the table, from each state to the states that may follow it.
        failed: the states that mean failure. They need not be final.
        anew: those moves of the table that begin a new attempt, as a retry or a restart does.
        actions: for each action that a gate may guard, the moves ``(from, to)`` that are made by nothing else; a state
            alone stands for all moves to it. It is from these that the lifecycle knows "to see this unit STOPPED,
            somebody must STOP it". So a move that also comes about by itself belongs to no action, and an action that
            moves nothing has none.

    Raises:
        ValueError: the table is not sound; the message names the state.
    """

    def __init__(
        self,
        name: str,
        *,
        initial: State,
        moves: Mapping[State, Iterable[State]],
        failed: Iterable[State] = (),
        anew: Iterable[tuple[State, State]] = (),
        actions: Mapping[str, Iterable[State | tuple[State, State]]] | None = None,
    ) -> None:
        self.name = name
        self.states: type[State] = type(initial)
        self.initial = initial
        self.following: dict[State, frozenset[State]] = {s: frozenset(moves.get(s, ())) for s in self.states}
        #: The states that nothing follows: a unit's life is over.
        self.final = frozenset(state for state, following in self.following.items() if not following)
        self.failed = frozenset(failed)
        self.anew = frozenset(anew)
        self._check(moves, actions or {})
        #: The moves that each action makes.
        self.actions = {action: self._moves(made) for action, made in (actions or {}).items()}
        #: From each state, all that may still be reached, itself included.
        self.reachable = {state: self._closure(state, frozenset()) for state in self.states}
        self._required: dict[tuple[State, frozenset[State]], frozenset[str]] = {}

    def allows(self, previous: State, state: State) -> bool:
        """Tell whether the table lists this move."""
        return state in self.following[previous]

    def required_actions(self, state: State, wanted: frozenset[State]) -> frozenset[str]:
        """Return the actions without which no unit in `state` ever reaches any of `wanted`."""
        key = (state, wanted)
        known = self._required.get(key)
        if known is None:
            known = self._required[key] = frozenset(
                action
                for action, moves in self.actions.items()
                if wanted.isdisjoint(self._closure(state, moves)) and not wanted.isdisjoint(self.reachable[state])
            )
        return known

    def diagram(self) -> str:
        """Return the state diagram in Mermaid's notation, as the docs show it."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state in self.states:
            lines += [f"    {state} --> {after}" for after in self.states if after in self.following[state]]
            if state in self.final:
                lines.append(f"    {state} --> [*]")
        return "\n".join(lines)

    def _moves(self, made: Iterable[State | tuple[State, State]]) -> frozenset[tuple[State, State]]:
        moves: set[tuple[State, State]] = set()
        for each in made:
            if isinstance(each, State):
                moves.update((state, each) for state in self.states if each in self.following[state])
            else:
                moves.add(each)
        return frozenset(moves)

    def _closure(self, start: State, without: frozenset[tuple[State, State]]) -> frozenset[State]:
        """What is reachable from `start` when none of the moves in `without` is ever made."""
        seen = {start}
        todo = [start]
        while todo:
            state = todo.pop()
            new = {after for after in self.following[state] - seen if (state, after) not in without}
            seen |= new
            todo += new
        return frozenset(seen)

    def _check(
        self, moves: Mapping[State, Iterable[State]], actions: Mapping[str, Iterable[State | tuple[State, State]]]
    ) -> None:
        if len(self.states.__members__) > len(self.states):
            msg = (
                f"lifecycle {self.name!r}: two states of {self.states.__name__} have one meaning, so they are one state"
            )
            raise ValueError(msg)
        made = [each for all_made in actions.values() for each in all_made]
        named: set[Any] = {self.initial, *moves, *self.failed}
        named.update(
            *self.following.values(), *self.anew, *(each if isinstance(each, tuple) else (each,) for each in made)
        )
        for state in named:
            if not isinstance(state, self.states):
                msg = f"lifecycle {self.name!r}: {state!r} is not a state of {self.states.__name__}"
                raise ValueError(msg)  # noqa: TRY004 - the table is wrong, not the type of one argument
        for move in self.anew:
            if move[1] not in self.following[move[0]]:
                msg = f"lifecycle {self.name!r}: {move[0]} to {move[1]} begins anew, but the table does not list it"
                raise ValueError(msg)
        for each in made:
            if isinstance(each, tuple) and each[1] not in self.following[each[0]]:
                msg = f"lifecycle {self.name!r}: an action makes {each[0]} to {each[1]}, but the table does not list it"
                raise ValueError(msg)
        for state in set(self.states) - self._closure(self.initial, frozenset()):
            msg = f"lifecycle {self.name!r}: {state} cannot be reached from {self.initial}"
            raise ValueError(msg)
