"""Compiled programs are dropped where they take too many of the memory maps of the process, and only there."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import compile_cache


@pytest.fixture
def cleared(monkeypatch):
    """How often caches were cleared; the maps are counted after every program."""
    calls = []
    monkeypatch.setattr(compile_cache, "_OFTEN", 1)
    monkeypatch.setattr(jax, "clear_caches", lambda: calls.append(1))
    compile_cache.release_programs()  # counts from here on
    compile_cache._counted().clear()
    calls.clear()
    return calls


def compile_one():
    jax.jit(lambda x: x + 1.0)(1.0)


@pytest.mark.parametrize(("used", "times"), [(4, 0), (5, 0), (6, 1)])
def test_caches_are_cleared_beyond_half_of_the_maps(cleared, monkeypatch, used, times):
    monkeypatch.setattr(compile_cache, "_memory_maps", lambda: (used, 10))
    compile_one()
    compile_cache.release_programs()
    assert len(cleared) == times


def test_maps_are_not_counted_before_enough_programs(cleared, monkeypatch):
    monkeypatch.setattr(compile_cache, "_OFTEN", 3)
    monkeypatch.setattr(compile_cache, "_memory_maps", lambda: (9, 10))
    for expected in (0, 0, 0, 1, 1):
        compile_cache.release_programs()
        assert len(cleared) == expected
        compile_one()


def test_seconds_of_compiling_grow_with_programs_and_with_nothing_else():
    before = compile_cache.compiling_seconds()
    compile_one()
    after = compile_cache.compiling_seconds()
    assert 0 < after - before < 60
    jnp.ones(3)  # compiled above, or now
    at_rest = compile_cache.compiling_seconds()
    np.linalg.solve(np.eye(200), np.ones(200))
    assert compile_cache.compiling_seconds() == at_rest


def test_this_process_has_maps_and_elsewhere_there_is_no_limit(monkeypatch):
    used, most = compile_cache._memory_maps()
    assert 10 < used < most
    monkeypatch.setattr(compile_cache, "Path", lambda name: Path("/nowhere") / name.lstrip("/"))
    assert compile_cache._memory_maps() == (0, float("inf"))


def test_solving_goes_on_with_cleared_caches(monkeypatch):
    """Also while JAX traces a function that solves."""
    monkeypatch.setattr(compile_cache, "_OFTEN", 0)
    monkeypatch.setattr(compile_cache, "_memory_maps", lambda: (9, 10))
    space = mf.Collocation(mf.Gaussian(0.3), mf.Interval().cloud(0.05))

    def middle(rate):
        problem = mf.Problem(
            mf.Interval(),
            interior=lambda u, x: mf.laplacian(u)(x) - rate * u(x) + 1.0,
            boundary=mf.dirichlet(0.0),
        )
        return mf.solve(problem, space)(jnp.array([0.5]))

    value, slope = jax.jit(jax.value_and_grad(middle))(1.0)
    sech, tanh = 1 / np.cosh(0.5), np.tanh(0.5)
    assert value == pytest.approx(1 - sech, abs=1e-4)  # (1 − sech(√rate/2))/rate
    assert slope == pytest.approx(sech * tanh / 4 - (1 - sech), abs=1e-4)
    assert middle(1.0) == pytest.approx(float(value), rel=1e-7)  # a condition of 4e13


def test_few_counted_are_kept_of_a_function_that_many_problems_compile():
    traced = []

    def double(arrays, static):
        traced.append(static["name"])
        return {"twice": 2 * arrays["x"]}

    few = compile_cache.Few(double, 3)
    for name in ("a", "b", "c", "a", "b"):
        assert few({"x": np.ones(2), "name": name})["twice"].tolist() == [2, 2]
    assert traced == ["a", "b", "c"]
    few({"x": np.ones(3), "name": "a"})  # a fourth: of another shape
    few({"x": np.ones(2), "name": "a"})
    assert traced == ["a", "b", "c", "a", "a"], "all were let go before the fourth was made"


def test_memory_is_given_back_where_the_library_can(monkeypatch):
    compile_cache._return_memory()
    monkeypatch.setattr(compile_cache.ctypes, "CDLL", lambda name: object())
    compile_cache._return_memory()
