"""The reference cases in time: see `accuracy.py`."""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from reference import Row, made

import meshfree as mf
from meshfree.geometry.quadrature import rule

METHODS = ("bdf", "esdirk", "imex")


def final_error(problem: mf.Problem, u: mf.Trajectory) -> float:
    """Relative L2 at the last time."""
    return mf.error(problem.at(u.times[-1]), u.final)


def stencils(problem: mf.Problem, spacing: float | Callable, degree: int = 4, **more) -> mf.Stencils:
    return mf.Stencils(None, problem.domain.cloud(spacing), degree, **more)


def eigenbasis(problem: mf.Problem, degree: int, spacing: float, scale: float = 3.0) -> mf.Eigenbasis:
    return mf.Eigenbasis(mf.Gaussian(scale), problem.domain.cloud(spacing, cluster=1.0), degree)


def heat_on_the_disk(spacing: float) -> tuple[mf.Problem, mf.Cloud]:
    """u_t = Δu, u given on the right half of the circle, and its flux on the left."""

    def exact(x, t):
        return jnp.exp(-9 * t) * jnp.sin(3 * (x[0] + 2 * x[1]) / jnp.sqrt(5.0))

    cloud = mf.Disk().cloud(spacing)
    rim, normals = cloud["boundary"], cloud.normals["boundary"]
    halves = {name: (rim[on], normals[on]) for name, on in (("given", rim[:, 0] > 0), ("flux", rim[:, 0] <= 0))}
    problem = mf.Problem(
        None,
        interior=lambda u, x, t: mf.time_derivative(u)(x) - mf.laplacian(u)(x),
        given=mf.dirichlet(exact),
        flux=lambda u, x, n, t: mf.derivative(u, n)(x) - jax.grad(exact)(x, t) @ n,
        initial=lambda x: exact(x, 0.0),
        exact=exact,
    )
    return problem, mf.Cloud(interior=cloud["interior"], **halves)


def heat() -> Iterator[Row]:
    """T1: to t = 0.2, where u is a sixth of what it was; ghosts where the flux is given."""
    problem, cloud = heat_on_the_disk(0.0775)
    if len(cloud) > 630:
        raise RuntimeError(f"{len(cloud)} nodes, more than 630")
    u = mf.evolve(problem, mf.Stencils(None, cloud, 6, ghost="flux"), (0.0, 0.2), 1e-7)
    error = mf.error(problem.at(0.2), u.final, mf.Disk().sample(2000, seed=1))
    yield Row("T1 heat, disk, stencils of degree 6, ghosts", len(cloud), error, 3e-6)
    problem = made("heat")
    u = mf.evolve(problem, eigenbasis(problem, 12, 0.13), (0.0, 0.2), 1e-8)
    yield Row("T1 heat, disk, eigenfunctions of degree 12", u.stats["unknowns"], final_error(problem, u), 1e-6)


def burgers() -> Iterator[Row]:
    """T2: ν = 0.01/π at t = 1, nodes graded to the layer; by number."""
    problem = made("burgers")
    for finest, growth, coarsest, most, bar in ((4e-4, 0.12, 0.04, 124, 1e-3), (2e-4, 0.03, 0.015, 400, 1e-5)):

        def spacing(x, finest=finest, growth=growth, coarsest=coarsest):
            return jnp.minimum(finest + growth * jnp.abs(x[0]), coarsest)

        space = stencils(problem, spacing, 6)
        if space.size > most:
            raise RuntimeError(f"{space.size} nodes, more than {most}")
        u = mf.evolve(problem, space, (0.0, 1.0), 1e-7)
        yield Row(f"T2 Burgers, {most} graded nodes at most", space.size, final_error(problem, u), bar)


def metastable(epsilon: float = 0.1) -> mf.Problem:
    """Allen & Cahn's equation u_t = ε²u_xx + u − u³ with fronts that stay, and then merge (Trefethen, Spectral Methods
    in MATLAB, program 34).
    """
    return mf.Problem(
        mf.Interval(-1.0, 1.0),
        interior=lambda u, x, t: mf.time_derivative(u)(x) - epsilon**2 * mf.laplacian(u)(x) - u(x) + u(x) ** 3,
        boundary=mf.dirichlet(lambda x, t: x[0]),
        initial=lambda x: 0.53 * x[0] + 0.47 * jnp.sin(-1.5 * jnp.pi * x[0]),
    )


