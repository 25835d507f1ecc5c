"""Where a solution is wrong, and finer nodes there: what they gain on a peak and on the L-shape."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.run.command_line import load_script

CENTER = np.array([0.3, 0.6])


def test_the_indicator_of_a_known_residual():
    """u = 0 leaves −1 inside, and on the boundary what its condition asks for."""
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) - 1.0,
        boundary=mf.dirichlet(0.0),
    )
    u = mf.interpolate(lambda x: 0.0 * x[0], mf.Collocation(mf.Matern(4.5, 0.3), SQUARE.cloud(0.15)))
    values = mf.indicator(problem, u)
    inside = u.space.cloud.parts["interior"]
    np.testing.assert_allclose(values[inside], 1.0, rtol=1e-12)
    assert values.shape == (len(u.space.cloud),)


def test_the_indicator_of_several_components_is_their_norm():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) - jnp.array([3.0, 4.0]),
        boundary=lambda u, x, n: u(x),
        fields=2,
    )
    u = mf.interpolate(lambda x: jnp.zeros(2) * x[0], mf.Collocation(mf.Matern(4.5, 0.3), SQUARE.cloud(0.2)))
    np.testing.assert_allclose(mf.indicator(problem, u)[u.space.cloud.parts["interior"]], 5.0, rtol=1e-12)


def test_the_residual_shows_where_the_source_is():
    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.exp(-400 * jnp.sum((x - CENTER) ** 2)),
        boundary=mf.dirichlet(0.0),
    )
    u = mf.solve(problem, mf.Stencils(mf.Polyharmonic(3), SQUARE.cloud(0.1), degree=2, ghost=True))
    values = mf.indicator(problem, u)
    away = np.linalg.norm(u.space.cloud.points - CENTER, axis=1)
    assert away[np.argmax(values)] < 0.12
    assert values[away > 0.4].max() < 0.1 * values.max()


def test_a_cloud_without_a_domain_has_no_points_between_the_nodes():
    cloud = mf.Cloud(interior=SQUARE.cloud(0.25).points)
    problem = mf.Problem(None, interior=lambda u, x: mf.laplacian(u)(x))
    u = mf.interpolate(lambda x: x[0], mf.Collocation(mf.Matern(4.5, 0.3), cloud))
    with pytest.raises(ValueError, match="the cloud has no domain"):
        mf.indicator(problem, u)


def test_refining_follows_a_peak_on_the_line():
    """Two rounds from nodes that step over the peak, against even nodes, no fewer."""

    def exact(x):
        return jnp.exp(-5000 * (x[0] - 0.3) ** 2)

    problem = mf.Problem(
        mf.Interval(),
        interior=lambda u, x: mf.laplacian(u)(x) - mf.laplacian(exact)(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    space = mf.Stencils(mf.Polyharmonic(5), mf.Interval().cloud(0.025), degree=4)
    for _ in range(2):
        space = mf.refine(mf.solve(problem, space), problem)
    count = len(space.cloud)
    even = space.on(mf.Interval().cloud(1 / count))
    assert len(even.cloud) >= count
    errors = [mf.error(problem, mf.solve(problem, one)) for one in (space, even)]
    print(f"{count} nodes, refined {errors[0]:.2e}, even {errors[1]:.2e}")
    assert errors[0] < errors[1] / 20


# ----------------------------------------------------------------------------------------------------- L-shape


def test_refining_beats_even_nodes_on_the_l_shape():
    """CASES B3: u is like r² log r at the corners of the edges where it vanishes. Even: no fewer nodes."""
    problem = load_script(Path(__file__).parents[2] / "problems" / "lshape.py").problem()
    # From seed to seed the mean error is 0.9 to 2.3 times smaller.
    space = mf.Stencils(mf.Polyharmonic(5), problem.domain.cloud(0.12, seed=1), degree=4, ghost=True)
    for _ in range(2):
        space = mf.refine(mf.solve(problem, space), problem)
    even = space.on(problem.domain.cloud(0.077, seed=1))
    assert len(even.cloud) >= len(space.cloud)
    X = problem.domain.sample(2000, seed=7)
    exact = np.asarray(jax.vmap(problem.exact)(jnp.asarray(X)))
    errors = [np.abs(np.asarray(mf.solve(problem, one)(X)) - exact) for one in (space, even)]
    largest, mean = (
        [norm(e) for e in errors] for norm in (np.max, lambda e: np.linalg.norm(e) / np.linalg.norm(exact))
    )
    print(f"{len(space.cloud)} and {len(even.cloud)} nodes: largest errors {largest}, relative L2 errors {mean}")
    assert largest[0] < largest[1] / 3
    assert mean[0] < mean[1] / 1.2


def test_other_arguments_are_named():
    cloud = SQUARE.cloud(0.3)
    u = mf.interpolate(lambda x: x[0], mf.Eigenbasis(mf.Gaussian(1.0), cloud, 2))
    with pytest.raises(TypeError, match=r"refine\(u, problem\) needs a Solution and a Problem.*got Solution and"):
        mf.refine(u, u)
