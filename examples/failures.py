"""What becomes of a failure: it is tried again, and if that is in vain, whoever asks is told what it took along."""

from __future__ import annotations

import headrace
from headrace import Backoff, DependencyError, python_app

READINGS = {"Harbour": 12.5, "Airport": 9.5}
calls: list[str] = []


@python_app(retries=2, backoff=Backoff(initial=0.05))
def read(station: str) -> float:
    """Read a station's thermometer; no station answers the first call."""
    calls.append(station)
    if calls.count(station) == 1:
        raise TimeoutError(f"{station} does not answer")
    return READINGS[station]


@python_app
def mean(inputs: list[float]) -> float:
    """Take the mean."""
    return sum(inputs) / len(inputs)


if __name__ == "__main__":
    with headrace.load():
        harbour, airport, summit = read("Harbour"), read("Airport"), read("Summit")
        lowlands = mean(inputs=[harbour, airport])
        everywhere = mean(inputs=[harbour, airport, summit])

        print(f"lowlands: {lowlands.result()}")
        try:
            print(f"everywhere: {everywhere.result()}")
        except DependencyError as error:
            print(f"everywhere: {' <- '.join(error.path)}: {error.root_cause!r}")
        print(f"the summit was called {calls.count('Summit')} times")
