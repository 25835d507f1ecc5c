"""Processes that were started together, as one of them sees it alone; several are in `solving/test_processes.py`."""

import sys

import numpy as np
import pytest

from meshfree.internal import extras, processes
from meshfree.internal.processes import ALONE, COUNTS


@pytest.fixture
def fresh(monkeypatch):
    """As if nothing was asked yet, and mpi4py not installed."""

    def missing(module):
        raise ModuleNotFoundError(name=module.partition(".")[0])

    for name in COUNTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    monkeypatch.setattr(processes.importlib, "import_module", missing)
    assert processes.importlib is extras.importlib
    for cached in (processes.processes, processes.together):
        cached.cache_clear()
    yield monkeypatch
    for cached in (processes.processes, processes.together):
        cached.cache_clear()


def test_a_process_alone_says_everything_to_itself():
    rows = np.eye(2)
    assert ALONE.gathered(rows) is rows and ALONE.summed(rows) is rows
    assert (ALONE.each(3), ALONE.any(False), ALONE.of_first("x")) == ([3], False, "x")
    said = []
    ALONE.by_first(lambda: said.append("once"))
    assert said == ["once"]


def test_what_the_first_cannot_do_is_an_error():
    with pytest.raises(ZeroDivisionError):
        ALONE.by_first(lambda: 1 / 0)


def test_without_mpiexec_there_is_one(fresh):
    assert processes.processes() is processes.together() is ALONE
    assert processes.is_first()


def test_a_single_task_needs_no_mpi4py(fresh):
    fresh.setenv("PMI_SIZE", "1")
    assert processes.together() is ALONE


def test_each_is_by_itself_until_they_work_together(fresh):
    fresh.setenv("OMPI_COMM_WORLD_SIZE", "4")
    assert processes.processes() is ALONE
    with pytest.raises(
        ImportError, match=r"several processes needs the package mpi4py: pip install 'meshfree\[petsc\]'"
    ):
        processes.together()
