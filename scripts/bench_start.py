"""What a user waits for: five scripts in fresh processes, with empty and then with filled caches on disk.

    python scripts/bench_start.py                  about two minutes on two quiet cores
    python scripts/bench_start.py stencils -n 5    one of them, median of five pairs of runs

Phases, in seconds of the wall clock: `jax`, its import; `meshfree`, its import after that; `nodes`; `solve`, the first
one, tuning included; `picture`. `CPU` is that of the process and all its threads from start to end, and `programs` the
number that JAX compiled, or took from its cache, between the import and the picture.
"""

import argparse
import importlib
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHASES = ("jax", "meshfree", "nodes", "solve", "picture")
COMPILED = "/jax/core/compile/backend_compile_duration"


def membrane():
    """The README's problem, by translates of a kernel that is tuned."""
    import meshfree as mf

    domain = mf.Disk() - mf.Disk(center=(0.3, 0.0), radius=0.3, name="hole")
    problem = mf.Problem(
        domain,
        interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 3 + 10.0,
        hole=mf.neumann(0.0),
        boundary=mf.dirichlet(0.0),
    )
    cloud = yield lambda: domain.cloud(spacing=0.08)

    def tuned_and_solved():
        space = mf.Collocation(mf.Matern(nu=5.5, scale=1.0), cloud)
        space, _ = mf.tune(mf.losses.leave_one_out(problem), space, steps=20, progress=False)
        return mf.solve(problem, space)

    yield tuned_and_solved


def _poisson(spacing, space_on, cubic=False, **options):
    import meshfree as mf

    problem = mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.laplacian(u)(x) + 10.0 - (u(x) ** 3 if cubic else 0.0),
        boundary=mf.dirichlet(0.0),
    )
    cloud = yield lambda: problem.domain.cloud(spacing, **options)
    yield lambda: mf.solve(problem, space_on(mf, cloud))


def eigenfunctions():
    """Poisson's equation by eigenfunctions of degree 20."""
    return _poisson(0.1, lambda mf, cloud: mf.Eigenbasis(mf.Gaussian(3.0), cloud, 20), cluster=1)


def translates():
    """Poisson's equation by some 400 translates."""
    return _poisson(0.1, lambda mf, cloud: mf.Collocation(mf.Matern(5.5, 1.0), cloud), cluster=1)


def stencils():
    """Poisson's equation on some 5000 stencils of degree 4."""
    return _poisson(0.026, lambda mf, cloud: mf.Stencils(mf.Polyharmonic(5), cloud, 4))


def cubic():
    """A nonlinear equation on some 5000 stencils."""
    return _poisson(0.026, lambda mf, cloud: mf.Stencils(mf.Polyharmonic(5), cloud, 4), cubic=True)


SCRIPTS = {script.__name__: script for script in (membrane, eigenfunctions, translates, stencils, cubic)}


def run(name: str) -> None:
    """One script in this process; prints the seconds of its phases and the programs as JSON."""
    times, programs = [time.perf_counter()], []
    jax = importlib.import_module("jax")
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: programs.append(event))
    times.append(time.perf_counter())
    mf = importlib.import_module("meshfree")
    times.append(time.perf_counter())
    importlib.import_module("meshfree.run.command_line").configure_jax()
    steps = SCRIPTS[name]()
    cloud = next(steps)()
    times.append(time.perf_counter())
    u = steps.send(cloud)()
    jax.block_until_ready(u.coefficients)
    times.append(time.perf_counter())
    mf.plot(u, f"{name}.png")
    times.append(time.perf_counter())
    seconds = dict(zip(PHASES, (b - a for a, b in itertools.pairwise(times)), strict=True))
    print(json.dumps(seconds | {"programs": programs.count(COMPILED)}))


def measured(name: str, caches: str) -> dict[str, float]:
    """`run` in a process of its own, in a folder and with caches of its own, and what that took in all."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("NUMBA_CACHE_DIR", "PYTHONPATH")}
    inherited |= {"JAX_COMPILATION_CACHE_DIR": str(Path(caches, "jax")), "XDG_CACHE_HOME": caches}
    sources = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent)])
    code = f"import bench_start; bench_start.run({name!r})"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command, environment = [sys.executable, "-c", code], inherited | {"PYTHONPATH": sources}
    done = subprocess.run(command, env=environment, cwd=caches, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    total, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout.splitlines()[-1]) | {"total": total, "CPU": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", help=f"of {', '.join(SCRIPTS)}; all by default")
    parser.add_argument("-n", "--repetitions", type=int, default=1)
    chosen = parser.parse_args()
    if unknown := set(chosen.scripts) - set(SCRIPTS):
        parser.error(f"no script {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    columns = (*PHASES, "total", "CPU", "programs")
    print(f"{'script':<15} {'caches':<7}", *(f"{column:>8}" for column in columns))
    for name in chosen.scripts or SCRIPTS:
        runs: dict[str, list[dict[str, float]]] = {"empty": [], "filled": []}
        for _ in range(chosen.repetitions):
            with tempfile.TemporaryDirectory() as caches:
                for found in runs.values():
                    found.append(measured(name, caches))
        for state, found in runs.items():
            medians = {column: sorted(each[column] for each in found)[len(found) // 2] for column in columns}
            shown = (f"{medians[c]:8.0f}" if c == "programs" else f"{medians[c]:8.2f}" for c in columns)
            print(f"{name:<15} {state:<7}", *shown)


if __name__ == "__main__":
    main()
