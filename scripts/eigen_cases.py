"""The reference cases of eigenvalues and branches: see `accuracy.py`."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.special
from reference import PROBLEMS, Row, made

import meshfree as mf
from meshfree.run.command_line import load_script

DISK = mf.Disk()


def worst(modes: mf.Modes, known) -> float:
    known = np.asarray(known)[: len(modes)]
    sizes = np.maximum(np.abs(known), np.min(np.abs(known)[known != 0]))
    return float(np.max(np.abs(modes.values - known) / sizes))


def eigenbasis(degree: int = 20) -> mf.Eigenbasis:
    return mf.Eigenbasis(mf.Gaussian(1.0), DISK.cloud(0.1, cluster=1.0), degree)


def drum() -> Iterator[Row]:
    """Δu + λu = 0 on the disk."""
    problem = made("drum")
    modes = mf.eigen(problem, eigenbasis(), 10)
    yield Row(
        "V1 disk, 10 eigenvalues, Eigenbasis 20", modes.stats["unknowns"], worst(modes, problem.exact_parameters), 1e-11
    )
    modes = mf.eigen(problem, mf.Stencils(None, DISK.cloud(0.05), 4), 10)
    yield Row(
        "V1 disk, 10 eigenvalues, stencils 4", modes.stats["unknowns"], worst(modes, problem.exact_parameters), 5e-4
    )


def steklov() -> Iterator[Row]:
    """Δu = 0, ∂u/∂n = λu on the disk."""
    problem = made("steklov")
    modes = mf.eigen(problem, eigenbasis(), 9)
    yield Row("V2 Steklov, Eigenbasis 20", modes.stats["unknowns"], worst(modes, problem.exact_parameters), 1e-10)


def clamped() -> Iterator[Row]:
    """Δ²u = λu, u = u_n = 0 on the disk: λ = k⁴ with J_m(k) I_(m+1)(k) + I_m(k) J_(m+1)(k) = 0."""

    def characteristic(m, k):
        jv, iv = scipy.special.jv, scipy.special.ive
        return jv(m, k) * iv(m + 1, k) + iv(m, k) * jv(m + 1, k)

    grid, known = np.linspace(1.0, 12.0, 400), []
    for m in range(6):
        values = characteristic(m, grid)
        for i in np.flatnonzero(values[:-1] * values[1:] < 0):
            root = scipy.optimize.brentq(lambda k, m=m: characteristic(m, k), grid[i], grid[i + 1], xtol=1e-13)
            known += [root**4] * (1 + (m > 0))
    problem = mf.Problem(
        DISK,
        interior=lambda u, x, lam: mf.biharmonic(u)(x) - lam * u(x),
        boundary=lambda u, x, n, lam: jnp.stack([u(x), mf.derivative(u, n)(x)]),
    )
    modes = mf.eigen(problem, eigenbasis(), 6)
    yield Row(
        "V3 clamped disk, 6 eigenvalues, Eigenbasis 20", modes.stats["unknowns"], worst(modes, np.sort(known)), 1e-8
    )


def lshape() -> Iterator[Row]:
    """The first eigenvalues of the L-shape, with corner functions."""
    script = load_script(PROBLEMS / "lshape_modes.py")
    problem = script.problem()
    cloud = problem.domain.cloud(script.DEFAULTS["spacing"], cluster=1.0)
    space = script.enrich(mf.Eigenbasis(mf.Gaussian(1.0), cloud, 20))
    modes = mf.eigen(problem, space, 4)
    yield Row("V4 L-shape, 4 eigenvalues, corner functions", space.size, worst(modes, script.KNOWN), 3e-6)


def fold() -> Iterator[Row]:
    """Bratu's fold on the line."""
    problem = made("bratu_branch")
    (known,) = problem.exact_parameters
    for name, space in (
        ("Eigenbasis 16", mf.Eigenbasis(mf.Gaussian(1.0), problem.domain.cloud(0.03, cluster=1.0), 16)),
        ("stencils 6", mf.Stencils(None, problem.domain.cloud(0.02), 6)),
    ):
        branch = mf.trace(problem, space, 0.5, 4.0)
        yield Row(f"V5 Bratu's fold, {name}", space.size, float(np.max(np.abs(branch.folds - known))), 1e-6)


def condensate() -> Iterator[Row]:
    """N = ∫ψ² at μ = 4, against SciPy's solution of the boundary value problem."""
    problem = made("gross_pitaevskii")
    space = mf.Stencils(None, problem.domain.cloud(0.1), 6)
    last = mf.trace(problem, space, 0.6, 4.0)[-1]
    found = mf.integrate(mf.Solution(space, last.coefficients**2, {}))

    def slopes(x, y):
        return np.stack([y[1], 2 * ((x**2 / 2 - 4) * y[0] + y[0] ** 3), y[0] ** 2])

    grid = np.linspace(0.0, 9.0, 400)
    start = np.stack([np.sqrt(np.maximum(4 - grid**2 / 2, 0)), 0 * grid, grid])
    solved = scipy.integrate.solve_bvp(
        slopes, lambda a, b: np.array([a[1], b[0], a[2]]), grid, start, tol=1e-10, max_nodes=10**5
    )
    known = 2 * solved.y[2, -1]
    yield Row("V6 atoms of a condensate at μ = 4", space.size, abs(float(found) - known) / known, 1e-6)


def derivative() -> Iterator[Row]:
    """Of the first eigenvalue of (1 + a x²) Δu + λu = 0 by a, against differences of fourth order."""

    def interior(a, u, x, lam):
        return (1 + a * x[0] ** 2) * mf.laplacian(u)(x) + lam * u(x)

    step = 1e-3
    for name, space in (("Eigenbasis 14", eigenbasis(14)), ("stencils 4", mf.Stencils(None, DISK.cloud(0.12), 4))):

        def value(a, space=space):
            problem = mf.Problem(DISK, interior=jax.tree_util.Partial(interior, a), boundary=lambda u, x, n, lam: u(x))
            return mf.eigen(problem, space, 1).values[0]

        near, far = (value(0.3 + d * step) - value(0.3 - d * step) for d in (1, 2))
        known = (8 * near - far) / (12 * step)
        yield Row(
            f"V7 derivative of an eigenvalue, {name}", space.size, abs(float(jax.grad(value)(0.3)) / known - 1), 1e-6
        )


CASES = {
    "V1": drum,
    "V2": steklov,
    "V3": clamped,
    "V4": lshape,
    "V5": fold,
    "V6": condensate,
    "V7": derivative,
}
