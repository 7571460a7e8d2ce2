"""From the log to the tables that are asked: units, edges, counters and durations, for one group at a time.

Everything is done by the database itself, in a few statements for a whole group: a row-wise loop would give Python's
interpreter lock up for each row, and wait for it as often beside threads that compute.

A group's lines are brought together by unit (`latest`), and then with what is known of each unit (`change`). The two
databases do that differently; what follows from the changes is the same for both.

The moves themselves get no table. A unit's row says in which groups its moves are, and `transitions` reads those: a
table of moves would double the store's size, and the cost of this.
"""

from __future__ import annotations

from typing import Final

from headrace.journal.lines import AT_BASE, ENDS, LEAVES_INITIAL, WORDS_AT_MOST

__all__ = ["CHANGE_POSTGRES", "CHANGE_SQLITE", "KNOW_WORDS", "SKIP", "STEPS", "TABLES_POSTGRES", "TABLES_SQLITE"]

#: What each unit of the group is now; and whether it has moved, and what it was before.
_CHANGE: Final = """change (
    kind TEXT, id {id}, name TEXT, app TEXT, labels TEXT, executor TEXT, stdout TEXT, stderr TEXT, extra TEXT,
    state TEXT, attempt INTEGER, flags INTEGER, added {real}, began {real}, started {real}, ended {real},
    seconds {real}, cause TEXT, found_in TEXT, moved INTEGER, was_app TEXT, was_state TEXT, was_seconds {real})"""

#: The temporary tables that a connection needs for this. In `latest` are the places of the lines that matter.
#:
#: For SQLite, `meaning` holds the run's words; and the group's lines that are written in full, each as a word of its
#: own with a number that no word has.
TABLES_SQLITE: Final = (
    """meaning (
    number INTEGER PRIMARY KEY, what TEXT, kind TEXT, a, b, flags INTEGER, executor TEXT, ident TEXT,
    told INTEGER, moved INTEGER, leaves INTEGER, adds INTEGER, runs INTEGER,
    id, attempt INTEGER, at REAL, c, d, e, f)""",
    "incoming (place INTEGER PRIMARY KEY, word INTEGER, attempt INTEGER, at REAL)",
    """latest (
    id, kind TEXT, told INTEGER, last INTEGER, start INTEGER, first INTEGER, ran INTEGER,
    PRIMARY KEY (id, kind)) WITHOUT ROWID""",
    _CHANGE,
)
TABLES_POSTGRES: Final = (
    """incoming (
    place INTEGER PRIMARY KEY, what TEXT, kind TEXT, id {id}, executor TEXT, flags INTEGER, attempt INTEGER,
    at {real}, a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT)""",
    "latest (kind TEXT, id {id}, told INTEGER, last INTEGER, start INTEGER, first INTEGER, ran INTEGER)",
    _CHANGE,
)

#: For SQLite: makes the words of a run known.
KNOW_WORDS: Final = f"""
INSERT OR IGNORE INTO meaning (number, what, kind, a, b, flags, executor, ident, told, moved, leaves, adds, runs)
SELECT number, what, kind, a, b, flags, executor, ident, CASE what WHEN 'u' THEN 1 END, CASE what WHEN 't' THEN 1 END,
       CASE WHEN what = 't' AND (flags & {LEAVES_INITIAL}) <> 0 THEN 1 END,
       CASE WHEN what = 't' AND a IS NULL THEN 1 END, CASE WHEN executor IS NOT NULL THEN 1 END
FROM word WHERE run = ?"""  # noqa: S608 - constants

_FULL: Final = WORDS_AT_MOST + 1


