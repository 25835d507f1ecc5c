"""What meshfree finds on a machine, and whether it computes rightly there: a small solve in every space."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import threadpoolctl

from .. import kernels
from ..geometry import Disk
from ..internal import memory
from ..internal.devices import device_memory, device_name, on_host
from ..linalg.sparse_solvers import PACKAGES as OF_SOLVERS
from ..linalg.sparse_solvers import SOLVERS, package_of
from ..pde.manufactured import manufactured
from ..pde.operators import laplacian
from ..pde.problem import Problem, dirichlet
from ..plots.film_files import ffmpeg
from ..solving.automatic import solve
from ..solving.metrics import SAMPLES, error
from ..spaces import Collocation, Eigenbasis, Enriched, GaussianProcess, Multilevel, Space, Stencils

NEEDED = "jax jaxlib equinox optax jaxtyping numpy scipy matplotlib shapely threadpoolctl tqdm tyro"
PACKAGES = tuple(NEEDED.split())


class Extra(NamedTuple):
    """Packages that are no part of meshfree, and what they are good for."""

    purpose: str
    modules: tuple[str, ...]


EXTRAS = {
    "fast": Extra("weights of stencils and sparse solves in less time", ("numba", "pyamg", "rslab")),
    "mkl": Extra("the fastest sparse solves, on x86 without macOS", ("pypardiso",)),
    "geometry": Extra("meshes, triangulated surfaces, files for ParaView", ("h5py", "meshio", "trimesh")),
    "view": Extra("smooth pictures of bodies in space", ("pyvista",)),
    "petsc": Extra("sparse equations on many processes, by MPI", ("petsc4py", "mpi4py")),
}


class Trial(NamedTuple):
    """A space for the self-test, and the relative error that it may have: some five times what it has."""

    make: Callable[[], Space]
    most: float
    exact: Callable


def wave(x):
    """What most spaces are asked for."""
    return jnp.sin(2 * x[0]) * jnp.exp(x[1])


def layer(x):
    """What an enriched space is told of: steep, so that the eigenfunctions beside it leave an error of 1e-2."""
    return jnp.exp((x[0] - 1) / 0.05)


def wave_with_layer(x):
    """What it is asked for."""
    return wave(x) + layer(x)


def _eigenbasis() -> Eigenbasis:
    return Eigenbasis(kernels.Gaussian(3.0), Disk().cloud(0.15, cluster=1.0), 12)


TRIALS = {
    "Eigenbasis": Trial(_eigenbasis, 5e-8, wave),
    "Collocation": Trial(lambda: Collocation(kernels.Matern(5.5, 2.0), Disk().cloud(0.15)), 1e-4, wave),
    "Stencils": Trial(lambda: Stencils(kernels.Polyharmonic(5), Disk().cloud(0.08), 4), 5e-5, wave),
    "Multilevel": Trial(
        lambda: Multilevel(kernels.Wendland(4, 3, 1.5), [Disk().cloud(0.3), Disk().cloud(0.15)]), 5e-2, wave
    ),
    "GaussianProcess": Trial(lambda: GaussianProcess(kernels.Matern(5.5, 2.0), Disk().cloud(0.2)), 5e-4, wave),
    "Enriched": Trial(lambda: Enriched(_eigenbasis(), [layer]), 5e-8, wave_with_layer),
}


# ------------------------------------------------------------------------------------------------ what there is


def versions() -> list[tuple[str, str]]:
    """Of Python, of meshfree and of the packages that it needs."""
    python = f"{platform.python_version()} on {platform.platform()}"
    return [("python", python), *((package, version(package)) for package in ("meshfree", *PACKAGES))]


def version(package: str) -> str:
    """That of an installed package, in words where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed" + f", used from {Path(__file__).parents[1]}" * (package == "meshfree")


