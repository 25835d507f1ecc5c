"""The equations through the jets of u against those by derivatives of the expansion itself: equal to rounding."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.equations import means
from meshfree.equations.assemble import assemble
from meshfree.equations.conditions import match_conditions
from meshfree.equations.constrained import Constrained
from meshfree.equations.dense_system import DenseSystem
from meshfree.equations.jet_system import JetSystem
from meshfree.equations.row_weights import measured_weights
from meshfree.pde.jets import derivatives_at
from meshfree.run.command_line import load_script

PROBLEMS = Path(__file__).parents[2] / "problems"
MANY_NODES = {"ball_minus_ball", "cube_with_holes", "poisson_million", "porous", "surface_mesh", "swiss_cheese"}
UNLIKE = (
    "time_derivative",
    '"modes"',
    '"trace"',
    "mf.Unknown",
    "interior=None",
)  # a parameter, numbers to be found, data alone
STATIONARY = {
    path.stem for path in PROBLEMS.glob("*.py") if not any(word in path.read_text(encoding="utf-8") for word in UNLIKE)
}
NAMES = sorted(STATIONARY - MANY_NODES)
CLOUD = SQUARE.cloud(0.15)


def general(problem, space):
    """The equations as they are made of what is traced."""
    groups = match_conditions(problem, space.cloud)
    weights, magnitude = measured_weights(groups, problem.fields, space.cloud.spacing, None)
    system = DenseSystem(space=space, fields=problem.fields, groups=groups, row_weights=weights, magnitude=magnitude)
    if problem.mean is None:
        return system
    return Constrained.of(system, means._of_functions(*means._group(problem, problem.domain), space, problem.fields))


def close(found, expected):
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12 * np.max(np.abs(expected), initial=0))


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_of_making_the_equations_agree(name):
    problem = load_script(PROBLEMS / f"{name}.py").problem()
    domain = problem.domain
    cloud = domain.cloud((domain.volume / 100) ** (1 / domain.dim))
    space = mf.Eigenbasis(mf.Gaussian(1.0), cloud, {1: 10, 2: 5, 3: 3}[domain.dim])
    shape = (space.size,) if problem.fields == 1 else (space.size, problem.fields)
    c = 0.1 * np.random.default_rng(0).standard_normal(shape)
    by_jets, other = assemble(problem, space), general(problem, space)
    assert isinstance(by_jets if problem.mean is None else by_jets.system, JetSystem)
    residual, matrix, affine = other.assembled(jnp.asarray(c))
    assert by_jets.is_affine(c) == affine
    found_residual, found_matrix = by_jets.linearised(c)
    close(found_matrix, matrix)
    close(found_residual, residual)
    close(by_jets.residual(c), residual)
    for part, weight in other.row_weights.items():
        close(by_jets.row_weights[part], weight)
    close(by_jets.typical_size(c), other.typical_size(jnp.asarray(c)))
    close(by_jets.on_polynomials(c, affine), other.on_polynomials(jnp.asarray(c), affine))
    points = domain.sample(5)
    close(by_jets.elsewhere(points, c), other.elsewhere(points, jnp.asarray(c)))


SPACES = {
    "eigenfunctions": mf.Eigenbasis(mf.Gaussian(0.7), CLOUD, 8),
    "on unlike axes": mf.Eigenbasis(mf.Gaussian([0.7, 0.4]), mf.Box((0, 0), (3, 1)).cloud(0.3), (9, 4)),
    "in a cross": mf.Eigenbasis(mf.Gaussian(0.7), CLOUD, 9, truncation="hyperbolic"),
    "translates": mf.Collocation(mf.Matern(7.5, 1.0), CLOUD),
    "two scales": mf.Collocation(mf.Gaussian([0.3, 0.5]) + 2.0 * mf.InverseMultiquadric(0.4), CLOUD),
    "with tail": mf.Collocation(mf.Polyharmonic(7), CLOUD, degree=3),
}


@pytest.mark.parametrize("name", SPACES)
def test_rows_are_functionals_of_the_basis(name):
    space = SPACES[name]
    X = space.cloud.domain.sample(70, seed=1)
    functionals = np.random.default_rng(0).standard_normal((len(X), 2, 10))  # up to third derivatives
    derivatives = eqx.filter_jit(jax.vmap(lambda x: derivatives_at(space.basis, x, 3)))(jnp.asarray(X))
    close(space.rows(X, functionals, 3), functionals @ np.asarray(derivatives))


def test_what_is_not_local_goes_the_general_way_in_a_global_space_and_is_refused_in_a_local_one():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + u(x[::-1]),
        boundary=mf.dirichlet(lambda x: x[0] + x[1]),
    )
    space = mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, 8)
    assert isinstance(assemble(problem, space), DenseSystem)
    hidden = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.where(u(x[::-1]) > 0, 1.0, 2.0),  # NaN is not greater than 0
        boundary=mf.dirichlet(0.0),
    )
    assert isinstance(assemble(hidden, space), DenseSystem)
    u = mf.solve(problem, space)
    assert u.stats["off_nodes"] < 0.02
    np.testing.assert_allclose(u([0.2, 0.7]), u([0.7, 0.2]), rtol=1e-2)  # as the data are the same after the exchange
    with pytest.raises(ValueError, match="the residual of 'interior' is not local"):
        mf.solve(problem, mf.Stencils(mf.Polyharmonic(3), CLOUD, 2))


def test_kernels_and_spaces_of_users_own():
    class Bump(mf.Kernel):
        smoothness = 4

        def eval(self, x, y):
            return jnp.exp(-4 * jnp.sum((x - y) ** 2))

    class Halved(mf.Eigenbasis):
        """A space whose rows are those of its parent, and its basis is not."""

        def basis(self, x):
            return super().basis(x) / 2

        def basis_laplacian(self, x):
            return super().basis_laplacian(x) / 2

    def exact(x):
        return jnp.sin(2 * x[0]) * jnp.exp(x[1])

    problem = mf.Problem(
        SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + 3 * exact(x), boundary=mf.dirichlet(exact), exact=exact
    )
    for space in (mf.Collocation(Bump(), CLOUD), Halved(mf.Gaussian(1.0), CLOUD, 8)):
        assert mf.error(problem, mf.solve(problem, space)) < 1e-3
