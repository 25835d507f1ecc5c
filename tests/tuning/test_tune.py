"""Losses and tuning: against brute force, and with everything that can go wrong in a long run."""

import importlib
import signal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from shared_cases import SQUARE

import meshfree as mf
from meshfree.equations.assemble import assemble
from meshfree.solving.newton import ConvergenceError
from meshfree.tuning import losses

NODES = SQUARE.cloud(0.22)
ROWS = SQUARE.cloud(0.14, seed=1)
CHECK = SQUARE.cloud(0.17, seed=2)


def wave(x):
    return jnp.sin(2 * x[0]) * jnp.cos(x[1])


PROBLEM = mf.Problem(
    SQUARE,
    interior=lambda u, x: mf.laplacian(u)(x) + 5 * wave(x),
    boundary=mf.dirichlet(wave),
    exact=wave,
)
SPACE = mf.Collocation(mf.Matern(4.5, 0.3), NODES)
EIGEN = mf.Eigenbasis(mf.Gaussian(0.6), ROWS, degree=6)


def without(A, b, row, column=None):
    """The coefficients when one equation (and, in a square system, one unknown) is left out."""
    A, b = np.delete(A, row, axis=0), np.delete(b, row)
    if column is None:
        return np.linalg.lstsq(A, b)[0]
    return np.insert(np.linalg.solve(np.delete(A, column, axis=1), b), column, 0.0)


@pytest.mark.parametrize("space", [SPACE, EIGEN], ids=["square", "least squares"])
def test_leave_one_out_is_what_leaving_out_gives(space):
    system = assemble(PROBLEM, space, space.cloud)
    linearised = eqx.filter_jit(lambda system, c: system.linearised(c))
    residual, A = map(np.asarray, linearised(system, jnp.zeros(space.size)))
    square = A.shape[0] == A.shape[1]
    left_out = [A[k] @ without(A, -residual, k, k if square else None) + residual[k] for k in range(len(A))]
    expected = np.log(np.sqrt(np.mean(np.square(left_out))))
    assert eqx.filter_jit(losses.leave_one_out(PROBLEM))(space) == pytest.approx(expected, rel=1e-6)


def test_the_residual_loss_is_the_log_of_the_norm_on_the_check_cloud():
    u = mf.solve(PROBLEM, SPACE)
    assert losses.residual(PROBLEM, CHECK)(SPACE) == pytest.approx(
        np.log(mf.residual_norm(PROBLEM, u, CHECK)), rel=1e-9
    )


TABLE = {
    "residual, square": (losses.residual(PROBLEM, CHECK), SPACE),
    "residual, least squares": (losses.residual(PROBLEM, CHECK, points=ROWS), SPACE),
    "residual, eigenbasis": (losses.residual(PROBLEM, CHECK), EIGEN),
    "leave one out, square": (losses.leave_one_out(PROBLEM), SPACE),
    "leave one out, with tail": (losses.leave_one_out(PROBLEM), mf.Collocation(mf.Matern(4.5, 0.3), NODES, degree=1)),
    "leave one out, least squares": (losses.leave_one_out(PROBLEM, points=ROWS), SPACE),
}


