"""A problem without a space: the ladder of spaces, what it says of the error, and where it ends."""

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.solving import automatic

SLOW = 200.0  # seconds for a ladder in tests, where programs are compiled without optimization and cores are shared


def poisson(domain, exact, **options):
    """−Δu = f with the exact solution on the whole boundary."""
    return mf.Problem(
        domain,
        interior=mf.manufactured(lambda u, x: -mf.laplacian(u)(x), exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
        **options,
    )


def wave(x):
    return jnp.sin(3 * x[0]) * jnp.exp(x[-1])


def corner(x):
    """r^(2/3) sin 2θ/3 around the re-entrant corner of the L, θ from its upper edge."""
    r2 = x @ x
    theta = jnp.mod(jnp.arctan2(x[1], x[0]) - jnp.pi / 2, 2 * jnp.pi)
    safe = jnp.where(r2 > 0, r2, 1.0)
    return jnp.where(r2 > 0, safe ** (1 / 3) * jnp.sin(2 * theta / 3), 0.0)


L_SHAPE = mf.Box((-1.0, -1.0), (1.0, 1.0)) - mf.Box((0.0, 0.0), (2.0, 2.0), name="notch")


def solved(problem, tol, **options):
    return mf.solve(problem, tol=tol, progress=False, **{"seconds": SLOW, **options})


@pytest.mark.parametrize(
    "domain", [mf.Interval(-1.0, 2.0), mf.Box((0.0, 0.0), (3.0, 1.0)), mf.Disk(), mf.Ball()], ids=repr
)
def test_a_smooth_problem_is_reached_by_eigenfunctions(domain):
    problem = poisson(domain, wave)
    u = solved(problem, 1e-6)
    assert u.stats["reached"] and not u.stats["interrupted"]
    assert mf.error(problem, u) <= 1e-6
    assert isinstance(u.space, mf.Eigenbasis)
    assert 0.3 < u.stats["estimate"] / mf.error(problem, u) < 5


def test_the_ladder_tells_what_was_tried():
    u = solved(poisson(mf.Box(), wave), 1e-8)
    ladder = u.stats["ladder"]
    assert len(ladder) >= 2
    assert all(set(rung) == {"space", "unknowns", "residual", "estimate", "seconds"} for rung in ladder)
    assert all(fine["unknowns"] > coarse["unknowns"] for coarse, fine in itertools.pairwise(ladder))
    assert ladder[-1]["space"] == u.space.describe()
    assert ladder[-1]["estimate"] == u.stats["estimate"] <= 1e-8 / 3
    assert "estimate" in repr(u)


def test_a_smaller_tolerance_takes_more_unknowns():
    problem = poisson(mf.Disk(), wave)
    coarse, fine = solved(problem, 1e-3), solved(problem, 1e-10)
    assert fine.stats["unknowns"] > coarse.stats["unknowns"]
    assert mf.error(problem, fine) < 1e-10


def test_an_oscillating_solution_takes_a_small_scale():
    problem = poisson(mf.Interval(-1.0, 1.0), lambda x: jnp.sin(40 * x[0]))
    u = solved(problem, 1e-8)
    assert mf.error(problem, u) < 1e-8
    assert float(u.space.kernel.scale) < 0.5


def test_a_corner_is_reached_by_nodes_that_are_placed_for_it():
    problem = poisson(L_SHAPE, corner)
    u = solved(problem, 1e-2)
    assert u.stats["reached"] and mf.error(problem, u) <= 1e-2
    assert isinstance(u.space, mf.Stencils)
    away = np.linalg.norm(np.asarray(u.space.cloud.points), axis=1)
    assert np.sum(away < 0.1) > 5 * np.sum((away > 0.6) & (away < 0.7)) * 0.01 / 0.13  # nodes an area


def test_functions_that_are_named_are_used():
    def exact(x):
        return corner(x) + jnp.exp(x[0]) * jnp.cos(x[1])

    problem = mf.Problem(L_SHAPE, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(exact), exact=exact)
    u = solved(problem, 1e-6, functions=[corner])
    assert isinstance(u.space, mf.Enriched) and u.stats["unknowns"] < 400
    assert mf.error(problem, u) <= 1e-6


def test_a_nonlinear_problem_starts_from_the_rung_below():
    def exact(x):
        return jnp.sin(2 * x[0]) * jnp.cos(x[1])

    def interior(u, x):
        return -mf.laplacian(u)(x) + u(x) ** 3

    problem = mf.Problem(
        mf.Disk(), interior=mf.manufactured(interior, exact), boundary=mf.dirichlet(exact), exact=exact
    )
    u = solved(problem, 1e-9)
    assert mf.error(problem, u) < 1e-9
    alone = mf.solve(problem, u.space)
    assert u.stats["steps"] < alone.stats["steps"]


def test_initial_chooses_among_solutions():
    """Δu + λeᵘ = 0 has two solutions on the disk, u = ln(8β/(λ(1 + βr²)²))."""
    branch = (4 - 1 + np.sqrt(16 - 8.0)) / 1.0  # the upper one, λ = 1

    def exact(x):
        return jnp.log(8 * branch / (1 + branch * (x @ x)) ** 2)

    problem = mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.laplacian(u)(x) + jnp.exp(u(x)),
        boundary=mf.dirichlet(0.0),
        exact=exact,
    )
    u = solved(problem, 1e-5, initial=lambda x: 3.0 * (1 - x @ x))
    assert mf.error(problem, u) < 1e-5


