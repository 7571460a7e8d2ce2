"""What joins two faces: a resource that runs an app, and a future that waits for resources.

Dataflows and experiments know nothing of one another. Whoever needs both says so here::

    from headrace import bridges

    analysis = bridges.python_task(ec, analyse, "capture.pcap")  # a resource
    ec.register_condition(analysis, "START", capture, "FINISHED")
    report(bridges.future_of(ec, analysis), after=bridges.when(ec, server, "STOPPED"))  # a task
"""

from __future__ import annotations

from headrace.bridges.python_task import PythonTask, future_of, python_task
from headrace.bridges.when import when

__all__ = ["PythonTask", "future_of", "python_task", "when"]