@pytest.mark.parametrize(("loss", "space"), TABLE.values(), ids=TABLE)
def test_gradients_of_losses_agree_with_differences(loss, space):
    @jax.jit
    def function(raw):
        return loss(eqx.tree_at(lambda s: s.kernel.raw_scale, space, raw))

    raw, step = jnp.asarray(space.kernel.raw_scale), 1e-4
    difference = (function(raw + step) - function(raw - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(function)(raw), difference, rtol=1e-4)


def cubic(u, x):
    return mf.laplacian(u)(x) + 5 * wave(x) - u(x) ** 3 + wave(x) ** 3


def swapped(u, x):
    return mf.laplacian(u)(x) - u(x)[::-1] * jnp.array([1.0, u(x)[0]]) + x


CUBIC = mf.Problem(SQUARE, interior=cubic, boundary=mf.dirichlet(wave))
PAIR = mf.Problem(SQUARE, interior=swapped, boundary=lambda u, x, n: u(x) - x, fields=2)
ANISOTROPIC = mf.Collocation(mf.Gaussian([0.5, 0.7]), NODES)
BY_HAND = TABLE | {
    "residual, cubic": (losses.residual(CUBIC, CHECK), SPACE),
    "residual, cubic, least squares": (losses.residual(CUBIC, CHECK, points=ROWS), SPACE),
    "leave one out, cubic": (losses.leave_one_out(CUBIC), SPACE),
    "leave one out, cubic, eigenbasis": (losses.leave_one_out(CUBIC), EIGEN),
    "residual, two fields": (losses.residual(PAIR, CHECK), SPACE),
    "leave one out, two fields": (losses.leave_one_out(PAIR), EIGEN),
    "two scales": (losses.residual(PROBLEM, CHECK, points=ROWS), ANISOTROPIC),
    "two scales, eigenbasis": (
        losses.residual(PROBLEM, CHECK),
        mf.Eigenbasis(mf.Gaussian([0.6, 0.9]), ROWS, degree=(6, 4)),
    ),
    "from a guess": (losses.residual(CUBIC, CHECK, initial=wave, weights={"left": 3.0}), SPACE),
}


def with_raw(space, raw):
    return eqx.tree_at(lambda s: s.kernel.raw_scale, space, raw)


def slopes_by_hand(loss, space):
    raw, nothing = space.kernel.raw_scale, jax.tree.map(lambda _: None, space)
    units = np.eye(raw.size).reshape(raw.size, *raw.shape)
    directions = [
        eqx.tree_at(lambda s: s.kernel.raw_scale, nothing, unit, is_leaf=lambda leaf: leaf is None) for unit in units
    ]
    value, slopes = loss.slopes(space, directions)
    return value, np.array(slopes), units


@pytest.mark.parametrize(("loss", "space"), BY_HAND.values(), ids=BY_HAND)
def test_slopes_by_hand_agree_with_differences(loss, space):
    _, slopes, units = slopes_by_hand(loss, space)
    step, raw = 1e-4, np.asarray(space.kernel.raw_scale)
    pairs = [[loss(with_raw(space, raw + sign * step * unit)) for sign in (1, -1)] for unit in units]
    np.testing.assert_allclose(slopes, [(up - down) / (2 * step) for up, down in pairs], rtol=1e-4)


@pytest.mark.parametrize("name", ["residual, cubic, least squares", "leave one out, two fields", "two scales"])
def test_slopes_by_hand_are_those_of_jax(name):
    """On the host by hand, and traced through the whole solve: two routes to one number."""
    loss, space = BY_HAND[name]
    value, slopes, _ = slopes_by_hand(loss, space)
    traced = jax.jit(jax.value_and_grad(lambda raw: loss(with_raw(space, raw))))
    expected, gradient = traced(jnp.asarray(space.kernel.raw_scale))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(slopes, np.atleast_1d(gradient), rtol=1e-5)


@pytest.mark.parametrize(
    "loss", [losses.residual(PROBLEM, CHECK), losses.leave_one_out(PROBLEM)], ids=["residual", "loo"]
)
def test_tuning_lowers_the_error_without_the_exact_solution(loss):
    tuned, history = mf.tune(loss, SPACE, steps=30, optimizer=optax.adam(0.1), progress=False)
    assert mf.error(PROBLEM, mf.solve(PROBLEM, tuned)) < 0.2 * mf.error(PROBLEM, mf.solve(PROBLEM, SPACE))
    assert history.loss.shape == history.seconds.shape == history.parameters.shape == (39,)
    assert (history.scanned, history.steps) == (8, 30)
    assert np.all(np.diff(history.seconds) > 0)
    np.testing.assert_allclose(jax.nn.softplus(history.parameters[0]), 0.3, rtol=1e-12)
    np.testing.assert_allclose(tuned.kernel.scale, jax.nn.softplus(history.parameters[history.best]), rtol=1e-12)
    # by another way of making the equations: rounding, times the condition
    assert loss(tuned) == pytest.approx(history.loss.min(), rel=1e-5)


def test_tune_metres():
    """The same problem in kilometres and in metres: the scales go the same way."""

    def tuned(unit):
        box = mf.Box((0.0, 0.0), (unit, unit))

        def exact(x):
            return jnp.sin(9 * x[0] / unit) + 0.3 * x[1] / unit

        def equation(u, x):
            return mf.laplacian(u)(x) + 81 / unit**2 * jnp.sin(9 * x[0] / unit)

        problem = mf.Problem(box, interior=equation, boundary=mf.dirichlet(exact))
        space = mf.Collocation(mf.Gaussian([0.5 * unit, 0.5 * unit]), box.cloud(0.2 * unit))
        loss = mf.losses.residual(problem, box.cloud(0.17 * unit, seed=1))
        space, history = mf.tune(loss, space, steps=15, progress=False)
        return jax.nn.softplus(jnp.asarray(history.parameters)) / unit, history.loss

    (scales, loss), (in_metres, loss_in_metres) = tuned(1.0), tuned(1000.0)
    assert loss[-1] < loss[0] - 0.5
    np.testing.assert_allclose(in_metres, scales, rtol=1e-4)
    np.testing.assert_allclose(loss_in_metres - loss_in_metres[0], loss - loss[0], atol=1e-3)


def test_positive_parameters_of_kernels_move_by_their_logarithm():
    """One step of gradient descent by hand; a leaf of the same name elsewhere, and a coefficient, move as they are."""

    class Own(eqx.Module):
        raw_rate: jax.Array

    tree = (2.0 * mf.RationalQuadratic(1e-3, [1e4, 1e-4]), Own(jnp.array(3.0)), jnp.array(5.0))

    def loss(tree):
        kernel, own, coefficient = tree
        scales, alpha = jnp.log(kernel.kernel.scale), jnp.log(kernel.kernel.alpha)
        return scales[0] + 2 * scales[1] + 3 * alpha + 4 * jnp.log(kernel.amplitude) + own.raw_rate - coefficient

    def where(tree):
        return tree[0], tree[1].raw_rate, tree[2]

    (kernel, own, coefficient), history = mf.tune(loss, tree, where, optimizer=optax.sgd(0.1), steps=1, progress=False)
    np.testing.assert_allclose(kernel.kernel.scale, [1e4 * np.exp(-0.1), 1e-4 * np.exp(-0.2)], rtol=1e-12)
    np.testing.assert_allclose(kernel.kernel.alpha, 1e-3 * np.exp(-0.3), rtol=1e-12)
    np.testing.assert_allclose(kernel.amplitude, 2 * np.exp(-0.4), rtol=1e-12)
    np.testing.assert_allclose([own.raw_rate, coefficient], [2.9, 5.1], rtol=1e-12)
    np.testing.assert_array_equal(history.parameters[0].kernel.raw_scale[0], tree[0].kernel.raw_scale)


def test_lbfgs_tunes_too():
    loss = losses.residual(PROBLEM, CHECK)
    _, history = mf.tune(loss, SPACE, steps=4, scan=None, optimizer=optax.lbfgs(), progress=False)
    assert history.loss.min() < history.loss[0] - 1
    _, scanned = mf.tune(loss, SPACE, steps=4, optimizer=optax.lbfgs(), progress=False)
    assert scanned.loss.min() <= scanned.loss[:9].min() < history.loss[0] - 1


B1 = losses.residual(PROBLEM, CHECK)


def scaled(scale):
    return mf.Collocation(mf.Gaussian(scale), NODES)


def raw_scale(kernel):
    return kernel.raw_scale


def test_a_descent_starts_at_the_best_of_a_scan():
    """Against the loss itself at the nine values, and a descent from the best of them."""
    start = 0.2
    tuned, history = mf.tune(B1, scaled(start), steps=3, optimizer=optax.adam(0.1), progress=False)
    assert (history.scanned, history.steps, len(history.loss)) == (8, 3, 12)
    scales = np.logaddexp(0, history.parameters)
    assert scales[0] == pytest.approx(start, rel=1e-12)
    np.testing.assert_allclose(np.sort(scales[:9]), start * 30 ** np.linspace(-1, 1, 9), rtol=1e-9)
    assert np.all(np.diff(abs(np.log(scales[:9] / start))) > -1e-9), "from the start outwards"
    best = scaled(scales[np.nanargmin(history.loss[:9])])
    _, alone = mf.tune(B1, best, steps=3, optimizer=optax.adam(0.1), scan=None, progress=False)
    assert (alone.scanned, len(alone.loss)) == (0, 4)
    np.testing.assert_allclose(alone.loss[1:], history.loss[9:], rtol=1e-4)
    assert B1(tuned) == pytest.approx(history.loss.min(), rel=1e-5)


@pytest.mark.filterwarnings("ignore:between the nodes")
@pytest.mark.parametrize("times", [0.1, 10.0, 20.0])
def test_a_scan_finds_the_scale_from_far_away(times):
    """Beside the best of a scan with the exact solution; from twenty times it a descent alone ends decades off."""
    domain = mf.Interval()

    def exact(x):
        return jnp.sin(40 * x[0])

    problem = mf.Problem(
        domain,
        interior=lambda u, x: mf.laplacian(u)(x) + 1600 * exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )
    cloud = domain.cloud(1 / 80, cluster=1.0)

    def of_scale(scale):
        return mf.Collocation(mf.Matern(5.5, scale), cloud)

    def error(space):
        return mf.error(problem, mf.solve(problem, space))

    def reached(scan):
        return error(mf.tune(problem, of_scale(times * best), optimizer=optax.adam(0.1), steps=40, scan=scan)[0])

    scales = np.geomspace(0.05, 5, 25)
    errors = [error(of_scale(scale)) for scale in scales]
    best, least = scales[np.argmin(errors)], min(errors)
    assert reached(9) <= 3 * least
    assert times < 20 or reached(None) > 1e3 * least


def test_scanned_values_without_a_loss_are_left_out():
    """Where it is not finite, at the start as well."""

    def loss(kernel):
        return jnp.where(kernel.scale < 2.0, -jnp.log(kernel.scale), jnp.nan)

    for start, finite in ((1.0, 5), (3.0, 4)):
        kernel, history = mf.tune(loss, mf.Gaussian(start), raw_scale, steps=0, progress=False)
        assert np.isfinite(history.loss).sum() == finite
        assert kernel.scale == pytest.approx(start * 30 ** (0 if start == 1.0 else -0.25), rel=1e-9)
    with pytest.raises(ValueError, match="not finite at the start, nor at the 8 others of a scan"):
        mf.tune(lambda kernel: jnp.nan * kernel.scale, mf.Gaussian(), raw_scale, progress=False)


@pytest.mark.parametrize("error", [ValueError, MemoryError, ConvergenceError])
def test_scanned_values_that_cannot_be_solved_are_left_out(monkeypatch, error):
    whole, calls = losses.solve_on_host, iter(range(100))

    def singular(*args, **options):
        if next(calls) in (2, 3):
            raise error("singular")
        return whole(*args, **options)

    monkeypatch.setattr(losses, "solve_on_host", singular)
    _, history = mf.tune(B1, SPACE, steps=1, progress=False)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(history.loss)), [2, 3])
    calls = iter([2])
    with pytest.raises(error, match="singular"):
        mf.tune(B1, SPACE, steps=1, progress=False)


