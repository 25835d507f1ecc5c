"""Run by `test_several_devices.py` on four virtual devices, with names of functions: prints what they find as JSON."""

import json
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.internal.devices import mesh_over
from meshfree.linalg.factor import factor

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_disable_most_optimizations", True)

FOUR = jax.devices()
SQUARE = mf.Box((0.0, 0.0), (1.0, 1.0))
CLOUD = SQUARE.cloud(0.17, cluster=1.0)
X = SQUARE.sample(50)


class Reaction(eqx.Module):
    """Δu − rate u³ + exp x₀."""

    rate: float

    def __call__(self, u, x):
        return mf.laplacian(u)(x) - self.rate * u(x) ** 3 + jnp.exp(x[0])


def eigenfunctions(scale=3.0):
    return mf.Eigenbasis(mf.Gaussian(scale), CLOUD, 6)


def reacting(rate=2.0):
    return mf.Problem(SQUARE, interior=Reaction(rate), boundary=mf.dirichlet(lambda x: x[0] * x[1]))


POISSON = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) + jnp.exp(x[0]),
    right=mf.neumann(0.0),
    boundary=mf.dirichlet(lambda x: x[0] * x[1]),
)
CASES = {
    "nonlinear, in least squares": (reacting(), eigenfunctions()),
    "square, with side conditions": (POISSON, mf.Collocation(mf.Polyharmonic(5), CLOUD, degree=2)),
}
MORE_CASES = {
    "two fields": (
        mf.Problem(
            SQUARE,
            interior=lambda u, x: mf.laplacian(u)(x) + u(x)[::-1] + jnp.exp(x[0]),
            boundary=mf.dirichlet(jnp.array([1.0, 2.0])),
            fields=2,
        ),
        mf.Eigenbasis(mf.Gaussian(3.0), CLOUD, 4),
    ),
    "rank-deficient": (POISSON, mf.Collocation(mf.Gaussian(0.9), CLOUD)),
}


def solutions():
    """Of one device and of four: how far they are apart, and what they say."""
    return _compared(CASES)


def more_solutions():
    """The same of dearer cases."""
    return _compared(MORE_CASES)


def _compared(cases):
    found = {}
    for name, (problem, space) in cases.items():
        one, four = mf.solve(problem, space), mf.solve(problem, space, devices=4)
        apart = float(np.max(np.abs(one(X) - four(X))) / np.max(np.abs(one(X))))
        told = [[int(u.stats[what]) for what in ("rank", "rows", "unknowns", "steps")] for u in (one, four)]
        parts = [[u.stats["residual"][part] for part in one.stats["residual"]] for u in (one, four)]
        found[name] = {
            "apart": apart,
            "told": told,
            "residuals": parts,
            "off_nodes": [u.stats["off_nodes"] for u in (one, four)],
            "device": [u.stats["device"] for u in (one, four)],
        }
    return found


def shares():
    """Of each device in the matrix, in Q and in R."""
    space = eigenfunctions()
    system = assemble(POISSON, space, mesh=mesh_over(4))
    _, matrix, _ = system.assembled(np.zeros(space.size))
    factored = factor(matrix)
    arrays = {"matrix": matrix.rows, "q": factored.q, "r": factored.r}
    of_each = {name: [shard.data.size for shard in array.addressable_shards] for name, array in arrays.items()}
    whole = {name: array.size for name, array in arrays.items()}
    rows = sum(int(np.any(np.asarray(shard.data), axis=1).sum()) for shard in matrix.rows.addressable_shards)
    compiled = jax.jit(lambda c: system.linearised(c)[1].rows).lower(jnp.zeros(space.size)).compile()
    gathered = "all-gather" in compiled.as_text()
    return {"of each": of_each, "whole": whole, "rows": rows, "shape": matrix.shape, "gathered": gathered}