def allen_cahn() -> Iterator[Row]:
    """T3: 201 nodes and a tolerance of 1e-6: the front of the problem script, and fronts that stay, which multiply the
    error of the space by 40, against Chebyshev points.
    """
    problem = made("allen_cahn")
    u = mf.evolve(problem, stencils(problem, 0.01), (0.0, 5.0), 1e-6)
    yield Row("T3 Allen-Cahn, 201 nodes, a front", u.stats["unknowns"], final_error(problem, u), 1e-4)
    problem = metastable()
    space = stencils(problem, 0.01, 6)
    u = mf.evolve(problem, space, (0.0, 30.0), 1e-6)
    reference = chebyshev_allen_cahn(30.0)
    x = np.linspace(-1, 1, 500)
    error = np.linalg.norm(u.final(x) - reference(x)) / np.linalg.norm(reference(x))
    yield Row("T3 Allen-Cahn, 201 nodes, fronts that stay to t = 30", space.size, float(error), 1e-4)


def chebyshev_allen_cahn(last: float, epsilon: float = 0.1, count: int = 100) -> Callable:
    """The same by Chebyshev collocation and SciPy's Radau at 1e-10, as a function of x."""
    from scipy.integrate import solve_ivp

    angles = np.pi * np.arange(count + 1) / count
    x = np.cos(angles)
    weights = np.r_[2, np.ones(count - 1), 2] * (-1.0) ** np.arange(count + 1)
    differences = x[:, None] - x + np.eye(count + 1)
    D = np.outer(weights, 1 / weights) / differences
    D -= np.diag(D.sum(axis=1))
    D2, inner = epsilon**2 * (D @ D)[1:-1], slice(1, -1)
    sides = D2[:, [0, -1]] @ np.array([1.0, -1.0])

    def rate(t, u):
        return D2[:, inner] @ u + sides + u - u**3

    start = 0.53 * x + 0.47 * np.sin(-1.5 * np.pi * x)
    found = solve_ivp(
        rate, (0, last), start[inner], method="Radau", rtol=1e-10, atol=1e-12,
        jac=lambda t, u: D2[:, inner] + np.diag(1 - 3 * u**2),
    )  # fmt: skip
    fitted = np.polynomial.chebyshev.chebfit(x, np.r_[1.0, found.y[:, -1], -1.0], count)
    return lambda at: np.polynomial.chebyshev.chebval(at, fitted)


def energy(u: mf.Solution) -> float:
    """∫ (v² + |∇u|²)/2 over the unit square."""
    X, weights = rule(u.space.cloud.domain)

    def density(x):
        return (u(x)[1] ** 2 + jnp.sum(mf.gradient(u)(x)[0] ** 2)) / 2

    return float(weights @ np.asarray(jax.lax.map(density, jnp.asarray(X), batch_size=512)))


def wave() -> Iterator[Row]:
    """T4: 20 periods of the standing wave on the square. Stencils of 56 nodes, the default, have eigenvalues that grow
    like e^(1.6 t), of 80 nodes like e^(0.08 t).
    """
    problem, times = made("wave"), (0.0, 20 * np.sqrt(2.0))
    u = mf.evolve(problem, eigenbasis(problem, 14, 0.0456), times, 1e-9)
    yield Row("T4 wave, eigenfunctions of degree 14", u.stats["unknowns"], final_error(problem, u), 3e-6)
    drift = abs(energy(u.final) / energy(u.at(0.0)) - 1)
    yield Row("T4 wave, eigenfunctions of degree 14, energy drift", u.stats["unknowns"], drift, 1e-5)
    u = mf.evolve(problem, stencils(problem, 0.04, 6, size=80), times, 3e-8)
    yield Row("T4 wave, stencils of degree 6, 80 nodes each", u.stats["unknowns"], final_error(problem, u), 3e-4)


def periodic_advection() -> Iterator[Row]:
    """T5: a pulse once around the periodic square."""
    problem = made("advection_periodic")
    space = stencils(problem, 0.0335, 6)
    u = mf.evolve(problem, space, (0.0, 1.0), 1e-5)
    yield Row(f"T5 periodic transport, {space.size} nodes, degree 6", space.size, final_error(problem, u), 3e-3)
    u = mf.evolve(problem, eigenbasis(problem, 34, 0.028), (0.0, 1.0), 1e-12)
    yield Row("T5 periodic transport, waves", u.stats["unknowns"], final_error(problem, u), 1e-10)