@pytest.mark.parametrize(("scan", "values"), [(1, 1), (2, 2), (4, 4), (5, 5)])
def test_a_scan_of_any_number_of_values_has_the_start_among_them(scan, values):
    kernel, history = mf.tune(
        lambda kernel: jnp.log(kernel.scale) ** 2, mf.Gaussian(1.0), raw_scale, steps=0, scan=scan, progress=False
    )
    assert len(history.loss) == values and history.loss[0] == pytest.approx(0.0, abs=1e-30)
    assert kernel.scale == pytest.approx(1.0, rel=1e-12)


def test_only_one_positive_number_is_scanned():
    _, history = mf.tune(losses.residual(PROBLEM, CHECK), ANISOTROPIC, steps=1, progress=False)
    assert (history.scanned, len(history.loss)) == (0, 2)
    told = "scan=9 is for one positive scalar of a kernel.* drop scan, or tune one scale"
    with pytest.raises(ValueError, match=told):
        mf.tune(losses.residual(PROBLEM, CHECK), ANISOTROPIC, scan=9, progress=False)
    with pytest.raises(ValueError, match=told):
        mf.tune(lambda x: x**2, jnp.array(1.0), lambda x: x, scan=9, progress=False)
    with pytest.raises(ValueError, match="a search makes a scan of its own, and scan=5 is for gradient descent"):
        mf.tune(PROBLEM, SPACE, scan=5, progress=False)
    with pytest.raises(ValueError, match="scan must be at least 0; got -1"):
        mf.tune(B1, SPACE, scan=-1, progress=False)


