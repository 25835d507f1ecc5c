"""How many programs a first solve compiles in a fresh process: each costs a tenth of a second and more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import meshfree as mf

CODE = """
import json, jax
import meshfree as mf

jax.config.update("jax_enable_x64", True)
compiled = []
jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
names = "/jax/core/compile/backend_compile_duration"
disk = mf.Disk()
cloud, finer = disk.cloud(0.25), disk.cloud(0.2)
counts = {}


def problem(rate):
    def interior(rate, u, x):
        return mf.laplacian(u)(x) - rate * u(x) + 1.0

    return mf.Problem(
        disk, interior=jax.tree_util.Partial(interior, rate), boundary=mf.dirichlet(lambda x: 0.0), exact=lambda x: x[0]
    )


def nonlinear():
    return mf.Problem(disk, interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 3 + 1.0, boundary=mf.dirichlet(0.0))


def counted(name, task):
    compiled.clear()
    task()
    counts[name] = compiled.count(names)


def eigenfunctions(cloud, degree):
    return mf.Eigenbasis(mf.Gaussian(1.0), cloud, degree)


def stencils(cloud):
    return mf.Stencils(mf.Polyharmonic(3), cloud, 2)


counted("eigenfunctions", lambda: mf.solve(problem(1.0), eigenfunctions(cloud, 5)))
counted("another degree", lambda: mf.solve(problem(1.0), eigenfunctions(cloud, 6)))
counted("another spacing", lambda: mf.solve(problem(1.0), eigenfunctions(finer, 5)))
counted("another parameter", lambda: mf.solve(problem(2.0), eigenfunctions(finer, 5)))
counted("another space", lambda: mf.solve(problem(1.0), mf.Collocation(mf.Matern(5.5, 1.0), cloud)))
counted("another scale", lambda: mf.solve(problem(1.0), mf.Collocation(mf.Matern(5.5, 1.1), finer)))
tuned = lambda cloud, check: mf.tune(
    mf.losses.residual(problem(1.0), disk.cloud(check, seed=1)),
    mf.Collocation(mf.Matern(5.5, 1.1), cloud),
    steps=1,
    progress=False,
)
counted("tuning step", lambda: tuned(cloud, 0.22))
counted("another tuning step", lambda: tuned(finer, 0.18))
counted("values", lambda: mf.solve(problem(1.0), eigenfunctions(cloud, 5))(disk.sample(50)))
counted("stencils", lambda: mf.solve(problem(1.0), stencils(cloud)))
counted("finer stencils", lambda: mf.solve(problem(1.0), stencils(finer)))
counted("nonlinear", lambda: mf.solve(nonlinear(), eigenfunctions(cloud, 5)))
counted("nonlinear, again", lambda: mf.solve(nonlinear(), eigenfunctions(finer, 6)))
counted("error", lambda: mf.error(problem(1.0), mf.solve(problem(1.0), eigenfunctions(cloud, 5))))
counted("another error", lambda: mf.error(problem(1.0), mf.solve(problem(1.0), eigenfunctions(finer, 5))))
print(json.dumps(counts))
"""
BUDGET = {
    "eigenfunctions": 2,  # that of the interior, that of the boundary
    "another degree": 0,
    "another spacing": 0,
    "another parameter": 0,
    "another space": 3,  # the rows of its kernel: of the interior, of the boundary, and between the nodes
    "another scale": 0,
    "tuning step": 4,  # the optimiser's start and step, how the rows of the interior and of the boundary change
    "another tuning step": 0,
    "values": 0,
    "stencils": 3,
    "finer stencils": 0,
    "nonlinear": 2,
    "nonlinear, again": 0,
    "error": 1,
    "another error": 0,
}


@pytest.fixture(scope="module")
def counts():
    sources = {"PYTHONPATH": str(Path(mf.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", CODE], env=os.environ | sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("what", BUDGET)
def test_a_first_solve_compiles_few_programs(counts, what):
    assert counts[what] <= BUDGET[what]
