"""Functions are equal where their code and all that it reads are equal, and differ where anything of it has changed."""

import functools
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import compile_cache
from meshfree.internal.watched import Key, Watched, settled, watch

RATE = 1.0
TABLE = {"rate": 1.0}
LISTED = [1.0, 2.0]
ARRAY = np.ones(3)
SETTINGS = types.SimpleNamespace(rate=1.0)


def reads_a_global(x):
    return RATE * x


def reads_nested(x):
    return [RATE * y for y in (lambda: (x, x))()]


def reads_through_another(x):
    return reads_a_global(x) + 1


def reads_containers(x):
    return TABLE["rate"] * LISTED[0] * x


def reads_an_array(x):
    return ARRAY[0] * x


def reads_an_attribute(x):
    return SETTINGS.rate * x


def with_default(x, rate=LISTED):
    return rate[0] * x


class Model:
    factor = 1.0

    def __init__(self, rate):
        self.rate = rate

    def method(self, x):
        return self.factor * self.rate * RATE * x

    @property
    def doubled(self):
        return 2 * self.rate

    def __call__(self, x):
        return self.method(x) + self.doubled


MODEL = Model(1.0)


def reads_an_object(x):
    return MODEL.method(x)


CHANGES = {
    "global": (reads_a_global, lambda patch: patch.setitem(globals(), "RATE", 2.0)),
    "nested code": (reads_nested, lambda patch: patch.setitem(globals(), "RATE", 2.0)),
    "of another function": (reads_through_another, lambda patch: patch.setitem(globals(), "RATE", 2.0)),
    "the other function": (reads_through_another, lambda patch: patch.setitem(globals(), "reads_a_global", abs)),
    "dict": (reads_containers, lambda patch: patch.setitem(TABLE, "rate", 2.0)),
    "list": (reads_containers, lambda patch: patch.setitem(globals(), "LISTED", [3.0, 2.0])),
    "array": (reads_an_array, lambda patch: patch.setitem(globals(), "ARRAY", 2 * np.ones(3))),
    "attribute": (reads_an_attribute, lambda patch: patch.setattr(SETTINGS, "rate", 2.0)),
    "default": (with_default, lambda patch: patch.setattr(with_default, "__defaults__", ([2.0],))),
    "object": (reads_an_object, lambda patch: patch.setattr(MODEL, "rate", 2.0)),
    "class": (reads_an_object, lambda patch: patch.setattr(Model, "factor", 2.0)),
    "method": (reads_an_object, lambda patch: patch.setattr(Model, "method", lambda self, x: x)),
    "global of a method": (reads_an_object, lambda patch: patch.setitem(globals(), "RATE", 2.0)),
    "bound": (MODEL.method, lambda patch: patch.setattr(MODEL, "rate", 2.0)),
    "callable object": (MODEL, lambda patch: patch.setattr(MODEL, "rate", 2.0)),
    "property of it": (MODEL, lambda patch: patch.setattr(Model, "doubled", property(lambda self: 0.0))),
    "partial": (functools.partial(reads_containers, 1.0), lambda patch: patch.setitem(TABLE, "rate", 2.0)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_and_taken_back(name, monkeypatch):
    function, change = CHANGES[name]
    before = Key(function)
    assert Key(function) == before and hash(Key(function)) == hash(before)
    with monkeypatch.context() as patch:
        change(patch)
        assert Key(function) != before
    assert Key(function) == before


def test_an_array_that_changes_in_place_is_seen(monkeypatch):
    array = np.ones(3)
    monkeypatch.setitem(globals(), "ARRAY", array)
    before = Key(reads_an_array)
    array[0] = 2.0
    assert Key(reads_an_array) != before
    array[0] = 1.0
    assert Key(reads_an_array) == before


def test_fresh_functions_of_the_same_code_and_values_are_equal():
    def made(rate, power):
        return lambda x: rate * x**power

    assert Key(made(1.0, 2)) == Key(made(1.0, 2))
    assert Key(made(np.ones(2), 2)) == Key(made(np.ones(2), 2))
    assert Key(made(1.0, 2)) != Key(made(1.0, 3))
    assert Key(made(1, 2)) != Key(made(1.0, 2))  # another dtype
    assert Key(made(np.float32(1), 2)) != Key(made(1.0, 2))
    assert Key(lambda x: x + 1) != Key(lambda x: x + 2)


def test_an_attribute_is_no_global_of_the_same_name(monkeypatch):
    def reads(x):
        return SETTINGS.RATE * x

    monkeypatch.setattr(SETTINGS, "RATE", 1.0, raising=False)
    before = Key(reads)
    monkeypatch.setitem(globals(), "RATE", 5.0)
    assert Key(reads) == before
    monkeypatch.setattr(SETTINGS, "RATE", 2.0)
    assert Key(reads) != before


def test_circles_end():
    ring = [1.0]
    ring.append(ring)
    other = [1.0]
    other.append(other)
    assert Key(lambda: ring) != Key(lambda: [1.0])
    assert Key(ring) == Key(other)

    def recursive(n):
        return n and recursive(n - 1)

    assert Key(recursive) == Key(recursive)


@pytest.mark.parametrize("value", [np.array([object()]), type("Slots", (), {"__slots__": ("x",)})()])
def test_what_cannot_be_known_is_equal_to_nothing(value):
    assert Key(lambda: value) != Key(lambda: value)
    function = watch(lambda: value)
    assert function == function and function != watch(function.function)


def test_what_a_function_changes_itself_while_it_is_traced_is_no_change():
    calls = []

    def counted(x):
        calls.append(x)
        return x

    @settled
    def call():
        watched = watch(counted)
        watched(1.0)
        return watched

    first, second = call(), watch(counted)
    assert first == second and hash(first) == hash(second)
    calls.append(2.0)
    assert first != watch(counted)


def test_a_tracer_is_known_by_itself():
    seen = []

    @jax.jit
    def traced(x):
        seen.extend([Key(lambda: x), Key(lambda: x), Key(lambda: x + 0)])
        return x

    traced(1.0)
    assert seen[0] != seen[2]


def test_leaves_of_a_callable_stay_leaves():
    class Decay(eqx.Module):
        rate: jax.Array

        def __call__(self, x):
            return -self.rate * RATE * x

    one, two = watch(Decay(jnp.array(1.0))), watch(Decay(jnp.array(2.0)))
    assert jax.tree.structure(one) == jax.tree.structure(two)
    assert jax.tree.leaves(one) == [1.0]
    assert two(3.0) == -6.0
    partial = watch(jax.tree_util.Partial(reads_containers, jnp.array(2.0)))
    assert jax.tree.leaves(partial)[-1] == 2.0
    assert watch(one) is one


def test_watched_functions_call_and_print_as_their_own():
    assert isinstance(watch(reads_a_global), Watched)
    assert watch(reads_a_global)(3.0) == 3.0
    assert repr(watch(reads_a_global)) == repr(reads_a_global)


# ------------------------------------------------------------------------------------------------- in programs

LINE = mf.Interval()
SPACES = {
    "dense": mf.Collocation(mf.Matern(5.5, 2.0), LINE.cloud(0.1)),
    "stencils": mf.Stencils(mf.Polyharmonic(3), LINE.cloud(0.05), 2),
}
K = 1.0


def residual(u, x):
    return mf.laplacian(u)(x) + K


@pytest.mark.parametrize("kind", SPACES)
def test_a_changed_global_is_solved_with(kind, monkeypatch):
    """u″ + K = 0: u(½) = K/8."""
    problem = mf.Problem(LINE, interior=residual, boundary=mf.dirichlet(0.0))
    for k in (1.0, 10.0, 1.0):
        monkeypatch.setitem(globals(), "K", k)
        assert float(mf.solve(problem, SPACES[kind])([0.5])) == pytest.approx(k / 8, rel=1e-3)
        assert mf.solve(problem, SPACES[kind]).stats["residual"]["interior"] < 1e-6


def test_a_changed_global_is_measured_and_applied_with(monkeypatch):
    problem = mf.Problem(LINE, interior=residual, boundary=mf.dirichlet(0.0), exact=lambda x: K * x[0] * (1 - x[0]) / 2)
    check = LINE.cloud(0.07, seed=1)
    u = mf.solve(problem, SPACES["dense"])
    assert mf.error(problem, u) < 1e-3 and mf.residual_norm(problem, u, check) < 1e-3
    matrix = mf.matrix(SPACES["dense"], lambda u: lambda x: K * u(x))
    monkeypatch.setitem(globals(), "K", 2.0)
    assert mf.error(problem, u) == pytest.approx(0.5, rel=1e-3)
    assert mf.residual_norm(problem, u, check) > 0.5
    np.testing.assert_allclose(mf.matrix(SPACES["dense"], lambda u: lambda x: K * u(x)), 2 * matrix, rtol=1e-12)


def test_a_changed_global_is_tuned_with(monkeypatch):
    """The loss is read anew in every run: its first value is that of the new global."""

    def loss(space):
        return K * space.kernel.scale

    firsts = []
    for k in (1.0, 3.0):
        monkeypatch.setitem(globals(), "K", k)
        firsts.append(mf.tune(loss, SPACES["dense"], steps=1)[1].loss[0])
    np.testing.assert_allclose(firsts, [2.0, 6.0], rtol=1e-12)


@pytest.mark.parametrize("kind", SPACES)
def test_a_fresh_lambda_of_the_same_code_is_not_compiled_again(kind):
    programs = []
    count = jax.monitoring.register_event_duration_secs_listener
    count(lambda event, seconds, **_: event == compile_cache._PROGRAM and programs.append(event))

    def solved(rate):
        problem = mf.Problem(
            LINE, interior=lambda u, x: mf.laplacian(u)(x) + rate * x[0], boundary=mf.dirichlet(lambda x: 0.0 * x[0])
        )
        before = len(programs)
        u = mf.solve(problem, SPACES[kind])
        return u.coefficients, len(programs) - before

    rate = 1.0 + sorted(SPACES).index(kind) / 8  # a program serves all spaces
    (first, compiled), (again, none), (_, anew) = solved(rate), solved(rate), solved(rate + 2.0)
    assert compiled > 0 and none == 0 and anew > 0
    np.testing.assert_array_equal(first, again)