def _change(told: str, last: str, ran: str) -> str:
    """The statement that fills `change`.

    Args:
        told: the table that says what was told of a unit.
        last: that which says what its last move was.
        ran: where a line says that it is, up to the place of that line.
    """
    joined = "LEFT JOIN meaning tm ON tm.number = t.word LEFT JOIN meaning im ON im.number = i.word"
    return f"""
INSERT INTO change
SELECT l.kind, l.id, coalesce({told}.a, u.name),
       CASE WHEN u.state IS NULL THEN coalesce({told}.b, u.app, '') ELSE u.app END, coalesce({told}.c, u.labels),
       coalesce({last}.executor, ({ran} = l.ran), u.executor), coalesce({told}.d, u.stdout),
       coalesce({told}.e, u.stderr), coalesce({told}.f, u.extra), coalesce({last}.b, u.state),
       coalesce(i.attempt, u.attempt), coalesce({last}.flags, u.flags, 0), coalesce(u.added, f.at + :wall_offset),
       coalesce(s.at + :wall_offset, u.began), coalesce(s.at, u.started),
       CASE WHEN l.last IS NULL THEN u.ended WHEN ({last}.flags & {ENDS}) <> 0 THEN i.at + :wall_offset END,
       CASE WHEN l.last IS NULL THEN u.seconds
            WHEN ({last}.flags & {ENDS}) <> 0 AND i.at >= coalesce(s.at, u.started)
            THEN i.at - coalesce(s.at, u.started) END,
       CASE WHEN l.last IS NULL THEN u.cause ELSE {last}.c END,
       coalesce(u.found_in, '') || CASE WHEN l.last IS NULL THEN '' ELSE :found_in END,
       CASE WHEN l.last IS NULL THEN 0 ELSE 1 END, u.app, u.state, u.seconds
FROM latest l LEFT JOIN unit u ON u.run = :run AND u.kind = l.kind AND u.id = l.id
LEFT JOIN incoming t ON t.place = l.told LEFT JOIN incoming i ON i.place = l.last
LEFT JOIN incoming s ON s.place = l.start LEFT JOIN incoming f ON f.place = l.first {joined if told == "tm" else ""}"""  # noqa: S608 - constants


#: From the group's lines to `change`, in this order. `:name` stands for what belongs to the group; `:full` is whether
#: any line of it is written in full.
CHANGE_SQLITE: Final = (
    f"DELETE FROM meaning WHERE number >= {_FULL}",  # noqa: S608 - a constant
    "DELETE FROM incoming",
    "DELETE FROM latest",
    "DELETE FROM change",
    f"""
INSERT INTO incoming
SELECT key, CAST(substr(value, 1, 5) AS INTEGER), CAST(substr(value, 6, 5) AS INTEGER),
       (CAST(substr(value, 11, 19) AS INTEGER) - {AT_BASE}) / 1e6 FROM json_each(:body) WHERE type = 'text'""",  # noqa: S608 - a constant
    # Line by line, each over those before: to have them sorted by unit takes twice as long.
    """
INSERT INTO latest
SELECT CASE m.ident WHEN 'int' THEN CAST(substr(j.value, 30) AS INTEGER) ELSE substr(j.value, 30) END, m.kind,
       j.key * m.told, j.key * m.moved, j.key * m.leaves, j.key * m.adds, j.key * m.runs
FROM json_each(:body) j CROSS JOIN meaning m ON m.number = CAST(substr(j.value, 1, 5) AS INTEGER)
WHERE j.type = 'text'
ON CONFLICT (id, kind) DO UPDATE SET
    told = coalesce(excluded.told, latest.told), last = coalesce(excluded.last, latest.last),
    start = coalesce(excluded.start, latest.start), first = coalesce(latest.first, excluded.first),
    ran = coalesce(excluded.ran, latest.ran)""",
    f"""
INSERT INTO meaning (number, what, kind, id, executor, flags, attempt, at, a, b, c, d, e, f)
SELECT {_FULL} + key, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
       json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'),
       json_extract(value, '$[9]'), json_extract(value, '$[10]'), json_extract(value, '$[11]'),
       json_extract(value, '$[12]')
FROM json_each(:body) WHERE :full AND type = 'array' AND json_extract(value, '$[0]') <> 'w'""",  # noqa: S608 - constants
    f"""
INSERT INTO incoming
SELECT number - {_FULL}, number, attempt, at FROM meaning WHERE :full AND number >= {_FULL}""",  # noqa: S608 - constants
    f"""
INSERT INTO latest
SELECT id, kind, CASE what WHEN 'u' THEN number - {_FULL} END, CASE what WHEN 't' THEN number - {_FULL} END,
       CASE WHEN what = 't' AND (flags & {LEAVES_INITIAL}) <> 0 THEN number - {_FULL} END,
       CASE WHEN what = 't' AND a IS NULL THEN number - {_FULL} END,
       CASE WHEN executor IS NOT NULL THEN number - {_FULL} END
FROM meaning WHERE :full AND number >= {_FULL} ORDER BY number
ON CONFLICT (id, kind) DO UPDATE SET
    told = max(coalesce(excluded.told, latest.told), coalesce(latest.told, excluded.told)),
    last = max(coalesce(excluded.last, latest.last), coalesce(latest.last, excluded.last)),
    start = max(coalesce(excluded.start, latest.start), coalesce(latest.start, excluded.start)),
    first = min(coalesce(excluded.first, latest.first), coalesce(latest.first, excluded.first)),
    ran = max(coalesce(excluded.ran, latest.ran), coalesce(latest.ran, excluded.ran))""",  # noqa: S608 - constants
    _change(
        told="tm",
        last="im",
        ran="SELECT m.executor FROM incoming r JOIN meaning m ON m.number = r.word WHERE r.place",
    ),
    f"""
INSERT INTO edge (run, kind, unit, action, needs_kind, needs, states, delay)
SELECT :run, kind, id, a, b, c, d, at FROM meaning WHERE :full AND number >= {_FULL} AND what = 'e'
ON CONFLICT (run, kind, unit, action, needs_kind, needs, states) DO NOTHING""",  # noqa: S608 - constants
)

