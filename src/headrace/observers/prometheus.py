"""Metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from headrace.observers.attempts import Attempts
from headrace.observers.observer import Observer

try:
    import prometheus_client
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ImportError(
        f"PrometheusObserver needs prometheus-client: pip install 'headrace[metrics]': {error}"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from headrace.observers.observation import Observation
    from headrace.observers.run_info import RunInfo

__all__ = ["PrometheusObserver"]

_HOST: Final = "127.0.0.1"
#: From a millisecond to a day.
_BUCKETS: Final = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 21600.0, 86400.0)
# Each name is a time series for ever: those of units that are called by what they work on would be without number.
_NAMES_AT_MOST: Final = 500
_OTHERS: Final = "(others)"
_AGAIN: Final = "(again)"

#: Kind, name and state: the labels of a time series.
_Key = tuple[str, str, str]


class PrometheusObserver(Observer):
    """Counts what happens in all runs that it observes, for Prometheus.

    ======================================  ===================================================================
    ``headrace_moves_total``                moves, by ``kind``, ``name`` (a task's app) and the new ``state``
    ``headrace_units``                      units in each state now, by ``kind`` and ``state``; those that have
                                            ended stay counted
    ``headrace_attempt_seconds``            histogram of how long attempts took from being launched to their
                                            end, by ``kind``, ``name`` and ``outcome``: the final state, or
                                            ``(again)`` if another attempt followed
    ``headrace_missed_moves_total``         moves that are not counted above, because too many came at once
    ======================================  ===================================================================

    Names after the first 500 are counted as ``(others)``.

    Args:
        port: serve the metrics at ``http://127.0.0.1:PORT/metrics`` until `close`; 0 for any free port. Not served
            unless given: hand `registry` to whatever serves or pushes it.
        registry: where the metrics are; one of its own unless given.
        buckets: the upper bounds of the histogram, in seconds; from a millisecond to a day unless given.

    Raises:
        OSError: the port cannot be had; the message names it.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        registry: prometheus_client.CollectorRegistry | None = None,
        buckets: Sequence[float] = _BUCKETS,
    ) -> None:
        self.registry = registry if registry is not None else prometheus_client.CollectorRegistry()
        self._moves = prometheus_client.Counter(
            "headrace_moves", "Moves of units", ["kind", "name", "state"], registry=self.registry
        )
        self._seconds = prometheus_client.Histogram(
            "headrace_attempt_seconds",
            "Seconds from the launch of an attempt to its end",
            ["kind", "name", "outcome"],
            registry=self.registry,
            buckets=tuple(buckets),
        )
        self._missed = prometheus_client.Counter(
            "headrace_missed_moves", "Moves that are not counted, because too many came at once", registry=self.registry
        )
        self._units = _Units()
        self.registry.register(self._units)
        self._attempts: dict[str, Attempts[_Begun]] = {}
        self._names: set[str] = set()
        self._server = None if port is None else _serve(port, self.registry)

    @property
    def port(self) -> int | None:
        """The port at which the metrics are served now."""
        return None if self._server is None else self._server.server_port

    def close(self) -> None:
        """Serve no more. Can be repeated."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def started(self, run: RunInfo) -> None:
        """Begin to count a run."""
        self._units.begin(run)
        self._attempts[run.id] = Attempts()

    def transitions(self, run: RunInfo, batch: Sequence[Observation]) -> None:
        """Count them."""
        attempts = self._attempts[run.id]
        moves: Counter[_Key] = Counter()
        for move in batch:
            name = self._label(move.unit.name)
            moves[move.kind, name, move.state.name] += 1
            if move.ends_attempt:
                begun = attempts.end(move)
                if begun is not None:
                    begun.ended(self._seconds, _AGAIN if move.is_anew else move.state.name, move.at)
            if move.begins_work:
                attempts.begin(move, _Begun(move.kind, name, move.at))
        for key, number in moves.items():
            self._moves.labels(*key).inc(number)

    def missed(self, run: RunInfo, number: int) -> None:
        """Count how many are not counted; and take the attempts that have ended from what their units say."""
        self._missed.inc(number)
        for over in self._attempts[run.id].over():
            if over.state is not None and over.at is not None:
                over.value.ended(self._seconds, over.state.name, over.at)

    def ended(self, run: RunInfo) -> None:
        """Keep what was counted, and nothing else."""
        self._units.end(run)
        del self._attempts[run.id]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PrometheusObserver({'' if self.port is None else f'port={self.port}'})"

    def _label(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= _NAMES_AT_MOST:
                return _OTHERS
            self._names.add(name)
        return name


class _Begun:
    """An attempt that has begun."""

    __slots__ = ("at", "kind", "name")

    def __init__(self, kind: str, name: str, at: float) -> None:
        self.kind = kind
        self.name = name
        self.at = at

    def ended(self, seconds: prometheus_client.Histogram, outcome: str, at: float) -> None:
        seconds.labels(self.kind, self.name, outcome).observe(max(0.0, at - self.at))


class _Units(Collector):
    """How many units are in each state: asked of the runs at each scrape, so that it is right whatever was missed."""

    def __init__(self) -> None:
        self._runs: dict[str, RunInfo] = {}
        # Those of the runs that have ended.
        self._before: Counter[tuple[str, str]] = Counter()

    def begin(self, run: RunInfo) -> None:
        self._runs[run.id] = run

    def end(self, run: RunInfo) -> None:
        before = Counter(self._before)
        # Not by `+`, which would leave out what is zero, and a series that goes away looks like one that is not known.
        before.update(_flat(run.counts()))
        # A scrape between the two lacks this run for a moment; the other way round it would count it twice.
        del self._runs[run.id]
        self._before = before

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return what Prometheus asks for."""
        counts = Counter(self._before)
        for run in list(self._runs.values()):
            counts.update(_flat(run.counts()))
        family = GaugeMetricFamily("headrace_units", "Units in each state", labels=["kind", "state"])
        for labels, number in sorted(counts.items()):
            family.add_metric(labels, number)
        yield family


def _flat(counts: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    return Counter({(kind, state): number for kind, states in counts.items() for state, number in states.items()})


def _serve(
    port: int, registry: prometheus_client.CollectorRegistry
) -> prometheus_client.exposition.ThreadingWSGIServer:
    try:
        server, _ = prometheus_client.start_http_server(port, _HOST, registry)
    except OSError as error:
        raise OSError(
            error.errno, f"metrics cannot be served at {_HOST}:{port}: {error.strerror}; choose another port, or 0"
        ) from error
    return server  # type: ignore[return-value]  # made of it
