"""From a few choices to a solution: nodes, space, tuning and solving with sensible defaults; convergence studies."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable

import equinox as eqx

from ..internal.interrupts import noted
from ..pde.problem import Problem
from ..solving.automatic import solve
from ..solving.branch import Branch
from ..solving.eigen import eigen
from ..solving.evolve import evolve
from ..solving.metrics import error, residual_norm
from ..solving.modes import Modes
from ..solving.trace import trace
from ..spaces import Space
from ..tuning import losses
from ..tuning.tune import History, tune
from .defaults import KERNELS, RESOLUTIONS, Choices, build_space, check_cloud, eigenbasis_degree, nodes, spacing_of
from .outcome import Outcome


def study(problem: Problem, choices: Choices) -> Outcome:
    """Nodes, space, tuning and solve, or steps in time, as chosen; or what `tol` makes of it."""
    if problem.has_parameter:
        return (_over_parameter if choices.modes or choices.trace else _evolved)(problem, choices)
    began, history = time.perf_counter(), None
    if choices.in_time or choices.of_parameter:
        raise ValueError(f"this problem is stationary: drop {_flags({**choices.in_time, **choices.of_parameter})}")
    if choices.tol is not None:
        others = choices.chosen_beside_tol()
        if others:
            raise ValueError(f"--tol chooses the space and its nodes: drop {_flags(others)}, or --tol")
        u = solve(problem, tol=choices.tol)
    else:
        space = build_space(problem, nodes(problem, choices), choices)
        if choices.tune:
            space, history = _tuned(problem, space, choices)
        u = solve(problem, space, solver=choices.of_solver, devices=choices.devices)
    stopped = u.stats.get("interrupted", False) or (history is not None and history.interrupted)
    return _judged(Outcome(problem, u, history, None, None, 0.0, stopped), choices, began)


def _evolved(problem: Problem, choices: Choices) -> Outcome:
    """The study of a problem in time."""
    began = time.perf_counter()
    for name, instead in (
        ("tol", "--tolerance is the error of its steps"),
        ("tune", "give --scale"),
        ("devices", "steps are made on one device"),
    ):
        if getattr(choices, name) != getattr(Choices, name):
            raise ValueError(f"--{name} is for stationary problems, and this one is in time: drop it; {instead}")
    space = build_space(problem, nodes(problem, choices), choices)
    u = evolve(problem, space, solver=choices.of_solver, **choices.in_time)
    return _judged(Outcome(problem, u, None, None, None, 0.0, not u.stats["complete"]), choices, began)


def _over_parameter(problem: Problem, choices: Choices) -> Outcome:
    """The study of eigenvalues, or of a branch."""
    began = time.perf_counter()
    others = [name for name in ("tol", "tune", "devices") if getattr(choices, name) != getattr(Choices, name)]
    others += [*choices.in_time, *(["modes"] if choices.modes and choices.trace else [])]
    if others:
        raise ValueError(f"--{'trace' if choices.trace else 'modes'} does not go with {_flags(others)}: drop it")
    space = build_space(problem, nodes(problem, choices), choices)
    if choices.trace:
        u: Modes | Branch = trace(problem, space, *choices.trace, solver=choices.of_solver)
        stopped = not u.stats["complete"]
    else:
        u, stopped = eigen(problem, space, choices.modes, choices.near, solver=choices.of_solver), False
    outcome = Outcome(problem, u, None, None, None, 0.0, stopped)
    stats = outcome.final.stats
    if "eigenvalue_imag" in stats:
        return dataclasses.replace(
            outcome, error=max(outcome.errors, default=None), seconds=time.perf_counter() - began
        )
    found = _judged(outcome, choices, began)
    return dataclasses.replace(found, error=max(outcome.errors, default=found.error))


def _judged(outcome: Outcome, choices: Choices, began: float) -> Outcome:
    """The outcome with its error, its residual and the time since it began."""
    problem, u = outcome.problem, outcome.final
    points = u.space.cloud.points if problem.domain is None else None
    check = None if problem.domain is None else check_cloud(problem, u.space.cloud, choices.seed)
    return dataclasses.replace(
        outcome,
        error=None if problem.exact is None else error(problem, u, points),
        residual=None if check is None or problem.interior is None else residual_norm(problem, u, check),
        seconds=time.perf_counter() - began,
    )


def _flags(names: Iterable[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def converge(problem: Problem, choices: Choices, levels: int = RESOLUTIONS) -> list[Outcome]:
    """The study at `levels` finer and finer resolutions: the spacing divided by √2, or the degree raised, each time.

    Where no exact solution is known, the errors are differences from the finest one, which has none. Ctrl-C ends it
    with the resolutions that are finished, if there are any.
    """
    if choices.tol is not None:
        raise ValueError("--tol solves at several resolutions until one is fine enough: drop --converge, or --tol")
    if choices.cloud is not None:
        raise ValueError("a convergence study makes its own nodes: give --spacing in place of --cloud")
    if problem.domain is None:
        raise ValueError("a convergence study makes its own nodes, and the problem has no domain to make them on")
    if choices.of_space == "eigenbasis":
        last = eigenbasis_degree(choices, problem.domain.dim)
        rest = levels if choices.modes else 0  # fewer functions than modes would show none
        degrees = sorted({max(round(last * (level + 1 + rest) / (levels + rest)), 1) for level in range(levels)})
        refined = [dataclasses.replace(choices, degree=degree) for degree in degrees]
    else:
        spacings = [spacing_of(problem, choices) / math.sqrt(2) ** level for level in range(levels)]
        refined = [dataclasses.replace(choices, spacing=spacing) for spacing in spacings]
    outcomes: list[Outcome] = []
    with noted() as interrupted:
        try:
            for each in refined:
                outcomes.append(study(problem, each))
                if outcomes[-1].stopped or interrupted():
                    break
        except KeyboardInterrupt:
            if not outcomes:
                raise
    if len(outcomes) < len(refined):
        outcomes[-1] = dataclasses.replace(outcomes[-1], stopped=True)
    return outcomes if outcomes[-1].error is not None or choices.modes else _against_the_finest(outcomes)


def difference_from_finer(problem: Problem, choices: Choices, outcome: Outcome) -> float:
    """The relative L2 difference of a study's solution from that at half the spacing, for want of an exact one."""
    finer = study(problem, dataclasses.replace(choices, spacing=spacing_of(problem, choices) / 2))
    found = _against_the_finest([outcome, finer])[0].error
    assert found is not None
    return found


