"""Tuning without a loss, an optimiser or a good start: `mf.tune(problem, space)`."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.tuning import losses
from meshfree.tuning.search import search

CLOUD = SQUARE.cloud(0.13, cluster=1.0)


def wave(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.cos(jnp.pi * x[1] / 2)


PROBLEM = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) + 1.25 * jnp.pi**2 * wave(x),
    boundary=mf.dirichlet(wave),
    exact=wave,
)


def of_scale(scale):
    return mf.Collocation(mf.Matern(5.5, scale), CLOUD)


def error(space):
    return mf.error(PROBLEM, mf.solve(PROBLEM, space))


@pytest.fixture(scope="module")
def scanned():
    """The best scale of a scan with the exact solution, and its error."""
    scales = np.geomspace(0.05, 50, 40)
    errors = [error(of_scale(scale)) for scale in scales]
    return scales[np.argmin(errors)], min(errors)


@pytest.mark.filterwarnings("ignore:between the nodes")
@pytest.mark.parametrize("start", [0.1, 1.0, 10.0])
def test_the_scale_is_found_from_any_start_in_15_losses(scanned, start):
    best, least = scanned
    space, history = mf.tune(PROBLEM, of_scale(best * start), progress=False)
    assert error(space) <= 3 * least
    assert history.loss.shape == history.seconds.shape == history.parameters.shape == (15,)
    assert losses.own_loss(PROBLEM, space)(space) == history.loss.min()
    np.testing.assert_allclose(np.logaddexp(0, history.parameters[0]), best * start, rtol=1e-12)


def test_several_scales_are_searched_one_by_one():
    def exact(x):
        return jnp.sin(6 * x[0]) * (1 + 0.2 * x[1])

    problem = mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + 36 * exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    together, history = mf.tune(problem, mf.Collocation(mf.Gaussian([0.3, 0.3]), CLOUD), steps=14, progress=False)
    apart, longer = mf.tune(problem, mf.Collocation(mf.Gaussian([0.3, 0.3]), CLOUD), steps=40, progress=False)
    assert history.parameters.shape == (15, 2) and len(longer.loss) <= 41
    np.testing.assert_allclose(longer.loss[:15], history.loss, rtol=1e-6)
    assert longer.loss.min() < history.loss.min() - 1  # in the logarithm
    assert mf.error(problem, mf.solve(problem, apart)) < 0.5 * mf.error(problem, mf.solve(problem, together))


def test_a_loss_of_ones_own_is_searched_too_and_a_problem_descended():
    loss = losses.leave_one_out(PROBLEM)
    space, history = mf.tune(loss, of_scale(0.3), optimizer="search", steps=9, progress=False)
    assert loss(space) == history.loss.min() < history.loss[0] - 1
    descended, steps = mf.tune(PROBLEM, of_scale(0.3), optimizer=optax.adam(0.1), steps=2, scan=0, progress=False)
    assert steps.loss.shape == (3,) and steps.loss[2] < steps.loss[0]
    assert steps.loss[0] == losses.own_loss(PROBLEM, descended)(of_scale(0.3))


def test_stencils_are_searched_with_their_own_loss():
    space = mf.Stencils(mf.Gaussian(1.0), SQUARE.cloud(0.13), 2)
    tuned, history = mf.tune(PROBLEM, space, steps=9, progress=False)
    assert isinstance(tuned, mf.Stencils) and np.isfinite(history.loss).sum() >= 5
    assert history.loss.min() <= history.loss[0]


def test_without_a_domain_each_node_is_left_out():
    cloud = mf.Cloud(CLOUD["interior"], **{part: (CLOUD[part], CLOUD.normals[part]) for part in SQUARE.part_names})
    problem = mf.Problem(None, interior=PROBLEM.interior, **{part: mf.dirichlet(wave) for part in SQUARE.part_names})
    space = mf.Collocation(mf.Matern(5.5, 0.3), cloud)
    assert isinstance(losses.own_loss(problem, space), losses.LeaveOneOut)
    _, history = mf.tune(problem, space, steps=4, progress=False)
    assert history.loss.min() < history.loss[0]


def test_values_that_are_not_finite_are_never_best():
    asked = []

    def value(logarithm):
        asked.append(logarithm[0])
        return float("nan") if logarithm[0] > 0.5 else (logarithm[0] + 1.0) ** 2

    search(value, 1)
    assert len(asked) == 15 and min(abs(np.array(asked) + 1.0)) < 0.02


def test_losses_that_are_never_finite_are_an_error():
    with pytest.raises(ValueError, match="no loss of the search is finite"):
        mf.tune(lambda space: jnp.nan * space.kernel.scale, of_scale(0.3), optimizer="search", steps=3, progress=False)


def test_only_positive_parameters_are_searched():
    with pytest.raises(ValueError, match="a search is for positive parameters of kernels"):
        mf.tune(PROBLEM, of_scale(0.3), lambda space: space.centers)
    with pytest.raises(TypeError, match=r"mf.tune\(problem, space\) tunes a space; got a tuple"):
        mf.tune(PROBLEM, (of_scale(0.3), PROBLEM))
    with pytest.raises(TypeError, match=r"needs an optimiser of Optax, .* or 'search', as optimizer; got 'newton'"):
        mf.tune(PROBLEM, of_scale(0.3), optimizer="newton")


def test_ctrl_c_keeps_the_best_so_far(monkeypatch):
    import signal

    calls, whole = iter(range(100)), losses.solve_on_host

    def interrupted(*args, **options):
        if next(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return whole(*args, **options)

    monkeypatch.setattr(losses, "solve_on_host", interrupted)
    space, history = mf.tune(PROBLEM, of_scale(0.3), progress=False)
    assert history.interrupted and len(history.loss) == 5
    np.testing.assert_allclose(space.kernel.raw_scale, history.parameters[history.best])