def test_several_fields():
    def exact(x):
        return jnp.stack([jnp.sin(x[0] + x[1]), jnp.cos(2 * x[0])])

    def interior(u, x):
        return mf.laplacian(u)(x) + jnp.stack([1.0, -2.0]) * u(x)[::-1]

    problem = mf.Problem(
        mf.Box(), fields=2, interior=mf.manufactured(interior, exact), boundary=mf.dirichlet(exact), exact=exact
    )
    u = solved(problem, 1e-8)
    assert u(np.zeros(2)).shape == (2,) and mf.error(problem, u) < 1e-8


def test_a_residual_that_uses_u_elsewhere_stays_with_eigenfunctions():
    def exact(x):
        return jnp.sin(2 * x[0])

    def interior(u, x):
        return mf.laplacian(u)(x) - u(-x)

    problem = mf.Problem(
        mf.Interval(-1.0, 1.0), interior=mf.manufactured(interior, exact), boundary=mf.dirichlet(exact), exact=exact
    )
    u = solved(problem, 1e-8)
    assert isinstance(u.space, mf.Eigenbasis) and mf.error(problem, u) < 1e-8


@pytest.mark.parametrize(
    ("options", "limit"),
    [({"max_unknowns": 100}, "100 are allowed"), ({"seconds": 1e-3}, "seconds=0.001 leave no time for")],
    ids=["unknowns", "seconds"],
)
def test_what_is_not_reached_is_said_with_what_limits_it(options, limit):
    problem = poisson(L_SHAPE, corner)
    with pytest.warns(UserWarning, match=r"tol=1e-07 was not reached.*3 times that") as caught:
        u = solved(problem, 1e-7, **options)
    assert any(limit in str(warning.message) for warning in caught)
    assert not u.stats["reached"]
    assert u.stats["estimate"] == min(rung["estimate"] for rung in u.stats["ladder"])
    assert u.stats["estimate"] > 0.3 * mf.error(problem, u)


def test_errors_that_fall_slowly_are_not_taken_for_small():
    """At a corner two degrees differ by much less than either is wrong."""
    problem = poisson(L_SHAPE, lambda x: corner(x) + jnp.exp(x[0]) * jnp.cos(x[1]))
    cloud = L_SHAPE.cloud(0.15, cluster=1.0)
    u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(1.0), cloud, 10))
    assert mf.estimate_error(problem, u) > 0.3 * mf.error(problem, u) > 1e-3


def test_another_rung_compiles_nothing(programs_kept):
    """What the first rung of a kind has not compiled already: a smaller tolerance takes more of them."""
    problem, compiled = poisson(mf.Interval(), lambda x: jnp.tanh((x[0] - 0.3) / 0.01)), []
    coarse = solved(problem, 1e-2)
    assert isinstance(coarse.space, mf.Stencils)
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    fine = solved(problem, 1e-9)
    assert fine.stats["unknowns"] > coarse.stats["unknowns"]
    assert "/jax/core/compile/backend_compile_duration" not in compiled


