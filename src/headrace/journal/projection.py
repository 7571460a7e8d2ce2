"""From the log to the tables that are asked: units, edges and counters, for one group at a time.

Everything is done by the database itself, in a few statements for a whole group: a row-wise loop would give Python's
interpreter lock up for each row, and wait for it as often beside threads that compute.

The moves themselves get no table. A unit's row says in which groups its moves are, and `transitions` reads those: a
table of moves would double the store's size, and the cost of this.
"""

from __future__ import annotations

from typing import Final

__all__ = ["INCOMING", "LATEST", "STAGE_SQLITE", "STEPS"]

#: The group's lines as rows, and the places of the lines that matter for each unit among them.
INCOMING: Final = """incoming (
    place INTEGER PRIMARY KEY, what TEXT, kind TEXT, id {id}, executor TEXT, flags INTEGER, attempt INTEGER,
    at {real},
    a {any}, b {any}, c {any}, d {any}, e {any}, f {any})"""
LATEST: Final = """latest (
    kind TEXT, id {id}, told INTEGER, last INTEGER, start INTEGER, first INTEGER)"""

STAGE_SQLITE: Final = """
INSERT INTO incoming
SELECT j.key, w.what, w.kind,
       CASE w.ident WHEN 'int' THEN CAST(substr(j.value, 30) AS INTEGER) ELSE substr(j.value, 30) END,
       w.executor, w.flags, CAST(substr(j.value, 6, 5) AS INTEGER),
       (CAST(substr(j.value, 11, 19) AS INTEGER) - 1000000000000000000) / 1e6,
       w.a, w.b, NULL, NULL, NULL, NULL
FROM json_each(:body) j CROSS JOIN word w ON w.run = :run AND w.number = CAST(substr(j.value, 1, 5) AS INTEGER)
WHERE j.type = 'text';
INSERT INTO incoming
SELECT j.key, json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'), json_extract(j.value, '$[2]'),
       json_extract(j.value, '$[3]'), json_extract(j.value, '$[4]'), json_extract(j.value, '$[5]'),
       json_extract(j.value, '$[6]'), json_extract(j.value, '$[7]'), json_extract(j.value, '$[8]'),
       json_extract(j.value, '$[9]'), json_extract(j.value, '$[10]'), json_extract(j.value, '$[11]'),
       json_extract(j.value, '$[12]')
FROM json_each(:body) j WHERE :full AND j.type = 'array' AND json_extract(j.value, '$[0]') <> 'w'
"""

#: What is done with them, in this order. Both databases understand it; `:name` stands for what belongs to the group.
STEPS: Final = (
    """
INSERT INTO latest
SELECT kind, id,
       max(CASE WHEN what = 'u' THEN place END),
       max(CASE WHEN what = 't' THEN place END),
       max(CASE WHEN what = 't' AND (flags & 1) <> 0 THEN place END),
       min(CASE WHEN what = 't' AND a IS NULL THEN place END)
FROM incoming GROUP BY kind, id""",
    # What each unit's state was is counted off, what it is now is counted on.
    """
INSERT INTO counter (run, kind, app, state, number)
SELECT :run, kind, app, state, sum(step) FROM (
    SELECT l.kind AS kind, coalesce(u.app, t.b, '') AS app, i.b AS state, 1 AS step
    FROM latest l JOIN incoming i ON i.place = l.last LEFT JOIN incoming t ON t.place = l.told
    LEFT JOIN unit u ON u.run = :run AND u.kind = l.kind AND u.id = l.id
    UNION ALL
    SELECT u.kind, u.app, u.state, -1
    FROM latest l JOIN unit u ON u.run = :run AND u.kind = l.kind AND u.id = l.id
    WHERE l.last IS NOT NULL AND u.state IS NOT NULL
) AS steps WHERE true GROUP BY kind, app, state
ON CONFLICT (run, kind, app, state) DO UPDATE SET number = counter.number + excluded.number""",
    """
INSERT INTO unit (run, kind, id, name, app, labels, executor, stdout, stderr, extra,
                  state, attempt, flags, added, began, ended, seconds, cause, found_in)
SELECT :run, l.kind, l.id, t.a, coalesce(t.b, ''), t.c, coalesce(i.executor, t.executor), t.d, t.e, t.f,
       i.b, i.attempt, coalesce(i.flags, 0), f.at + :wall_offset, s.at + :wall_offset,
       CASE WHEN (i.flags & 2) <> 0 THEN i.at + :wall_offset END,
       CASE WHEN (i.flags & 2) <> 0 THEN i.at - s.at END, i.c, CASE WHEN l.last IS NULL THEN '' ELSE :found_in END
FROM latest l
LEFT JOIN incoming t ON t.place = l.told LEFT JOIN incoming i ON i.place = l.last
LEFT JOIN incoming s ON s.place = l.start LEFT JOIN incoming f ON f.place = l.first
WHERE true
ON CONFLICT (run, kind, id) DO UPDATE SET
    name = coalesce(excluded.name, unit.name), labels = coalesce(excluded.labels, unit.labels),
    executor = coalesce(excluded.executor, unit.executor), stdout = coalesce(excluded.stdout, unit.stdout),
    stderr = coalesce(excluded.stderr, unit.stderr), extra = coalesce(excluded.extra, unit.extra),
    added = coalesce(unit.added, excluded.added), began = coalesce(excluded.began, unit.began),
    ended = CASE WHEN excluded.state IS NULL THEN unit.ended ELSE excluded.ended END,
    seconds = CASE WHEN excluded.state IS NULL THEN unit.seconds
                   ELSE coalesce(excluded.seconds, excluded.ended - coalesce(excluded.began, unit.began)) END,
    cause = CASE WHEN excluded.state IS NULL THEN unit.cause ELSE excluded.cause END,
    flags = CASE WHEN excluded.state IS NULL THEN unit.flags ELSE excluded.flags END,
    attempt = coalesce(excluded.attempt, unit.attempt), state = coalesce(excluded.state, unit.state),
    found_in = unit.found_in || excluded.found_in""",
    """
INSERT INTO edge (run, kind, unit, action, needs_kind, needs, states, delay)
SELECT :run, kind, id, a, b, c, d, at FROM incoming WHERE what = 'e' AND :full
ON CONFLICT (run, kind, unit, action, needs_kind, needs, states) DO NOTHING""",
    "DELETE FROM slow WHERE run = :run AND (kind, id) IN (SELECT kind, id FROM latest WHERE last IS NOT NULL)",
    """
INSERT INTO slow (run, kind, id, seconds)
SELECT :run, u.kind, u.id, u.seconds
FROM latest l JOIN unit u ON u.run = :run AND u.kind = l.kind AND u.id = l.id
WHERE l.last IS NOT NULL AND u.seconds IS NOT NULL ORDER BY u.seconds DESC LIMIT 100""",
    # Only the slowest hundred of a run are kept.
    """
DELETE FROM slow WHERE run = :run AND seconds < (
    SELECT min(seconds) FROM (SELECT seconds FROM slow WHERE run = :run ORDER BY seconds DESC LIMIT 100) AS slowest)""",
    "UPDATE run SET projected = :seq WHERE number = :run",
)
