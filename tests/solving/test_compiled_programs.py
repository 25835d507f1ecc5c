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
problem = mf.Problem(mf.Disk(), interior=lambda u, x: mf.laplacian(u)(x) + x[0], boundary=mf.dirichlet(0.0))
counts = {}


def counted(name, task):
    compiled.clear()
    task()
    counts[name] = compiled.count(names)


cloud = mf.Disk().cloud(0.25)
counted("dense", lambda: mf.solve(problem, mf.Collocation(mf.Matern(5.5, 1.0), cloud)))
counted("stencils", lambda: mf.solve(problem, mf.Stencils(mf.Polyharmonic(3), cloud, 2)))
counted("again", lambda: mf.solve(problem, mf.Stencils(mf.Polyharmonic(3), cloud, 2)))
print(json.dumps(counts))
"""
BUDGET = {"dense": 6, "stencils": 4, "again": 0}


@pytest.fixture(scope="module")
def counts():
    sources = {"PYTHONPATH": str(Path(mf.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", CODE], env=os.environ | sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("what", BUDGET)
def test_a_first_solve_compiles_few_programs(counts, what):
    print(counts)
    assert counts[what] <= BUDGET[what]
