"""The equations of a problem in time at one time and another."""

import jax.numpy as jnp
import numpy as np

import meshfree as mf
from meshfree.equations.basis_derivatives import Guess
from meshfree.equations.time_system import SMALL_BLOCK, TimeSystem

LINE = mf.Interval()
PROBLEM = mf.Problem(
    LINE,
    interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x) + u(x) ** 3,
    boundary=mf.dirichlet(lambda x, t: jnp.cos(t) + x[0]),
    initial=lambda x: 1.0 + x[0],
)
SPACE = mf.Stencils(None, LINE.cloud(0.04), 2)


def test_what_does_not_depend_on_u_is_computed_once_a_time(monkeypatch):
    c, rates = np.random.default_rng(0).standard_normal((2, SPACE.size))
    system = TimeSystem(PROBLEM, SPACE, None, 0.0, Guess(SPACE, c))
    inside, ends = system.rows
    assert len(ends.group.points) <= SMALL_BLOCK < len(inside.group.points)
    asked, ask = [], ends._ask
    monkeypatch.setattr(ends, "_ask", lambda *given: (asked.append(given[1]), ask(*given))[1])
    found = {}
    for t in (0.1, 0.1, 0.7, 0.7, 0.1):
        values = system.residual(t, c, rates)
        np.testing.assert_array_equal(found.setdefault(t, values), values)
    assert asked == [0.1, 0.7, 0.1]
    assert inside.facts.affine is False
    moved = found[0.7] - found[0.1]
    count = len(inside.group.points)
    np.testing.assert_allclose(moved[:count], 0.0)  # the equation itself does not depend on the time
    np.testing.assert_allclose(moved[count:], ends.weights.ravel() * (np.cos(0.1) - np.cos(0.7)), rtol=1e-12)
    u = c[np.concatenate([SPACE.cloud.parts[name] for name in ("left", "right")])]
    x = np.array([0.0, 1.0])
    np.testing.assert_allclose(found[0.1][count:], ends.weights.ravel() * (u - np.cos(0.1) - x), rtol=1e-9)
