"""A process that writes until it is killed."""

from __future__ import annotations

from tests.integration.journal.things import start

#: Burns lamps and stores results for ever; prints the number of each result that it was told is on disk.
WRITER = """
import itertools, os, sys, threading
from headrace.journal import Journal, RunRecord
from tests.integration.journal.things import burn, lamp, payload_of

journal = Journal.open(sys.argv[1], RunRecord.here(sys.argv[2]))
room = threading.Semaphore(50)
def durable(number):
    def told(error):
        assert error is None
        os.write(1, b"%d\\n" % number)
        room.release()
    return told
for number in itertools.count(int(sys.argv[3])):
    room.acquire()
    burn(journal, lamp(number))
    journal.result(f"key-{number}", payload_of(number), durable=durable(number))
"""


def write_and_be_killed(place: str, run: str, first: int, *, lines: int) -> list[int]:
    """Have a process write until it has been told so many times, and kill it; return what it was told."""
    with start(WRITER, place, run, str(first)) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        told += writer.stdout.readlines()
    return [int(line) for line in told if line.endswith("\n")]