#: The same, when the group's lines are in `incoming` already, and the other tables are empty.
CHANGE_POSTGRES: Final = (
    f"""
INSERT INTO latest
SELECT kind, id,
       max(CASE WHEN what = 'u' THEN place END),
       max(CASE WHEN what = 't' THEN place END),
       max(CASE WHEN what = 't' AND (flags & {LEAVES_INITIAL}) <> 0 THEN place END),
       min(CASE WHEN what = 't' AND a IS NULL THEN place END),
       max(CASE WHEN executor IS NOT NULL THEN place END)
FROM incoming GROUP BY kind, id""",  # noqa: S608 - constants
    _change(told="t", last="i", ran="SELECT r.executor FROM incoming r WHERE r.place"),
    """
INSERT INTO edge (run, kind, unit, action, needs_kind, needs, states, delay)
SELECT :run, kind, id, a, b, c, d, at FROM incoming WHERE what = 'e'
ON CONFLICT (run, kind, unit, action, needs_kind, needs, states) DO NOTHING""",
)

_COLUMNS: Final = (
    "name, app, labels, executor, stdout, stderr, extra, state, attempt, flags, added, began, started, ended, seconds, "
    "cause, found_in"
)

#: What follows from `change`, in this order.
STEPS: Final = (
    f"""
INSERT INTO unit (run, kind, id, {_COLUMNS})
SELECT :run, kind, id, {_COLUMNS} FROM change WHERE true
ON CONFLICT (run, kind, id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", "))}""",  # noqa: S608 - constants
    # What each unit's state was is counted off, what it is now is counted on.
    """
INSERT INTO counter (run, kind, app, state, number)
SELECT :run, kind, app, state, sum(step) FROM (
    SELECT kind, app, state, count(*) AS step FROM change WHERE moved = 1 GROUP BY kind, app, state
    UNION ALL
    SELECT kind, was_app, was_state, -count(*) FROM change
    WHERE moved = 1 AND was_state IS NOT NULL GROUP BY kind, was_app, was_state
) AS steps WHERE true GROUP BY kind, app, state
ON CONFLICT (run, kind, app, state) DO UPDATE SET number = counter.number + excluded.number""",
    # Likewise how long they took; but if a unit that had ended begins anew, nobody knows which one is the longest now.
    """
INSERT INTO duration (run, kind, app, number, total, longest)
SELECT :run, kind, app, count(*), sum(seconds), max(seconds) FROM change
WHERE moved = 1 AND seconds > 0 GROUP BY kind, app
ON CONFLICT (run, kind, app) DO UPDATE SET number = duration.number + excluded.number,
    total = duration.total + excluded.total,
    longest = CASE WHEN excluded.longest > duration.longest THEN excluded.longest ELSE duration.longest END""",
    """
UPDATE summed SET seq = CASE
    WHEN EXISTS (SELECT 1 FROM change WHERE moved = 1 AND was_seconds > 0) THEN -1 ELSE :seq END
WHERE run = :run AND seq = :seq - 1""",
    """
DELETE FROM slow WHERE run = :run AND (kind, id) IN (
    SELECT kind, id FROM change WHERE moved = 1 AND was_seconds IS NOT NULL)""",
    """
INSERT INTO slow (run, kind, id, seconds)
SELECT :run, kind, id, seconds FROM change WHERE moved = 1 AND seconds > (
    SELECT CASE WHEN count(*) >= 100 THEN min(seconds) ELSE -1 END FROM slow WHERE run = :run)
ORDER BY seconds DESC LIMIT 100""",
    # Only the slowest hundred of a run are kept.
    """
DELETE FROM slow WHERE run = :run AND seconds < (
    SELECT min(seconds) FROM (SELECT seconds FROM slow WHERE run = :run ORDER BY seconds DESC LIMIT 100) AS slowest)""",
    "UPDATE run SET projected = :seq WHERE number = :run",
)

#: Leaves out what does not read, up to the group `:seq`.
SKIP: Final = (
    "UPDATE summed SET seq = :seq WHERE run = :run AND seq = (SELECT projected FROM run WHERE number = :run)",
    "UPDATE run SET projected = :seq, damaged = damaged + :damaged WHERE number = :run",
)