def _against_the_finest(outcomes: list[Outcome]) -> list[Outcome]:
    *coarser, finest = outcomes
    problem, stats = finest.problem, finest.final.stats
    problem = problem.at(stats.get("time", stats.get("parameter"))) if problem.has_parameter else problem
    known = eqx.tree_at(lambda p: p.exact, problem, finest.final, is_leaf=lambda leaf: leaf is None)
    return [*(dataclasses.replace(each, error=error(known, each.final)) for each in coarser), finest]


def _tuned(problem: Problem, space: Space, choices: Choices) -> tuple[Space, History]:
    if not KERNELS[choices.of_kernel].has_scale:
        raise ValueError(f"the {choices.of_kernel} kernel has no scale to tune: drop --tune")
    loss: losses.LeaveOneOut | losses.Residual
    if choices.loss == "leave-one-out":
        loss = losses.leave_one_out(problem, solver=choices.of_solver)
    elif problem.domain is None:
        raise ValueError("--loss residual needs a domain to take check points from: use --loss leave-one-out")
    else:
        loss = losses.residual(problem, check_cloud(problem, space.cloud, choices.seed), solver=choices.of_solver)
    if choices.rate != Choices.rate and choices.optimizer != "adam":
        raise ValueError(f"--rate is for --optimizer adam, not for {choices.optimizer}")
    return tune(loss, space, optimizer=_optimizer(choices), steps=choices.tune, devices=choices.devices)


def _optimizer(choices: Choices):
    if choices.optimizer == "search":
        return "search"
    import optax  # 50 ms: where it is used

    return optax.lbfgs() if choices.optimizer == "lbfgs" else optax.adam(choices.rate)
