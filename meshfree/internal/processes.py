"""The processes that `mpiexec` started together: which of them this one is, and how they talk and end."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .extras import require

# how many there are, as MPICH, Intel MPI and Slurm, Open MPI, and Slurm's PMIx tell a process that they start
COUNTS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
LATER = 0.5  # seconds that a process leaves to the one before it to say first what is wrong


class Processes:
    """Processes that run the same program. What is known to all of them is the same to the last bit on each.

    Every method is collective: all processes call it, in the same order.
    """

    def __init__(self, comm: Any = None):
        self.comm = comm  # of mpi4py; None: this process is alone
        self.rank = 0 if comm is None else comm.Get_rank()
        self.size = 1 if comm is None else comm.Get_size()
        self.sent = 0  # bytes that this process has given away so far
        self.iterations = 0  # of solvers, so far

    def gathered(self, own: np.ndarray) -> np.ndarray:
        """The rows of all processes below each other, in the order of the processes."""
        if self.size == 1:
            return own
        own = np.ascontiguousarray(own)
        width = int(np.prod(own.shape[1:]))
        counts = np.array(self.comm.allgather(len(own)))
        whole = np.empty((counts.sum(), *own.shape[1:]), own.dtype)
        row = self._type_of(own.dtype).Create_contiguous(max(width, 1)).Commit()
        try:
            self.comm.Allgatherv([own, len(own), row], [whole, counts, row])
        finally:
            row.Free()
        self.sent += own.nbytes
        return whole

    def summed(self, own: np.ndarray) -> np.ndarray:
        """The sum over all processes."""
        if self.size == 1:
            return own
        found = np.zeros_like(own)
        # not Allreduce, which need not give the same last bit everywhere
        self.comm.Reduce(np.ascontiguousarray(own), found, root=0)
        self.comm.Bcast(found, root=0)
        self.sent += own.nbytes
        return found

    def each(self, own: Any) -> list[Any]:
        """What every process has, any small object, in the order of the processes."""
        return [own] if self.size == 1 else self.comm.allgather(own)

    def any(self, own: bool) -> bool:
        """Whether it is true on some process."""
        return any(self.each(bool(own)))

    def of_first(self, own: Any) -> Any:
        """What the first process has, any small object."""
        return own if self.size == 1 else self.comm.bcast(own, root=0)

    def by_first(self, task: Callable[[], Any]) -> None:
        """Done by the first process while the others wait; OSError on these, too, where it fails."""
        failure: Exception | None = None
        if self.rank == 0:
            try:
                task()
            except Exception as error:
                failure = error
        told = self.of_first(None if failure is None else str(failure))
        if failure is not None:
            raise failure
        if told is not None:
            raise OSError(told)

    def end(self, status: int = 1) -> None:
        """End all processes at once, as where one has failed and others wait for it."""
        if self.size > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            self.comm.Abort(status)

    @staticmethod
    def _type_of(dtype: np.dtype) -> Any:
        from mpi4py.util.dtlib import from_numpy_dtype

        return from_numpy_dtype(dtype)


ALONE = Processes()


@functools.cache
def processes() -> Processes:
    """Those that this one was started with, by mpiexec or srun; `ALONE` without, and without mpi4py."""
    if "mpi4py.MPI" not in sys.modules and _launched() == 1:
        return ALONE
    try:
        MPI = importlib.import_module("mpi4py.MPI")
    except ImportError:
        return ALONE
    return Processes(MPI.COMM_WORLD) if MPI.COMM_WORLD.Get_size() > 1 else ALONE


@functools.cache
def together() -> Processes:
    """The same, once they are to solve one problem: an error of one ends all, and only the first warns.

    ImportError where there are others and mpi4py is missing; RuntimeError where it does not see them.
    """
    found = processes()
    if found.size > 1:
        sys.excepthook = functools.partial(_failed, found, sys.excepthook)
        if found.rank > 0:
            warnings.showwarning = _unseen  # type: ignore[assignment]
    elif _launched() > 1:
        require("mpi4py.MPI", "a problem on several processes", "start one, without mpiexec")
        raise RuntimeError(
            f"{_launched()} processes were started, and mpi4py sees one: it belongs to another MPI than mpiexec. Use "
            "the mpiexec of its MPI (python -c 'from mpi4py import MPI; print(MPI.Get_library_version())')"
        )
    return found


def _launched() -> int:
    """How many processes were started together."""
    told = [os.environ.get(name, "") for name in COUNTS]
    return max([1, *(int(count) for count in told if count.isdecimal())])


def at_work() -> Processes:
    """Those that have begun to solve together; `ALONE` where none have."""
    return together() if together.cache_info().currsize else ALONE


def is_first() -> bool:
    """Whether this process is the one that prints, draws and shows progress: the first of those that work together."""
    return at_work().rank == 0


@contextlib.contextmanager
def first_prints(stream: Any = None) -> Iterator[None]:
    """What the other processes print meanwhile, to standard output or error, is lost."""
    if is_first():
        yield
        return
    redirect = contextlib.redirect_stderr if stream is sys.stderr else contextlib.redirect_stdout
    with open(os.devnull, "w", encoding="utf-8") as nothing, redirect(nothing):
        yield


def not_shown(progress: bool | None) -> bool | None:
    """tqdm's `disable` for the user's `progress`; None: shown where standard error is a terminal."""
    return (None if progress is None else not progress) if is_first() else True


def wait_for_earlier(found: Processes) -> None:
    """Before an error is told: what all processes found, the first tells, and ends all while the others wait."""
    time.sleep(LATER * found.rank)


def _failed(found: Processes, tell: Any, *error: Any) -> None:
    wait_for_earlier(found)
    tell(*error)
    found.end(130 if issubclass(error[0], KeyboardInterrupt) else 1)


def _unseen(*told: Any, **where: Any) -> None:
    pass