def derivatives():
    """Of the value at a point by the kernel's scale and a coefficient, forward and reverse, and by differences."""

    def value(scale, rate, devices):
        return mf.solve(reacting(rate), eigenfunctions(scale), devices=devices)(jnp.array([0.3, 0.4]))

    at = (1.5, 2.0)
    h = 1e-4
    by_scale = (value(1.5 + h, 2.0, 4) - value(1.5 - h, 2.0, 4)) / (2 * h)
    by_rate = (value(1.5, 2.0 + h, 4) - value(1.5, 2.0 - h, 4)) / (2 * h)
    found = {
        "differences": (by_scale, by_rate),
        "one": jax.grad(value, (0, 1))(*at, 1),
        "reverse": jax.grad(value, (0, 1))(*at, 4),
        "forward": jax.jacfwd(value, (0, 1))(*at, 4),
    }
    return {name: [float(one) for one in both] for name, both in found.items()}


def batches():
    """A sweep of parameters, one of scales, and a tuning scan: beside one after the other on one device."""
    rates, spaces = (0.5, 1.0, 2.0), [eigenfunctions(scale) for scale in (1.5, 2.0)]
    problems = [reacting(rate) for rate in rates]
    by_rate, by_scale = mf.sweep(problems, spaces[0], devices=4), mf.sweep(POISSON, spaces, devices=FOUR[:2])
    one = [mf.solve(problem, spaces[0]) for problem in problems] + [mf.solve(POISSON, space) for space in spaces]
    apart = [float(np.max(np.abs(u(X) - v(X)))) for u, v in zip([*by_rate, *by_scale], one, strict=True)]
    space = mf.Collocation(mf.Matern(2.5, 0.1), CLOUD)
    loss = mf.losses.leave_one_out(POISSON)
    runs = {
        "search": [mf.tune(POISSON, space, steps=9, devices=devices)[1] for devices in (1, 4)],
        "scan": [mf.tune(loss, space, steps=1, scan=5, devices=devices)[1] for devices in (1, 4)],
    }
    return {
        "apart": apart,
        "devices": [u.stats["device"] for u in (*by_rate, *by_scale)],
        "told": [[u.stats["steps"], u.stats["rank"]] for u in by_rate],
        "told one": [[u.stats["steps"], u.stats["rank"]] for u in one[: len(rates)]],
        **{name: [history.loss.tolist() for history in both] for name, both in runs.items()},
    }


def refusals():
    """The messages of errors."""
    space, cloud = eigenfunctions(), SQUARE.cloud(0.1)
    stencils = mf.Stencils(None, cloud, 2)
    loss = mf.losses.leave_one_out(POISSON)
    calls = {
        "more than there are": lambda: mf.solve(POISSON, space, devices=5),
        "none": lambda: mf.solve(POISSON, space, devices=0),
        "negative": lambda: mf.solve(POISSON, space, devices=-1),
        "twice": lambda: mf.solve(POISSON, space, devices=[FOUR[0], FOUR[0]]),
        "text": lambda: mf.solve(POISSON, space, devices="four"),
        "sparse": lambda: mf.solve(POISSON, stencils, devices=4),
        "lu": lambda: mf.solve(POISSON, space, devices=4, solver="svd"),
        "process": lambda: mf.solve(POISSON, mf.GaussianProcess(mf.Matern(5.5), CLOUD), devices=2),
        "no space": lambda: mf.solve(POISSON, devices=2),
        "no scan": lambda: mf.tune(loss, space, scan=0, devices=2),
        "sparse scan": lambda: mf.tune(POISSON, mf.Stencils(mf.Gaussian(1.0), cloud, 2), devices=2),
        "memory": lambda: mf.solve(
            mf.Problem(None, interior=lambda u, x: u(x)), mf.Collocation(mf.Matern(2.5), _huge()), devices=4
        ),
        "loose": lambda: mf.solve(
            mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.neumann(0.0)), space, devices=4
        ),
        "swept": lambda: mf.sweep([reacting(), reacting()], [space] * 3, devices=2),
    }
    found = {}
    for name, call in calls.items():
        try:
            call()
            found[name] = "no error"
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def _huge():
    return mf.Cloud(interior=np.random.default_rng(0).random((200_000, 2)))


print(json.dumps({name: globals()[name]() for name in sys.argv[1:]}))
