"""The reference cases with measured data and unknown numbers: see `accuracy.py`."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from reference import PROBLEMS, Row, made
from scipy.interpolate import RBFInterpolator

import meshfree as mf
from meshfree.run.command_line import load_script
from meshfree.run.defaults import Choices, build_space, nodes

KERNELS = {  # of SciPy: ours, its epsilon, and the lowest degree of the polynomials
    "linear": (mf.Polyharmonic(1), 1.0, 0),
    "thin_plate_spline": (mf.Polyharmonic(2), 1.0, 1),
    "cubic": (mf.Polyharmonic(3), 1.0, 1),
    "quintic": (mf.Polyharmonic(5), 1.0, 2),
    "multiquadric": (mf.Multiquadric(0.2), 5.0, 0),
    "inverse_multiquadric": (mf.InverseMultiquadric(0.2), 5.0, -1),
    "inverse_quadratic": (mf.InverseQuadratic(0.2), 5.0, -1),
    "gaussian": (mf.Gaussian(0.2), 5.0, -1),
}
NARROW = {  # kernels with a scale, narrower: 15 neighbours are near, and rounding is not to decide
    "multiquadric": mf.Multiquadric,
    "inverse_multiquadric": mf.InverseMultiquadric,
    "inverse_quadratic": mf.InverseQuadratic,
    "gaussian": mf.Gaussian,
}
KERNELS_OF_NEIGHBOURS = KERNELS | {name: (make(1 / 20), 20.0, KERNELS[name][2]) for name, make in NARROW.items()}
TESTED = np.random.default_rng(9).random((2000, 2))


def stencils(degree: int = 5) -> mf.Stencils:
    return mf.Stencils(None, mf.Box().cloud(0.06), degree)


def scipy() -> Iterator[Row]:
    """D1: 8 kernels, polynomials up to degree 2, three smoothings; scalar, vector and complex values, at worst."""
    rng = np.random.default_rng(0)
    X, Q = rng.random((60, 2)), rng.random((40, 2))
    real, other = rng.standard_normal((2, 60))
    worst = 0.0
    for name, (kernel, epsilon, lowest) in KERNELS.items():
        for degree in range(lowest, 3):
            space = mf.Collocation(kernel, mf.Cloud(interior=X), degree=degree)
            for smoothing in (0.0, 1e-3, 0.5):
                for values in (real, np.stack([real, other], axis=1), real + 1j * other):
                    theirs = RBFInterpolator(
                        X, values, kernel=name, epsilon=epsilon, degree=degree, smoothing=smoothing
                    )(Q)
                    ours = np.asarray(mf.interpolate(values, space, points=X, smoothing=smoothing)(Q))
                    ours = ours[:, 0] + 1j * ours[:, 1] if np.iscomplexobj(values) else ours
                    worst = max(worst, float(np.abs(ours - theirs).max()))
    yield Row("D1 smoothing, SciPy's RBFInterpolator", 60, worst, 1e-8)
    yield by_neighbours()


def by_neighbours() -> Row:
    """D1, fitted to the 15 nearest of 1000 values."""
    rng, worst = np.random.default_rng(1), 0.0
    X, Q = rng.random((1000, 2)), rng.random((300, 2))
    real = np.sin(5 * X[:, 0]) * X[:, 1] + 0.1 * rng.standard_normal(1000)
    for name, (kernel, epsilon, lowest) in KERNELS_OF_NEIGHBOURS.items():
        for degree in range(lowest, 3):
            space = mf.Collocation(kernel, mf.Cloud(interior=X), degree=degree)
            for smoothing in (0.0, 1e-3, 0.5):
                for values in (real, np.stack([real, X[:, 0]], axis=1), real + 1j * X[:, 0]):
                    given = {"kernel": name, "epsilon": epsilon, "degree": degree, "smoothing": smoothing}
                    theirs = RBFInterpolator(X, values, neighbors=15, **given)(Q)
                    ours = np.asarray(mf.interpolate(values, space, smoothing=smoothing, neighbors=15)(Q))
                    ours = ours[:, 0] + 1j * ours[:, 1] if np.iscomplexobj(values) else ours
                    worst = max(worst, float(np.abs(ours - theirs).max()))
    return Row("D1 by 15 neighbours, SciPy's RBFInterpolator", len(X), worst, 1e-8)


def fusion() -> Iterator[Row]:
    """D2: an edge unknown, 30 values of deviation 0.01; the values alone beside it."""
    problem, space = made("data_fusion"), stencils(4)
    u = mf.solve(problem, space)
    error, measured = mf.error(problem, u), problem.data["measured"]
    yield Row("D2 an unknown edge, 30 values, stencils", u.stats["unknowns"], error, 1.2e-2)
    alone = mf.Problem(mf.Box(), interior=None, boundary=None, exact=problem.exact, measured=measured)
    tuned, _ = mf.tune(alone, mf.GaussianProcess(mf.Matern(5.5, 1.0), space.cloud), optimizer="search")
    by_values = mf.error(alone, mf.solve(alone, tuned))
    yield Row("D2 the values alone, tuned by leave-one-out", 30, by_values, 2.1e-2)
    yield Row("D2 values alone over equation and values, times", 30, by_values / error, 2.1 / 1.2, at_least=True)


def smoothing() -> Iterator[Row]:
    """D7: `problems/smoothing.py` and SciPy's smoothing with the same kernel."""
    problem = made("smoothing")
    scale, measured = load_script(PROBLEMS / "smoothing.py").DEFAULTS["scale"][0], problem.data["measured"]
    u = mf.solve(problem, mf.GaussianProcess(mf.Gaussian(scale), problem.domain.cloud(0.125)))
    chosen = float(measured.noise[0] ** 2 / u.amplitude)
    theirs = RBFInterpolator(
        measured.points, measured.values, smoothing=chosen, kernel="gaussian", epsilon=1 / scale, degree=-1
    )
    Q = problem.domain.sample(1000, seed=4)
    yield Row("D7 smoothing, apart from SciPy", 40, float(np.abs(np.asarray(u(Q)) - theirs(Q)).max()), 1e-8)
    yield Row("D7 smoothing, relative error", 40, mf.error(problem, u), 0.2)
    inside = np.abs(np.asarray(u(Q)) - np.asarray(jax.vmap(problem.exact)(Q))) < 2 * np.asarray(u.std(Q))
    yield Row("D7 smoothing, share within 2 deviations", 40, float(np.mean(inside)), 0.9, at_least=True)


