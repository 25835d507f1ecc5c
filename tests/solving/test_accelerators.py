"""What is dense stays on an accelerator: the same answers as on the host, and no matrix through NumPy or SciPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import meshfree as mf

SQUARE = mf.Box((0.0, 0.0), (1.0, 1.0))
CLOUD = SQUARE.cloud(0.12, cluster=1.0)
LARGE = 16  # rows and columns from which on an array is a matrix


def exact(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


POISSON = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * exact(x),
    boundary=mf.dirichlet(exact),
    exact=exact,
)
CUBIC = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) - u(x) ** 3 + 1.25 * jnp.pi**2 * exact(x) + exact(x) ** 3,
    boundary=mf.dirichlet(exact),
    exact=exact,
)
SPACES = {
    "square": lambda: mf.Collocation(mf.Matern(3.5, 0.5), CLOUD),
    "ill-conditioned": lambda: mf.Collocation(mf.Gaussian(0.6), CLOUD),
    "tail": lambda: mf.Collocation(mf.Polyharmonic(5), CLOUD, degree=2),
    "eigenfunctions": lambda: mf.Eigenbasis(mf.Gaussian(3.0), CLOUD, 8),
}


def _is_matrix(value) -> bool:
    known = isinstance(value, np.ndarray | jax.Array) and not isinstance(value, jax.core.Tracer)
    return known and value.ndim >= 2 and min(value.shape) >= LARGE


@pytest.fixture
def nothing_dense_on_the_host(monkeypatch, accelerator):
    """NumPy's and SciPy's linear algebra refuse matrices, NumPy's own functions JAX's matrices, callbacks anything."""

    def refusing(function, refused):
        def wrapped(*args, **kwargs):
            assert not any(map(refused, args)), f"{function.__name__} was given a matrix"
            return function(*args, **kwargs)

        return wrapped

    def is_jax_matrix(value):
        return isinstance(value, jax.Array) and _is_matrix(value)

    for module, names in (
        (np.linalg, "solve svd qr norm lstsq inv"),
        (scipy.linalg, "qr svd solve_triangular lu_factor"),
    ):
        for name in names.split():
            monkeypatch.setattr(module, name, refusing(getattr(module, name), _is_matrix))
    for name in ["asarray", "array", "ascontiguousarray", "isfinite", "all", "any", "abs", "sum", "concatenate"]:
        monkeypatch.setattr(np, name, refusing(getattr(np, name), is_jax_matrix))
    monkeypatch.setattr(scipy.linalg, "get_lapack_funcs", None)
    monkeypatch.setattr(jax, "pure_callback", None)


CASES = [*((POISSON, name) for name in SPACES), (CUBIC, "ill-conditioned"), (CUBIC, "eigenfunctions")]


@pytest.mark.parametrize(
    ("problem", "name"), CASES, ids=[f"{'cubic ' * (problem is CUBIC)}{name}" for problem, name in CASES]
)
def test_solutions_are_those_of_the_host(problem, name, request):
    on_host = mf.solve(problem, SPACES[name]())
    request.getfixturevalue("nothing_dense_on_the_host")
    u = mf.solve(problem, SPACES[name]())
    assert u.stats["device"] == "cuda:0 (a card for tests)"
    assert on_host.stats["device"] == "cpu"
    assert abs(u.stats["steps"] - on_host.stats["steps"]) <= 1  # the last may be one of rounding
    assert mf.error(problem, u) <= 2 * mf.error(problem, on_host)
    X = SQUARE.sample(100)
    np.testing.assert_allclose(u(X), on_host(X), atol=2 * mf.error(problem, on_host))


@pytest.mark.usefixtures("nothing_dense_on_the_host")
def test_interpolation_and_matrices_stay_there():
    space = SPACES["ill-conditioned"]()
    u = mf.interpolate(exact, space)
    assert u.stats["device"].startswith("cuda")
    X = SQUARE.sample(50)
    assert np.linalg.norm(u(X) - jax.vmap(exact)(X)) <= 1e-4
    assert isinstance(mf.matrix(space, mf.laplacian), jax.Array)


@pytest.mark.usefixtures("nothing_dense_on_the_host")
def test_a_problem_without_a_unique_solution_is_refused_there():
    loose = mf.Problem(SQUARE, interior=lambda u, x: mf.laplacian(u)(x) + 1.0, boundary=mf.neumann(0.0))
    with pytest.raises(ValueError, match="u = 1 satisfies every homogeneous equation"):
        mf.solve(loose, SPACES["ill-conditioned"]())
    resonant = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + 2 * jnp.pi**2 * u(x) + 1.0,
        boundary=mf.dirichlet(0.0),
    )
    with pytest.raises(ValueError, match="the system is singular"):
        mf.solve(resonant, mf.Eigenbasis(mf.Gaussian(3.0), SQUARE.cloud(0.08, cluster=1.0), 12))


@pytest.mark.parametrize("name", ["square", "eigenfunctions"])
def test_losses_and_their_gradients_stay_there(name, request):
    losses = mf.losses.residual(POISSON, SQUARE.cloud(0.1, seed=1)), mf.losses.leave_one_out(POISSON)

    def of_scale(raw):
        space = SPACES[name]()
        space = eqx.tree_at(lambda space: space.kernel.raw_scale, space, raw)
        return jnp.stack([loss(space) for loss in losses])

    def values_and_slopes():
        raw = jnp.asarray(SPACES[name]().kernel.raw_scale)
        return jax.jit(lambda raw: jax.jvp(of_scale, (raw,), (jnp.ones(()),)))(raw)

    values, slopes = values_and_slopes()
    request.getfixturevalue("nothing_dense_on_the_host")
    np.testing.assert_allclose(values_and_slopes(), (values, slopes), rtol=1e-5)
    np.testing.assert_allclose([loss(SPACES[name]()) for loss in losses], values, rtol=1e-5)


def test_pivoted_qr_is_the_hosts(accelerator):
    """As `solver="qr"` says."""
    u = mf.solve(POISSON, SPACES["ill-conditioned"](), solver="qr")
    assert u.stats["device"] == "cpu"


def test_weights_of_stencils_are_those_of_the_host(request):
    def made():
        space = mf.Stencils(None, SQUARE.cloud(0.08), 4)
        return mf.matrix(space, mf.laplacian).toarray(), mf.solve(POISSON, space)

    expected, on_host = made()
    request.getfixturevalue("accelerator")
    found, u = made()
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(u.coefficients, on_host.coefficients, atol=1e-10)
    assert u.stats["device"] == "cpu"  # where the sparse matrix was factored


def test_a_matrix_beyond_the_memory_of_the_device_is_refused(accelerator):
    cloud = mf.Cloud(interior=np.random.default_rng(0).random((7000, 2)))
    with pytest.raises(MemoryError, match=r"7000 rows and 7000 columns takes 1\.1 GiB .* can have 1 GiB"):
        mf.interpolate(exact, mf.Collocation(mf.Gaussian(0.1), cloud))


def test_only_a_device_that_is_not_the_host_is_printed(request):
    u = mf.solve(POISSON, SPACES["square"]())
    assert "device" not in repr(u)
    request.getfixturevalue("accelerator")
    assert "cuda:0 (a card for tests)" in repr(mf.solve(POISSON, SPACES["square"]()))


def test_the_device_is_kept_in_a_file(accelerator, tmp_path):
    u = mf.solve(POISSON, SPACES["eigenfunctions"]())
    u.save(tmp_path / "u.npz")
    again = mf.Solution.load(tmp_path / "u.npz")
    assert again.stats["device"] == u.stats["device"]
    assert jax.tree.structure(again.stats) == jax.tree.structure(u.stats)
    x = jnp.array([0.3, 0.4])
    np.testing.assert_allclose(jax.jit(lambda u: u(x))(again), u(x))