def test_ctrl_c_in_a_scan_keeps_the_best_so_far(monkeypatch, capsys):
    whole, calls = losses.solve_on_host, iter(range(100))

    def interrupted(*args, **options):
        if next(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return whole(*args, **options)

    monkeypatch.setattr(losses, "solve_on_host", interrupted)
    space, history = mf.tune(B1, SPACE, progress=True)
    assert history.interrupted and (history.scanned, history.steps) == (4, 0)
    np.testing.assert_allclose(space.kernel.raw_scale, history.parameters[history.best])
    assert "4/108" in capsys.readouterr().err


def test_what_where_does_not_name_is_frozen_bit_for_bit():
    space = mf.Collocation(mf.RationalQuadratic(1.0, 0.4), NODES)
    where = lambda s: s.kernel.raw_alpha  # noqa: E731
    tuned, history = mf.tune(losses.residual(PROBLEM, CHECK), space, where, steps=2, scan=0, progress=False)
    assert tuned.kernel.raw_alpha != space.kernel.raw_alpha
    assert tuned.kernel.raw_scale is space.kernel.raw_scale
    assert tuned.centers is space.centers
    assert history.parameters.shape == (3,)


def test_several_leaves_and_any_pytree_can_be_tuned():
    """A coefficient found from measurements: the inverse problem −Δu + c u = 1."""

    def reaction(rate, u, x):
        return -mf.laplacian(u)(x) + rate * u(x) - 1.0

    def problem(rate):
        return mf.Problem(SQUARE, interior=jax.tree_util.Partial(reaction, rate), boundary=mf.dirichlet(0.0))

    X = SQUARE.sample(10)
    measured = mf.solve(problem(jnp.array(20.0)), SPACE)(X)

    def misfit(tree):
        space, guess = tree
        return jnp.log(jnp.mean((mf.solve(guess, space)(X) - measured) ** 2))

    (space, found), _ = mf.tune(
        misfit,
        (SPACE, problem(jnp.array(5.0))),
        lambda tree: tree[1].interior.args[0],
        optimizer=optax.adam(1.0),
        steps=60,
    )
    assert found.interior.args[0] == pytest.approx(20.0, rel=0.01)
    assert space.kernel.raw_scale is SPACE.kernel.raw_scale
    _, both = mf.tune(
        lambda t: (t[0] - 1) ** 2 + (t[1] + 1.0) ** 2, (jnp.array(0.0), jnp.array(0.0)), lambda t: t, steps=3
    )
    assert [leaf.shape for leaf in both.parameters] == [(4,), (4,)]


def test_losses_take_a_problem_beside_the_space():
    assert losses.residual(PROBLEM, CHECK)((SPACE, PROBLEM)) == pytest.approx(losses.residual(PROBLEM, CHECK)(SPACE))


def test_a_step_into_the_void_is_halved():
    def loss(x):
        return jnp.where(x < 1, -x, jnp.nan)

    best, history = mf.tune(loss, jnp.array(0.0), lambda x: x, optimizer=optax.sgd(1.5), steps=3, progress=False)
    assert np.all(np.isfinite(history.loss))
    assert 0.7 < best < 1


def test_ctrl_c_keeps_the_best_so_far(monkeypatch, capsys):
    module = importlib.import_module("meshfree.tuning.tune")  # mf.tune is the function
    evaluated, steps = module._value_and_gradient, iter(range(100))

    def interrupted(*args):
        if next(steps) == 3:
            raise KeyboardInterrupt
        return evaluated(*args)

    monkeypatch.setattr(module, "_value_and_gradient", interrupted)
    best, history = mf.tune(lambda x: (x - 1) ** 2, jnp.array(0.0), lambda x: x, steps=10, progress=True)
    assert len(history.loss) == 3
    assert best == history.parameters[history.best] > 0
    assert "tune" in capsys.readouterr().err


class Reaction(eqx.Module):
    """u'' + rate u, `unused` being unused."""

    rate: jax.Array
    unused: jax.Array

    def __call__(self, u, x):
        return mf.laplacian(u)(x) + self.rate * u(x)


def test_a_loss_that_is_not_computed_from_what_is_tuned_is_an_error():
    problem = mf.Problem(mf.Interval(), interior=Reaction(jnp.array(2.0), jnp.array(3.0)), boundary=mf.dirichlet(1.0))
    space = mf.Collocation(mf.Gaussian(0.5), mf.Interval().cloud(0.2))
    loss = mf.losses.residual(problem, mf.Interval().cloud(0.15, seed=1))
    told = r"not computed from what where names.* as in where=lambda tree: tree\[0\]\.kernel\.raw_scale; there are"
    with pytest.raises(ValueError, match=told):
        mf.tune(loss, (space, problem), lambda tree: tree[1].interior.unused, progress=False)
    with pytest.raises(ValueError, match="not computed from what where names"):
        mf.tune(lambda tree: loss(space), space, progress=False)


def test_a_slope_that_is_zero_at_the_start_is_none_for_ever():
    best, history = mf.tune(lambda x: x**2 + 1, jnp.array(0.0), lambda x: x, steps=1, progress=False)
    assert best == 0
    np.testing.assert_array_equal(history.loss, [1, 1])


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (mf.Polyharmonic(3), r"Polyharmonic\(degree=3\), which has no scale: name a leaf.* tree\.centers"),
        (mf.Gaussian() + mf.Matern(), r"which has no scale: name a leaf.* tree\.kernel\.left\.raw_scale; there are"),
    ],
    ids=["none", "two"],
)
def test_the_default_needs_a_kernel_with_a_scale(kernel, told):
    with pytest.raises(ValueError, match=told):
        mf.tune(lambda space: jnp.array(1.0), mf.Collocation(kernel, mf.Interval().cloud(0.2), degree=1))