def viscosity() -> Iterator[Row]:
    """D8: a viscosity from 30 velocities, by eigenfunctions; by few stencils a warning says how far it is off."""
    script, problem = load_script(PROBLEMS / "navier_stokes_viscosity.py"), made("navier_stokes_viscosity")
    choices = Choices(**script.DEFAULTS)
    u = mf.solve(problem, build_space(problem, nodes(problem, choices), choices))
    found, deviation = u.unknowns["viscosity"], u.std_of_unknowns["viscosity"]
    off, shift = abs(found - 1 / script.REYNOLDS) / deviation, u.stats["shift_of_unknowns"]["viscosity"] / deviation
    yield Row("D8 a viscosity, deviations off", u.stats["unknowns"], off, 2.0)
    yield Row("D8 moved by the discretisation, deviations", u.stats["unknowns"], shift, 1.0)


def fusion_by_a_process() -> Iterator[Row]:
    """D6: the same by a Gaussian process, over ten draws of the noise: the mean share within two deviations."""
    space, problem = mf.GaussianProcess(mf.Matern(5.5, 1.0), mf.Box().cloud(0.1)), made("data_fusion")
    shares, errors = [], []
    exact = np.asarray(jax.vmap(problem.exact)(TESTED[:500]))
    points, clean = (
        problem.data["measured"].points,
        np.asarray(jax.vmap(problem.exact)(problem.data["measured"].points)),
    )
    for seed in range(10):
        values = clean + 0.01 * np.random.default_rng(seed).standard_normal(len(points))
        drawn = mf.Problem(
            mf.Box(),
            interior=problem.interior,
            right=None,
            boundary=problem.conditions["boundary"],
            exact=problem.exact,
            measured=mf.Data(points, values, 0.01),
        )
        u = mf.solve(drawn, space)
        shares.append(np.mean(np.abs(np.asarray(u(TESTED[:500])) - exact) < 2 * np.asarray(u.std(TESTED[:500]))))
        errors.append(mf.error(problem, u))
    yield Row("D6 an unknown edge, Gaussian process, worst of 10", len(space.cloud), max(errors), 1.2e-2)
    yield Row("D6 share within 2 deviations, mean of 10", len(space.cloud), float(np.mean(shares)), 0.9, at_least=True)


