"""Tables count by what is in them when calls are compared: with pandas itself, which no extra of Headrace brings."""

from __future__ import annotations

import pandas as pd

from headrace import id_for_memo


def frame_of(**changes: object) -> pd.DataFrame:
    columns = {
        "n": [1, 2, 3],
        "x": [0.5, float("nan"), 1.5],
        "s": ["a", None, "c"],
        "c": pd.Categorical(["u", "v", "u"]),
        "t": pd.date_range("2026-01-01", periods=3, tz="UTC"),
        "d": pd.date_range("2026-01-01", periods=3),
        "i": pd.array([1, None, 3], dtype="Int64"),
        "b": pd.array([True, None, False], dtype="boolean"),
        "p": pd.period_range("2026-01", periods=3, freq="M"),
        "v": pd.interval_range(0, 3),
        "e": pd.to_timedelta([1, 2, 3], unit="s"),
    }
    return pd.DataFrame({**columns, **changes})


def test_equal_frames_have_one_id() -> None:
    one = frame_of()

    assert id_for_memo(one) == id_for_memo(frame_of())
    assert id_for_memo(one) == id_for_memo(one.copy())
    assert id_for_memo(one.iloc[::2]) == id_for_memo(one.iloc[::2].copy())


def test_frames_that_can_be_told_apart_differ() -> None:
    frame = frame_of()
    frames = [
        *(
            frame,
            frame[["n", "x"]],
            frame[["x", "n"]],
            frame.rename(columns={"n": "m"}),
            frame.iloc[:2],
            frame[::-1],
        ),
        *(
            frame.set_index("n"),
            frame.astype({"n": "float64"}),
            frame.astype({"n": "int32"}),
            frame["n"],
            frame["x"],
        ),
        *(
            frame["n"].rename("m"),
            frame.index,
            frame.columns,
            frame.set_index(["n", "s"]),
            frame.set_index(["s", "n"]),
        ),
        frame_of(s=["a", None, "d"]),
        frame_of(c=pd.Categorical(["u", "v", "v"])),
        frame_of(c=pd.Categorical(["u", "v", "u"], ["v", "u"])),
        frame_of(c=pd.Categorical(["u", "v", "u"], ordered=True)),
        frame_of(t=pd.date_range("2026-01-01", periods=3, tz="Europe/Paris")),
        frame_of(d=pd.date_range("2026-01-02", periods=3)),
        frame_of(i=pd.array([1, 0, 3], dtype="Int64")),
        frame_of(i=pd.array([1, None, 3], dtype="Int32")),
        frame_of(b=pd.array([True, False, False], dtype="boolean")),
        frame_of(p=pd.period_range("2026-02", periods=3, freq="M")),
        frame_of(v=pd.interval_range(1, 4)),
        frame_of(e=pd.to_timedelta([1, 2, 4], unit="s")),
    ]

    assert len({id_for_memo(one) for one in frames}) == len(frames)


def test_scalars_count_to_the_nanosecond() -> None:
    moment = pd.Timestamp("2026-01-01")
    values = [
        *(
            moment,
            moment + pd.Timedelta(1, "ns"),
            moment.tz_localize("UTC"),
            moment.to_pydatetime(),
            pd.NaT,
            pd.NA,
            None,
        ),
        *(pd.Timedelta(1, "ns"), pd.Timedelta(2, "ns"), pd.Period("2026-01"), pd.Interval(0, 1), pd.Interval(0, 2)),
    ]

    assert len({id_for_memo(value) for value in values}) == len(values)
