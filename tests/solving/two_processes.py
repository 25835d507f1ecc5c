"""What `test_processes.py` starts by mpiexec: every problem solved by both processes together, and by each alone.

mpiexec -n 2 python two_processes.py solve FOLDER      prints how far the two solutions are apart, as JSON
mpiexec -n 2 python two_processes.py kill FOLDER       the second process is killed while the first waits for it
mpiexec -n 2 python two_processes.py fail FOLDER       the second process has an error of its own
mpiexec -n 2 python two_processes.py refuse FOLDER     prints what is not solved together, as JSON
"""

import json
import os
import signal
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from mpi4py import MPI

import meshfree as mf

SQUARE, RANK = mf.Box(), MPI.COMM_WORLD.Get_rank()


def apart(u, v):
    """The relative distance of two arrays."""
    u, v = np.asarray(u), np.asarray(v)
    return float(np.linalg.norm(u - v) / np.linalg.norm(v))


def wave(x):
    return jnp.sin(2 * x[0] + x[1])


LINEAR = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) - mf.gradient(u)(x)[0] + 5 * wave(x),
    boundary=mf.dirichlet(wave),
    left=mf.neumann(lambda x: -2 * jnp.cos(2 * x[0] + x[1])),
)
NONLINEAR = mf.Problem(
    mf.Disk(), interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 3 + 1.0, boundary=mf.robin(1.0, 0.5, 0.0)
)
CUBE = mf.Problem(
    mf.Box((0, 0, 0), (1, 1, 1)),
    interior=lambda u, x: mf.laplacian(u)(x) + 3 * jnp.pi**2 * jnp.prod(jnp.sin(jnp.pi * x)),
    boundary=mf.dirichlet(0.0),
)
COUPLED = mf.Problem(
    SQUARE,
    fields=2,
    interior=lambda u, x: jnp.stack([mf.laplacian(u[0])(x) - u(x)[1], mf.laplacian(u[1])(x) + u(x)[0] + 1.0]),
    boundary=mf.dirichlet(0.0),
)
HEAT = mf.Problem(
    mf.Disk(),
    interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x),
    boundary=mf.dirichlet(lambda x, t: x[0] * t),
    initial=lambda x: 1 - x @ x,
)
SPACES = {
    "linear": (LINEAR, mf.Stencils(None, SQUARE.cloud(0.05), ghost="left")),
    "nonlinear": (NONLINEAR, mf.Stencils(None, mf.Disk().cloud(0.1))),
    "cube": (CUBE, mf.Stencils(None, CUBE.domain.cloud(0.15), 2)),
    "graded": (LINEAR, mf.Stencils(None, SQUARE.cloud(lambda x: 0.03 + 0.1 * x[0]), ghost="left")),
    "system": (COUPLED, mf.Stencils(None, SQUARE.cloud(0.08), 3)),
}


def loss(rate, solver):
    problem = mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.laplacian(u)(x) - rate[0] * u(x) ** 3 + rate[1] * wave(x),
        boundary=mf.dirichlet(lambda x: rate[1]),
    )
    u = mf.solve(problem, SPACES["nonlinear"][1], solver=solver)
    return jnp.sum(u.coefficients**2)


def solve(folder: Path) -> dict:
    found = {}
    for name, (problem, space) in SPACES.items():
        together, alone = (mf.solve(problem, space, solver=solver) for solver in ("petsc", "superlu"))
        found[name] = apart(together.coefficients, alone.coefficients)
        if name == "linear":
            X = np.random.default_rng(RANK).uniform(0.1, 0.9, (20, 2))  # each asks for points of its own
            found["values"] = apart(together(X), alone(X))
            found["residual"] = apart(*([u.stats["residual"]["left"] + 1] for u in (together, alone)))
            found["processes"] = together.stats["processes"]
            together.save(folder / "u.pvtu", exact=wave)
            together.save(folder / "u.npz")
            found["loaded"] = apart(mf.Solution.load(folder / "u.npz")(X), alone(X))
            mf.plot(together, folder / "u.png")
    together, alone = (mf.evolve(HEAT, SPACES["nonlinear"][1], (0, 0.1), solver=s) for s in ("petsc", "superlu"))
    found["heat"] = apart(together.at(0.1).coefficients, alone.at(0.1).coefficients)
    found["steps"] = [len(together.times), len(alone.times)]
    gradients = [jax.grad(loss)(jnp.array([0.7, 1.3]), solver) for solver in ("petsc", "superlu")]
    found["gradient"] = apart(*gradients)
    return found


def refuse(folder: Path) -> dict:
    space, found = mf.Stencils(None, SQUARE.cloud(0.1)), {}

    def said(name, task):
        try:
            task()
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"

    mean = mf.Problem(
        SQUARE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.neumann(0.0), mean=lambda u, x: u(x)
    )
    other = mf.Stencils(None, SQUARE.cloud(0.1 + 0.02 * RANK))
    said("mean", lambda: mf.solve(mean, space, solver="petsc"))
    said("points", lambda: mf.solve(LINEAR, space, points=SQUARE.cloud(0.05), solver="petsc"))
    said("nodes", lambda: mf.solve(LINEAR, other, solver="petsc"))
    said("space", lambda: mf.solve(LINEAR, mf.Collocation(mf.Matern(3.5), SQUARE.cloud(0.2)), solver="petsc"))
    said("jit", lambda: jax.jit(lambda rate: loss(rate, "petsc"))(jnp.array([0.7, 1.3])))
    said("options", lambda: mf.solve(LINEAR, space, petsc="-pc_type nonsense"))
    return found


def fail(folder: Path) -> dict:
    u = mf.solve(LINEAR, mf.Stencils(None, SQUARE.cloud(0.1)), solver="petsc")
    if RANK == 1:
        raise ArithmeticError("of the second process")
    u.save(folder / "u.pvtu")
    return {"saved": True}


def kill(folder: Path) -> dict:
    u = mf.solve(LINEAR, mf.Stencils(None, SQUARE.cloud(0.1)), solver="petsc")
    if RANK == 1:
        print("killed", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    u.save(folder / "u.pvtu")
    return {"saved": True}


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)  # as in `conftest.py`
    found = {"solve": solve, "kill": kill, "fail": fail, "refuse": refuse}[sys.argv[1]](Path(sys.argv[2]))
    for rank, of_each in enumerate(MPI.COMM_WORLD.allgather(found)):
        if RANK == 0:
            print(f"result {rank}", json.dumps(of_each), flush=True)
