"""What comes out NaN or infinite is an error, of u, of its error and of its residual."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shared_cases import SQUARE

import meshfree as mf


class Rooted(mf.Kernel):
    """exp(−|x − y|) with a quotient that is 0/0 at coincident points."""

    @property
    def smoothness(self):
        return 0

    def eval(self, x, y):
        r = jnp.sqrt(jnp.sum((x - y) ** 2))
        return jnp.exp(-r) * r / r


CLOUD = SQUARE.cloud(0.5)
NODE = np.asarray(CLOUD.points)[3]
SPACES = {
    "translates": mf.Collocation(mf.Polyharmonic(3), CLOUD),
    "sparse translates": mf.Collocation(mf.Wendland(2, dim=2), CLOUD),
    "eigenfunctions": mf.Eigenbasis(mf.Gaussian(1.0), CLOUD, degree=2),
    "stencils": mf.Stencils(mf.Polyharmonic(3), CLOUD, 1),
}


def of_ones(space, fields=()):
    return mf.Solution(space, jnp.ones((space.size, *fields)), {})


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_points_that_are_not_finite_are_refused(space):
    u = of_ones(space)
    with pytest.raises(
        ValueError, match=r"u takes finite points, and 2 of 3 hold NaN or infinity: number 1 is \(nan, 0\)"
    ):
        u([[0.0, 0.0], [np.nan, 0.0], [0.0, np.inf]])
    with pytest.raises(ValueError, match=r"number 0 is \(0, -inf\)"):
        u([0.0, -np.inf])


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_coefficients_that_are_not_finite_are_told(space):
    u = mf.Solution(space, jnp.full(space.size, jnp.nan), {})
    with pytest.raises(ValueError, match=f"{space.size} of its {space.size} coefficients are not finite"):
        u(CLOUD.points[:4])


def test_a_kernel_that_is_not_finite_is_named_with_its_point():
    u = of_ones(mf.Collocation(Rooted(), CLOUD), (2,))
    X = np.array([NODE + 0.01, NODE, NODE])
    at = r"\({:.10g}, {:.10g}\)".format(*NODE)
    message = (
        rf"u is not finite at x = {at}: it is \[nan, nan\] there, as at 2 of the 3 points. The kernel Rooted\(\) is nan"
    )
    with pytest.raises(ValueError, match=f"{message} between this point and the node {at}: check its `eval`"):
        u(X)
    with pytest.raises(ValueError, match=rf"u is not finite at x = {at}: it is \[nan, nan\] there. The kernel"):
        u(NODE)


def test_numbers_that_overflow_far_away_are_told():
    with pytest.raises(ValueError, match=r"it is .* there. This is 1e\+200 times the cloud's extent away"):
        of_ones(SPACES["translates"])([1e200, 0.0])


def test_values_of_a_wrong_program_are_an_error(monkeypatch):
    u = of_ones(SPACES["stencils"])
    monkeypatch.setattr(type(u._expansion), "at", lambda self, X: jnp.full(len(X), jnp.inf))
    with pytest.raises(
        ValueError, match=r"it is inf there, as at 2 of the 2 points. .* another version of jaxlib, and rep"
    ):
        u([[0.1, 0.2], [0.3, 0.4]])


def test_a_file_keeps_what_is_not_finite(tmp_path):
    """What took hours is saved, and its values tell where it is NaN."""
    u = of_ones(mf.Collocation(Rooted(), CLOUD))
    u.save(tmp_path / "u.npz")
    assert np.isnan(np.load(tmp_path / "u.npz")["values"]).all()


def test_nothing_is_raised_where_the_call_is_traced():
    u = of_ones(SPACES["translates"])
    assert jnp.isnan(jax.jit(lambda x: u(x))(jnp.array([jnp.nan, 0.0])))
    assert ~jnp.isfinite(jax.jit(lambda: u(np.array([1e200, 0.0])))())
    assert np.isnan(mf.gradient(u)(jnp.array([1e200, 0.0]))).any()


DISK = mf.Disk()
EIGENFUNCTIONS = mf.Eigenbasis(mf.Gaussian(2.0), DISK.cloud(0.3), degree=4)
POISSON = mf.Problem(
    DISK,
    interior=lambda u, x: mf.laplacian(u)(x) + 1,
    boundary=mf.dirichlet(0.0),
    exact=lambda x: (1 - x @ x) / 4,
)


def log_of_x(x):
    return jnp.log(x[0]) * jnp.ones(1)[0]


@pytest.mark.parametrize(
    ("exact", "u", "message"),
    [
        (
            log_of_x,
            POISSON.exact,
            r"the exact solution is not finite at x = \(-0.5, 0\): it is nan there, as at 2 of the 3",
        ),
        (
            POISSON.exact,
            log_of_x,
            r"u is not finite at x = \(-0.5, 0\): it is nan there, as at 2 of the 3 points. Check the",
        ),
        (lambda x: 0 * x[0], POISSON.exact, "the exact solution is zero at all points"),
    ],
    ids=["exact", "u", "zero"],
)
def test_an_error_that_is_no_number_is_refused(exact, u, message):
    problem = mf.Problem(DISK, interior=POISSON.interior, boundary=POISSON.conditions["boundary"], exact=exact)
    with pytest.raises(ValueError, match=message):
        mf.error(problem, u, [[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5]])


def test_points_of_an_error_are_finite():
    with pytest.raises(
        ValueError, match=r"mf.error takes finite points, and 1 of 2 hold NaN .* number 1 is \(inf, 0\)"
    ):
        mf.error(POISSON, POISSON.exact, [[0.5, 0.0], [np.inf, 0.0]])


def test_a_residual_that_is_not_finite_names_its_part_and_point():
    singular = mf.Problem(
        DISK, interior=POISSON.interior, boundary=lambda u, x, n: u(x) / jnp.where(x[0] > 0.999, 0.0, 1.0)
    )
    u = mf.interpolate(lambda x: 1 + 0.0 * x[0], EIGENFUNCTIONS)
    ring = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    check = mf.Cloud(np.zeros((1, 2)), boundary=(ring, ring), domain=DISK)
    message = r"the residual of 'boundary' is not finite at x = \(1, 0\): it is .* as at 1 of the 4 points. Check what"
    with pytest.raises(ValueError, match=message):
        mf.residual_norm(singular, u, check)
    lost = mf.Solution(EIGENFUNCTIONS, u.coefficients * jnp.nan, {})
    with pytest.raises(ValueError, match=r"'interior' is not finite .* coefficients of u are not finite"):
        mf.residual_norm(POISSON, lost, check)


def test_a_solve_does_not_fail_for_an_exact_solution_that_is_not_finite():
    """A compact support tells its error in `stats`."""
    cloud = mf.Interval(0.0, 1.0).cloud(0.1)
    problem = mf.Problem(
        cloud.domain,
        interior=lambda u, x: mf.laplacian(u)(x) + 1,
        boundary=mf.dirichlet(0.0),
        exact=lambda x: jnp.sqrt(x[0] - 0.5),
    )
    u = mf.solve(problem, mf.Collocation(mf.Wendland(4, dim=1, scale=0.5), cloud))
    assert np.isnan(u.stats["error"])
    with pytest.raises(ValueError, match="the exact solution is not finite"):
        mf.error(problem, u)
