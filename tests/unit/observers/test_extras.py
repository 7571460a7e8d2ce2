"""An observer whose package is not installed says which extra brings it; the others need none."""

from __future__ import annotations

import subprocess
import sys

import pytest

import headrace.observers


@pytest.mark.parametrize(
    ("name", "module", "package", "extra"),
    [
        ("PrometheusObserver", "prometheus", "prometheus_client", "metrics"),
        ("OpenTelemetryObserver", "opentelemetry", "opentelemetry", "tracing"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, f"headrace.observers.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # What makes an import fail.

    with pytest.raises(ImportError, match=rf"{name} needs .*: pip install 'headrace\[{extra}\]'"):
        getattr(headrace.observers, name)


def test_a_name_that_is_not_there_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Observers'"):
        _ = headrace.observers.Observers


def test_nothing_of_them_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, headrace.observers; print({'prometheus_client', 'opentelemetry'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