def derivative_through_steps() -> Iterator[Row]:
    """T6: of a misfit by the diffusivity, through 40 steps, in reverse mode against Richardson's differences."""

    def misfit(kappa, space, known):
        problem = mf.Problem(
            mf.Interval(),
            interior=lambda u, x, t: mf.time_derivative(u)(x) - kappa * mf.laplacian(u)(x) + u(x) ** 3,
            boundary=mf.dirichlet(0.0),
            initial=lambda x: jnp.sin(jnp.pi * x[0]) + jnp.sin(3 * jnp.pi * x[0]) / 2,
        )
        u = mf.evolve(problem, space, (0.0, 1.0), 1e-12, "esdirk", steps=40)  # Newton to the end
        return jnp.sum((u.final(known) - 0.2) ** 2)

    space = mf.Stencils(None, mf.Interval().cloud(0.05), 4)
    loss = functools.partial(misfit, space=space, known=jnp.linspace(0.1, 0.9, 9)[:, None])
    found, h = float(jax.grad(loss)(0.1)), 1e-3

    def central(h):
        return (float(loss(0.1 + h)) - float(loss(0.1 - h))) / (2 * h)

    once = [(4 * central(h / 2**k) - central(h / 2 ** (k - 1))) / 3 for k in (1, 2)]
    differences = (16 * once[1] - once[0]) / 15
    yield Row("T6 gradient through 40 steps against differences", 0, abs(found / differences - 1), 1e-7)


def tolerances() -> Iterator[Row]:
    """T7: the largest error over a run beside the tolerance, for each method on heat and Allen-Cahn's equation.

    The reference is the same semi-discretisation by a tolerance of 1e-11 of another method, so that space has no share.
    The largest ratio over the tolerances 1e-3 to 1e-8 has the bar 10, the smallest 1/50.
    """
    cases = {"heat": made("heat"), "Allen-Cahn": made("allen_cahn")}
    spaces = {"heat": stencils(cases["heat"], 0.1, 4), "Allen-Cahn": stencils(cases["Allen-Cahn"], 0.02)}
    lasts = {"heat": 0.2, "Allen-Cahn": 5.0}
    for name, problem in cases.items():
        space, times = spaces[name], (0.0, lasts[name])
        fine = {method: mf.evolve(problem, space, times, 1e-10, method) for method in ("bdf", "esdirk")}
        for method in METHODS:
            known = fine["bdf" if method == "esdirk" else "esdirk"]
            ratios = [
                largest_difference(mf.evolve(problem, space, times, 10.0**-k, method), known) * 10.0**k
                for k in range(3, 9)
            ]
            case = f"T7 {name}, {method}: error over tolerance"
            yield Row(f"{case}, most", space.size, max(ratios), 10)
            yield Row(f"{case}, least", space.size, min(ratios), 0.02, at_least=True)


def two_scales() -> Iterator[Row]:
    """T8: k = 500 half waves along x by translates that oscillate as the solution does, on 3.5 rows each."""
    problem = made("heat_multiscale", k=500)
    cloud, rows = (problem.domain.cloud(h, cluster=1.0, seed=seed) for seed, h in enumerate((1 / 12, 1 / 24)))
    kernel = mf.Cosine(jnp.array([500 * jnp.pi, 0.0])) * mf.Gaussian(0.5)
    u = mf.evolve(problem, mf.Collocation(kernel, cloud), (0.0, 1.0), 1e-6, "esdirk", points=rows)
    yield Row("T8 heat of two scales, k = 500, Cosine * Gaussian", u.stats["unknowns"], final_error(problem, u), 1e-4)


def norm_kept() -> Iterator[Row]:
    """T9: a packet in a trap for one period, and by how much ∫ |ψ|² has changed."""
    problem = made("schroedinger")
    u = mf.evolve(problem, stencils(problem, 0.06, 8), (0.0, 2 * np.pi), 1e-7)
    yield Row("T9 Schroedinger, stencils of degree 8", u.stats["unknowns"], final_error(problem, u), 1e-5)
    X, weights = rule(problem.domain)
    norms = [weights @ np.sum(np.asarray(one(X)) ** 2, axis=1) for one in (u.at(0.0), u.final)]
    yield Row("T9 Schroedinger, drift of the norm", u.stats["unknowns"], abs(norms[1] / norms[0] - 1), 1e-6)


def largest_difference(u: mf.Trajectory, known: mf.Trajectory) -> float:
    """Over the ends of the steps of u, the root mean square at the nodes, relative to that of the solution then."""
    n = len(u.space.cloud)
    differences = []
    for t in u.times[1:]:
        values, reference = (np.asarray(one.at(t).coefficients)[:n] for one in (u, known))
        differences.append(np.linalg.norm(values - reference) / np.linalg.norm(reference))
    return max(differences)


CASES: dict[str, Callable[[], Iterator[Row]]] = {
    "T1": heat,
    "T2": burgers,
    "T3": allen_cahn,
    "T4": wave,
    "T5": periodic_advection,
    "T6": derivative_through_steps,
    "T7": tolerances,
    "T8": two_scales,
    "T9": norm_kept,
}