def machine() -> list[tuple[str, str]]:
    """Devices, libraries for matrices, memory, and the folder of compiled programs."""
    return [
        ("devices", devices()),
        ("blas", "; ".join(_blas()) or "unknown"),
        ("solvers", f"sparse: {', '.join(_sparse_solvers())}"),
        ("memory", f"{_gigabytes(memory.installed())} for this process, {_gigabytes(memory.available())} free"),
        ("movies", "MP4 and GIF" if ffmpeg() else "GIF; for MP4 install ffmpeg, or pip install imageio-ffmpeg"),
        ("cache", _cache()),
    ]


def devices() -> str:
    """Those that JAX sees, which of them it uses, and the cores of the host."""
    used = "" if on_host() else f"; {device_name()} is used, {_gigabytes(device_memory())} of it"
    return f"{', '.join(map(str, jax.devices()))}{used}; {_cores()} cores"


def missing() -> list[tuple[str, str]]:
    """The extras that are not there, or not whole: how to install them, and what for."""
    found = []
    for name, extra in EXTRAS.items():
        absent = [module for module in extra.modules if find_spec(module) is None]
        if absent:
            found.append((f"pip install 'meshfree[{name}]'", f"{extra.purpose} ({', '.join(absent)})"))
    return found


def _cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def _blas() -> list[str]:
    """The libraries of NumPy and SciPy, each once."""
    told = [
        f"{library['internal_api']} {library['version']}, {library['num_threads']} threads"
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    ]
    return list(dict.fromkeys(told))


def _sparse_solvers() -> Iterator[str]:
    """Those that can be used, with the versions of their packages."""
    for name in SOLVERS:
        if name not in OF_SOLVERS:
            yield name
            continue
        try:
            package_of(name)
        except ImportError:
            continue
        yield f"{name} ({OF_SOLVERS[name]} {version(OF_SOLVERS[name])})"


def _cache() -> str:
    """Where compiled programs are kept, and what is there."""
    found = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if found is None:
        return "none: every process compiles anew (set jax_compilation_cache_dir)"
    folder = Path(found)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        return f"{folder} cannot be written: every process compiles anew (set XDG_CACHE_HOME to another folder)"
    sizes = [path.stat().st_size for path in folder.glob("*") if path.is_file()]
    return f"{folder}, {len(sizes)} files, {sum(sizes) / 2**20:.0f} MiB"


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size < float("inf") else "unlimited"


# --------------------------------------------------------------------------------------------------- self-test


class Verdict(NamedTuple):
    """What came of a trial; `problem` is empty where it is as it should be."""

    space: str
    unknowns: int
    error: float
    seconds: float
    problem: str

    def __str__(self) -> str:
        if not self.unknowns:
            return f"{self.space:<16} FAILED: {self.problem}"
        told = f"FAILED: {self.problem}" if self.problem else "ok"
        return f"{self.space:<16} {self.unknowns:>4} unknowns, error {self.error:.1e}, {self.seconds:.2f} s  {told}"


def self_test() -> Iterator[Verdict]:
    """−Δu = f on the unit disk in every space, its error at independent points; one after the other, as they are done.

    Whatever goes wrong in one, the others are tried.
    """
    for name, trial in TRIALS.items():
        began = time.perf_counter()
        try:
            problem = _problem(trial.exact)
            u = solve(problem, trial.make())
            found = float(error(problem, u))
        except Exception as fault:
            told = " ".join(f"{type(fault).__name__}: {fault}".split())
            yield Verdict(name, 0, float("nan"), time.perf_counter() - began, told)
            continue
        wrong = "" if found <= trial.most else f"at most {trial.most:.0e} is expected"  # NaN is wrong too
        yield Verdict(name, u.space.size, found, time.perf_counter() - began, wrong)


TITLE = f"−Δu = f on the disk in every space; relative errors at {SAMPLES} independent points"


def _problem(exact: Callable) -> Problem:
    residual = manufactured(lambda u, x: -laplacian(u)(x), exact)
    return Problem(Disk(), interior=residual, boundary=dirichlet(exact), exact=exact)
