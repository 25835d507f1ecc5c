"""First-order derivatives through every space by every kind of leaf; second ones are refused."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf

NODES, ROWS = SQUARE.cloud(0.3), SQUARE.cloud(0.2, seed=1)
FINER = SQUARE.cloud(0.07)
PROBES = jnp.asarray(SQUARE.sample(4, seed=2))
NARROW = mf.Collocation(mf.Wendland(4, 2, 0.2), FINER)
LEVELS = mf.Multilevel(mf.Wendland(4, 2, 0.9), (NODES, SQUARE.cloud(0.2)))
FIXED = {"coefficient": 3.0, "source": 2.0, "dirichlet": 0.7, "robin": 1.5, "weight": 2.0, "place": 0.0}


def stretched(space, kernel):
    """A space whose neighbours are found, with another kernel."""
    return eqx.tree_at(lambda s: s.kernel, space, kernel)


SPACES = {  # with a scale, by which the kernel is made
    "collocation": (lambda s: mf.Collocation(mf.Matern(3.5, s), NODES), 0.4, None),
    "tail": (lambda s: mf.Collocation(mf.Multiquadric(s), NODES, degree=1), 0.4, None),
    "eigenbasis": (lambda s: mf.Eigenbasis(mf.Gaussian(s), ROWS, 3), 1.0, None),
    "least squares": (lambda s: mf.Collocation(mf.Matern(3.5, s), NODES), 0.4, ROWS),
    "stencils": (lambda s: mf.Stencils(mf.Gaussian(s), NODES, 2, size=9), 0.8, None),
    "ghosts": (lambda s: mf.Stencils(mf.Gaussian(s), NODES, 2, size=9, ghost=["right"]), 0.8, None),
    "stencils, least squares": (lambda s: mf.Stencils(mf.Gaussian(s), NODES, 2, size=9), 0.8, ROWS),
    "narrow": (lambda s: stretched(NARROW, mf.Wendland(4, 2, s)), 0.2, None),
    "levels": (lambda s: stretched(LEVELS, mf.Wendland(4, 2, s)), 0.9, None),
}


def moved(cloud, share):
    """The cloud with its inner nodes a little elsewhere."""
    shift = 0.03 * jnp.sin(3 * jnp.asarray(cloud.points)[:, ::-1]) * share
    inside = jnp.arange(len(cloud))[:, None] < dict(cloud.counts)["interior"]
    return eqx.tree_at(lambda c: c.points, cloud, jnp.asarray(cloud.points) + jnp.where(inside, shift, 0.0))


def posed(name, power, fields, values):
    """A problem that depends on all leaves, with its space and options."""
    make, scale, points = SPACES[name]
    at = FIXED | values
    space = make(at.get("scale", scale))
    if "place" in values:
        space = eqx.tree_at(lambda s: s.cloud, space, moved(space.cloud, at["place"]))

    def interior(u, x):
        slow = at["coefficient"] * u(x) ** power - at["source"] * 10 * jnp.exp(x[0] * x[1])
        return -mf.laplacian(u)(x) + (slow if fields == 1 else jnp.stack([slow[1], slow[0] + u(x)[1]]))

    problem = mf.Problem(
        SQUARE,
        fields=fields,
        interior=interior,
        left=mf.robin(at["robin"], 1.0, 0.3),
        boundary=mf.dirichlet(at["dirichlet"]),
    )
    weights = {"left": at["weight"], "interior": 1.0} if "weight" in values else None
    return problem, space, {"points": points, "weights": weights}


def observed(name, power, fields, values):
    problem, space, options = posed(name, power, fields, values)
    u = mf.solve(problem, space, **options)(PROBES)
    return jnp.sum(jnp.sin(jnp.arange(1.0, 1.0 + u.size)) * jnp.ravel(u) * (1 + jnp.ravel(u)))


def base(name):
    return {"scale": jnp.array(SPACES[name][1]), **{leaf: jnp.array(value) for leaf, value in FIXED.items()}}


CASES = [
    *((name, 1, 1) for name in SPACES),
    ("collocation", 3, 2),
    ("least squares", 2, 1),
    ("stencils", 3, 2),
]


@pytest.mark.parametrize(("name", "power", "fields"), CASES, ids=lambda value: str(value).replace(" ", "-"))
def test_every_leaf_of_every_space(name, power, fields):
    """All leaves at once against differences: `test_solve_derivative` has forward mode, and solves outside of jit."""
    function = jax.jit(jax.value_and_grad(functools.partial(observed, name, power, fields)))
    at = base(name)
    gradient, step = function(at)[1], 1e-4
    for leaf, value in at.items():
        near, far = [
            function(at | {leaf: value + k * step})[0] - function(at | {leaf: value - k * step})[0] for k in (1, 2)
        ]
        # a nonlinear least-squares problem is solved to 1e-8 of what is reducible
        loose = power > 1 and SPACES[name][2] is not None
        difference = (8 * near - far) / (12 * step)
        np.testing.assert_allclose(
            gradient[leaf], difference, rtol=1e-3 if loose else 1e-5, atol=1e-4 if loose else 1e-6, err_msg=leaf
        )


def test_gradient_by_source():
    """By the source alone the matrix is concrete and the right-hand side traced: of a concrete solve, a sparse one."""
    line = mf.Interval()
    space = mf.Stencils(None, line.cloud(0.1), 2, size=5)

    def middle(source):
        problem = mf.Problem(
            line, interior=lambda u, x: mf.laplacian(u)(x) - 3 * u(x) + source, boundary=mf.dirichlet(0.0)
        )
        return mf.solve(problem, space).coefficients[3]

    at, step = jnp.array(2.5), 1e-4
    difference = (middle(at + step) - middle(at - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(middle)(at), difference, rtol=1e-6)
    np.testing.assert_allclose(jax.jvp(middle, (at,), (jnp.ones(()),))[1], difference, rtol=1e-6)


SECOND = {
    "hessian": jax.hessian,
    "grad of grad": lambda f: jax.grad(jax.grad(f)),
    "forward twice": lambda f: jax.jacfwd(jax.jacfwd(f)),
    "grad of a compiled gradient": lambda f: jax.grad(jax.jit(jax.grad(f))),
    "compiled": lambda f: jax.jit(jax.hessian(f)),
}


@pytest.mark.parametrize(
    ("space", "way"),
    [
        ("collocation", "grad of grad"),
        ("collocation", "grad of a compiled gradient"),
        ("collocation", "compiled"),
        ("stencils", "hessian"),
        ("stencils", "forward twice"),
    ],
)
def test_second_derivatives_are_refused(space, way):
    """They would be wrong numbers."""
    line = mf.Interval()
    nodes = line.cloud(0.2)
    chosen = mf.Stencils(None, nodes, 2, size=5) if space == "stencils" else mf.Collocation(mf.Matern(3.5), nodes)

    def middle(rate):
        problem = mf.Problem(
            line, interior=lambda u, x: mf.laplacian(u)(x) - rate * u(x) + 1.0, boundary=mf.dirichlet(0.0)
        )
        return mf.solve(problem, chosen).coefficients[1]

    with pytest.raises(NotImplementedError, match=r"first order only.*differences of jax\.grad"):
        SECOND[way](middle)(1.0)


def test_stencils_are_made_of_known_nodes():
    with pytest.raises(ValueError, match=r"outside of jit and grad"):
        jax.grad(lambda share: jnp.sum(mf.Stencils(None, moved(NODES, share), 2).radii))(0.0)