def test_a_much_better_rung_tells_the_error_of_the_one_before(monkeypatch):
    problem, rungs, judged = poisson(mf.Disk(), wave), [], automatic.Ladder._judged

    def kept(self, *args):
        rungs.append(judged(self, *args))
        return rungs[-1]

    monkeypatch.setattr(automatic.Ladder, "_judged", kept)
    told = solved(problem, 1e-9).stats["ladder"]
    errors = [mf.error(problem, rung.solution) for rung in rungs]
    assert len(errors) == len(told) > 1 and errors[1] < 0.05 * errors[0]
    np.testing.assert_allclose(told[0]["estimate"], errors[0], rtol=0.05)
    assert told[-1]["estimate"] == rungs[-1].estimate != errors[-1]


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_the_seconds_are_kept_to(monkeypatch, power):
    """On a clock that every solution sets forward by a power of its unknowns, and no compiling counts."""
    now = [0.0]
    solve_in = automatic.solve_in

    def timed(problem, space, **options):
        u = solve_in(problem, space, **options)
        now[0] += (u.coefficients.size / 1000) ** power
        return u

    monkeypatch.setattr(automatic, "solve_in", timed)
    monkeypatch.setattr(automatic, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(automatic, "compiling_seconds", lambda: 0.0)
    problem = poisson(L_SHAPE, corner)
    with pytest.warns(UserWarning, match="seconds=12 leave no time for finer stencils"):
        u = mf.solve(problem, tol=1e-12, seconds=12, progress=False)
    assert 6 < now[0] < 12.01 and len(u.stats["ladder"]) > 2


def test_other_threads_may_compile_for_longer_than_a_rung_takes(monkeypatch):
    seconds = itertools.count(0.0, 1000.0)
    monkeypatch.setattr(automatic, "compiling_seconds", lambda: next(seconds))
    u = solved(poisson(mf.Interval(), lambda x: jnp.tanh((x[0] - 0.3) / 0.01)), 1e-2)
    assert u.stats["reached"] and isinstance(u.space, mf.Stencils)


def test_ctrl_c_keeps_the_best_so_far(monkeypatch):
    problem, seen, solve_in = poisson(mf.Box(), wave), [], automatic.solve_in

    def interrupted(*args, **options):
        seen.append(1)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return solve_in(*args, **options)

    monkeypatch.setattr(automatic, "solve_in", interrupted)
    with pytest.warns(UserWarning, match="It was interrupted"):
        u = solved(problem, 1e-12)
    assert u.stats["interrupted"] and not u.stats["reached"] and len(u.stats["ladder"]) >= 1


def test_a_bar_is_shown_where_it_is_asked_for(capsys):
    mf.solve(poisson(mf.Disk(), wave), tol=1e-3, progress=True)
    assert "solve:" in (shown := capsys.readouterr().err) and "estimate=" in shown
    mf.solve(poisson(mf.Disk(), wave), tol=1e-3)
    assert capsys.readouterr().err == "", "no terminal, no bar"


def test_it_is_saved_and_loaded_with_its_ladder(tmp_path):
    u = solved(poisson(mf.Disk(), wave), 1e-4)
    u.save(tmp_path / "u.npz")
    again = mf.Solution.load(tmp_path / "u.npz")
    assert again.stats["ladder"] == u.stats["ladder"] and again.stats["reached"] is True
    x = np.array([0.3, 0.2])
    np.testing.assert_array_equal(jax.jit(lambda u, x: u(x))(again, x), jax.jit(lambda u, x: u(x))(u, x))


def test_a_singular_problem_is_refused():
    problem = mf.Problem(
        mf.Box(), interior=lambda u, x: mf.laplacian(u)(x) + jnp.cos(jnp.pi * x[0]), boundary=mf.neumann(0.0)
    )
    with pytest.raises(ValueError, match=r"singular"):
        solved(problem, 1e-4)


def test_a_problem_without_a_solution_is_not_reached():
    """Δu + 20eᵘ = 0 has none on the disk, whose λ ends at 2; least squares are least somewhere."""
    problem = mf.Problem(
        mf.Disk(), interior=lambda u, x: mf.laplacian(u)(x) + 20 * jnp.exp(u(x)), boundary=mf.dirichlet(0.0)
    )
    with pytest.warns(UserWarning, match="was not reached"):
        u = solved(problem, 1e-4, max_unknowns=200)
    assert not u.stats["reached"] and u.stats["estimate"] > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tol": 0.0}, "tol is a relative error, between 0 and 1; got 0.0"),
        ({"tol": 2.0}, "between 0 and 1; got 2.0"),
        ({"max_unknowns": 0}, "must be positive; got 0"),
        ({"seconds": -1.0}, "must be positive"),
        ({"solver": "lu"}, r"for a space of your own"),
        ({"points": mf.Box().cloud(0.3)}, r"for a space of your own"),
        ({"space": mf.Eigenbasis(mf.Gaussian(1.0), mf.Box().cloud(0.2), 4), "tol": 1e-3}, "tol= chooses a space"),
        ({"space": mf.Eigenbasis(mf.Gaussian(1.0), mf.Box().cloud(0.2), 4), "functions": [wave]}, "functions= chooses"),
    ],
    ids=["zero", "two", "no unknowns", "no time", "solver", "points", "space", "functions"],
)
def test_what_makes_no_sense_together_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        mf.solve(poisson(mf.Box(), wave), **options)


def test_a_problem_without_a_domain_needs_a_space():
    bare = mf.Problem(None, interior=lambda u, x: mf.laplacian(u)(x), boundary=mf.dirichlet(0.0))
    with pytest.raises(ValueError, match="no domain to place nodes in"):
        mf.solve(bare)


def test_a_traced_problem_needs_a_space():
    def value(rate):
        problem = mf.Problem(
            mf.Box(),
            interior=jax.tree_util.Partial(lambda rate, u, x: mf.laplacian(u)(x) + rate, rate),
            boundary=mf.dirichlet(0.0),
        )
        return mf.solve(problem, tol=1e-3)(jnp.array([0.5, 0.5]))

    with pytest.raises(ValueError, match="here JAX traces the problem"):
        jax.grad(value)(1.0)