def of_expansion(name: str, truth: str, shaped: Callable, bar: float, case: str) -> Iterator[Row]:
    script, problem = load_script(PROBLEMS / f"{name}.py"), made(name)
    u = mf.solve(problem, stencils())
    functions = np.asarray(jax.vmap(script.basis())(TESTED))
    found = shaped(functions @ u.unknowns["whitened"])
    exact = np.asarray(jax.vmap(getattr(script, truth))(TESTED))
    yield Row(case, u.stats["unknowns"], float(np.linalg.norm(found - exact) / np.linalg.norm(exact)), bar)
    std = np.sqrt(np.einsum("mi,ij,mj->m", functions, u.covariance_of_unknowns, functions))
    lower, upper = (shaped(functions @ u.unknowns["whitened"] + sign * 2 * std) for sign in (-1, 1))
    share = float(np.mean((lower < exact) & (exact < upper)))
    yield Row(f"{case}: share within 2 deviations", u.stats["unknowns"], share, 0.9, at_least=True)


def source() -> Iterator[Row]:
    """D3: the source of Poisson's equation from 60 values of deviation 1e-3."""
    yield from of_expansion("source_inference", "exact", lambda q: q / (2 * np.pi**2), 1.5e-2, "D3 a source, 60 values")


def conductivity() -> Iterator[Row]:
    """D4: Darcy's conductivity from 100 heads of deviation 1e-3, by Gauss-Newton."""
    yield from of_expansion("conductivity", "conductivity", np.exp, 3e-2, "D4 a conductivity, 100 values")


def coverage() -> Iterator[Row]:
    """D5: standard deviations of a coefficient over 20 draws of the noise: the root mean square of error/std."""
    X = mf.Box().sample(20, seed=3)
    space = mf.Eigenbasis(mf.Gaussian(1.5), mf.Box().cloud(0.1, cluster=1.0), 12)
    exact, off = made("source_inference").exact, []
    assert exact is not None
    for seed in range(20):
        k = mf.Unknown(1.0)
        values = np.asarray(jax.vmap(exact)(X)) + 0.01 * np.random.default_rng(seed).standard_normal(20)
        problem = mf.Problem(
            mf.Box(),
            interior=lambda u, x, k=k: k * mf.laplacian(u)(x) + 4 * np.pi**2 * exact(x),
            boundary=mf.dirichlet(0.0),
            heads=mf.Data(X, values, 0.01),
        )
        u = mf.solve(problem, space)
        off.append((u.unknowns["k"] - 2.0) / u.std_of_unknowns["k"])
    spread = float(np.sqrt(np.mean(np.square(off))))
    yield Row("D5 error over standard deviation, log of it", 20, abs(np.log(spread)), np.log(1.5))


CASES: dict[str, Callable[[], Iterator[Row]]] = {
    "D1": scipy,
    "D2": fusion,
    "D3": source,
    "D4": conductivity,
    "D5": coverage,
    "D6": fusion_by_a_process,
    "D7": smoothing,
    "D8": viscosity,
}
