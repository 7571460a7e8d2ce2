"""Tests against real servers: `make real` installs them, and a test that cannot run fails instead of skipping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a skipped test as the failure it is here: nothing would have been verified."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = refusal(item, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Likewise a module that skips itself."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = refusal(collector, report)
    return report


def refusal(skipped: pytest.Item | pytest.Collector, report: pytest.TestReport | pytest.CollectReport) -> str:
    """Where it was skipped, and why that will not do."""
    return f"{skipped.nodeid} was skipped, and nothing in tests/real may be: {report.longrepr}"
