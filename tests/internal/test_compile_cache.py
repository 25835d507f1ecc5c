"""Compiled programs are dropped where they take too many of the memory maps of the process, and only there."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.internal import compile_cache
from meshfree.internal.watched import number_of


@pytest.fixture
def cleared(monkeypatch):
    """How often caches were cleared; the maps are counted after every program."""
    calls = []
    monkeypatch.setattr(compile_cache, "_OFTEN", 1)
    monkeypatch.setattr(jax, "clear_caches", lambda: calls.append(1))
    compile_cache.release_programs()  # counts from here on
    compile_cache._programs().clear()
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


@pytest.fixture
def released(monkeypatch):
    """A fresh memory of what was released, the size of the process, and how often caches were cleared."""
    size, calls = [1000], []
    monkeypatch.setattr(jax, "clear_caches", lambda: (calls.append(1), size.__setitem__(0, 1000)))
    monkeypatch.setattr(compile_cache, "_resident", lambda: size[0])
    monkeypatch.setattr(compile_cache, "_return_memory", lambda: None)
    state = compile_cache._Released()
    state.allowed, state.least = 100, 1000

    def solve(problem):
        state.look(problem)
        size[0] += 30
        state.compiled += 20

    return state, solve, calls, size


def test_different_problems_do_not_let_the_process_grow(released):
    state, solve, calls, size = released
    largest = 0
    for problem in range(300):
        solve(problem)
        largest = max(largest, size[0])
    assert largest <= 1000 + 100 + 2 * 30 and len(calls) >= 50
    assert state.allowed == 100


def test_one_problem_solved_again_and_again_keeps_its_programs(released):
    _, solve, calls, _ = released
    for _ in range(50):
        solve("the same")
    assert not calls


def test_problems_that_take_turns_keep_their_programs_in_the_end(released):
    """What was missed is released twice as late."""
    state, solve, calls, _ = released
    for _ in range(50):
        for problem in range(6):
            solve(problem)
    assert len(calls) <= 6 and state.allowed > 180


def test_memory_of_this_process_is_known(monkeypatch):
    assert compile_cache._resident() > 50 * 2**20
    compile_cache._return_memory()
    monkeypatch.setattr(compile_cache, "Path", lambda name: Path("/nowhere") / name.lstrip("/"))
    assert compile_cache._resident() == 0


def test_problems_are_known_again_by_what_their_functions_read():
    def made(rate):
        return mf.Problem(None, interior=lambda u, x: u(x) - rate, boundary=mf.dirichlet(rate))

    assert number_of(made(1.0).interior) == number_of(made(1.0).interior) != number_of(made(2.0).interior)
    seen = []
    for start in (1.0, 2.0):
        jax.grad(lambda rate: (seen.append(number_of(made(rate).interior)), rate)[1])(start)
    assert seen[0] == seen[1], "what is traced may differ"
