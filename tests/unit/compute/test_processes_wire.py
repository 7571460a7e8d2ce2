"""Messages arrive whole, in order, of any size; what is none of ours is not taken for one."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from headrace.compute.executors.processes.alone.headrace_worker import wire

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


@pytest.fixture
def buffer() -> bytearray:
    return bytearray(wire.BUFFER_SIZE)


@pytest.mark.parametrize(
    ("first", "second"),
    [(0, 0), (1, 0), (0, 1), (3, 65_533), (3, 65_534), (65_536, 0), (70_000, 70_000), (0, 5_000_000)],
)
def test_both_parts_arrive(
    ends: tuple[socket.socket, socket.socket], buffer: bytearray, first: int, second: int
) -> None:
    wire.send(ends[0], wire.CALL, 7, b"a" * first, b"b" * second)

    message = wire.receive(ends[1], buffer)

    assert message is not None
    assert (message.kind, message.number) == (wire.CALL, 7)
    assert (bytes(message.first), bytes(message.second)) == (b"a" * first, b"b" * second)


def test_messages_arrive_in_order(ends: tuple[socket.socket, socket.socket], buffer: bytearray) -> None:
    for number in range(5):
        wire.send(ends[0], wire.VALUE, number, b"", bytes(number * 40_000))

    sizes = []
    for _ in range(5):
        message = wire.receive(ends[1], buffer)
        assert message is not None
        sizes.append((message.number, len(message.second)))

    assert sizes == [(number, number * 40_000) for number in range(5)]


def test_where_nobody_is_there_to_send_there_is_no_message(
    ends: tuple[socket.socket, socket.socket], buffer: bytearray
) -> None:
    ends[0].close()

    assert wire.receive(ends[1], buffer) is None


def test_it_need_not_wait(ends: tuple[socket.socket, socket.socket], buffer: bytearray) -> None:
    with pytest.raises(BlockingIOError):
        wire.receive(ends[1], buffer, wait=False)


def test_what_is_no_message_is_refused(ends: tuple[socket.socket, socket.socket], buffer: bytearray) -> None:
    ends[0].send(b"hello")

    with pytest.raises(ValueError, match="without a header"):
        wire.receive(ends[1], buffer)


def test_a_message_to_nobody_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].close()

    with pytest.raises(BrokenPipeError):
        wire.send(ends[0], wire.CALL, 1)
