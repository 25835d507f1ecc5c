"""How many cores a process uses."""

import os

from meshfree.internal import batching


def test_cores_are_those_of_this_process(monkeypatch):
    for name in batching.BESIDE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert (batching.cores(), batching.search_threads(10)) == (8, 1)
    monkeypatch.setenv("MPI_LOCALNRANKS", "4")
    assert batching.cores() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert batching.cores() == 1