def test_the_default_needs_a_space():
    space = mf.Collocation(mf.Gaussian(), mf.Interval().cloud(0.2))
    with pytest.raises(ValueError, match=r"a tuple has no kernel of its own: .* tree\[0\]\.kernel\.raw_scale"):
        mf.tune(lambda tree: jnp.array(1.0), (space, None))
    with pytest.raises(ValueError, match=r"3\.0 has no kernel of its own: .* where=lambda tree: tree; there are tree$"):
        mf.tune(lambda tree: tree, 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tree": jnp.array(-1.0), "loss": jnp.sqrt}, "not finite at the start"),
        ({"tree": jnp.array(1), "loss": lambda x: x}, "where names no array of floating type"),
        ({"tree": jnp.array(1.0), "loss": lambda x: x, "steps": -1}, "steps must be at least 0; got -1"),
    ],
)
def test_bad_input_is_a_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        mf.tune(where=lambda x: x, **arguments)


@pytest.mark.parametrize("options", [{}, {"points": ROWS}], ids=["square", "least squares"])
def test_the_residual_at_the_nodes_themselves_is_no_loss(options):
    loss = losses.residual(PROBLEM, options.get("points", SPACE.cloud), **options)
    for use in (lambda: loss(SPACE), lambda: mf.tune(loss, SPACE, steps=1, progress=False)):
        with pytest.raises(ValueError, match=r"interior points of the check cloud are nodes.*use other points"):
            use()
