"""Finding a kernel's scale without the exact solution: `mf.tune(problem, space)` beside gradient descent.

    python scripts/tuning.py               some 25 minutes on two cores
    python scripts/tuning.py B4 Matern     of these cases and kernels only

From 0.1, 1 and 10 times the best of 40 scales, which a scan with the exact solution finds: the error that the search
reaches, Adam (rate 0.1, 40 steps, the same loss) by itself, and Adam from the best of its own scan of 9 losses, over
the least of the 40; relative L2 at 2000 points.
The last column: the losses and seconds of the search from the best scale.
"""

import sys
import time
import warnings

import jax.numpy as jnp
import numpy as np
import optax
from reference import made
from timing import SQUARE

import meshfree as mf
from meshfree.run.command_line import configure_jax

configure_jax()
SCALES = np.geomspace(0.02, 50, 40)
STARTS = (0.1, 1.0, 10.0)
KERNELS = {
    "Gaussian": mf.Gaussian,
    "Inverse multiquadric": mf.InverseMultiquadric,
    "Inverse quadratic": mf.InverseQuadratic,
    "Multiquadric": mf.Multiquadric,
    "Rational quadratic": lambda scale: mf.RationalQuadratic(2.0, scale),
    "Matern 3.5": lambda scale: mf.Matern(3.5, scale),
    "Matern 5.5": lambda scale: mf.Matern(5.5, scale),
    "Matern 8.5": lambda scale: mf.Matern(8.5, scale),
}


def waves(along: float, across: float) -> mf.Problem:
    """Δu = f with u = sin(along x) sin(across y)."""

    def exact(x):
        return jnp.sin(along * x[0]) * jnp.sin(across * x[1])

    return mf.Problem(
        SQUARE,
        interior=lambda u, x: mf.laplacian(u)(x) + (along**2 + across**2) * exact(x),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


CASES = {  # a problem, and the spacing of its nodes
    "B1, 115 nodes": (lambda: made("poisson_square"), 0.115),
    "B1, 352 nodes": (lambda: made("poisson_square"), 0.06),
    "B4": (lambda: made("helmholtz", k=10.0), 0.05),
    "C1": (lambda: made("cubic"), 0.05),
    "anisotropic": (lambda: waves(12.0, 1.0), 0.06),
    "high frequency": (lambda: waves(25.0, 25.0), 0.04),
}


def error(problem: mf.Problem, space) -> float:
    try:
        return mf.error(problem, mf.solve(problem, space))
    except (ValueError, RuntimeError):  # singular, or Newton's method stopped short
        return np.inf


def row(case: str, problem: mf.Problem, cloud: mf.Cloud, name: str) -> str:
    """One kernel on one case."""

    def space(scale):
        return mf.Collocation(KERNELS[name](float(scale)), cloud)

    errors = [error(problem, space(scale)) for scale in SCALES]
    best, least = SCALES[int(np.argmin(errors))], min(errors)
    reached: dict[str, list[float]] = {"search": [], "adam": [], "adam, scan": []}
    for start in STARTS:
        began = time.perf_counter()
        found, history = mf.tune(problem, space(best * start), progress=False)
        if start == 1.0:
            seconds, losses = time.perf_counter() - began, len(history.loss)
        reached["search"].append(error(problem, found) / least)
        for name_of, scan in (("adam", None), ("adam, scan", 9)):
            found, _ = mf.tune(
                problem, space(best * start), optimizer=optax.adam(0.1), steps=40, scan=scan, progress=False
            )
            reached[name_of].append(error(problem, found) / least)
    shown = " | ".join(" ".join(f"{ratio:7.2g}" for ratio in ratios) for ratios in reached.values())
    return f"| {case:<15} | {name:<20} | {best:<6.2g} {least:.0e} | {shown} | {losses:>2} in {seconds:.1f} s |"


def main(chosen: list[str]) -> None:
    warnings.filterwarnings("ignore", message="between the nodes")
    heads = [f"{how:<23}" for how in ("search from 0.1, 1, 10", "Adam from 0.1, 1, 10", "Adam after a scan, same")]
    print(f"| case            | kernel               | best of scan | {' | '.join(heads)} | search      |")
    print(f"|-----------------|----------------------|--------------|{'|'.join(3 * ['-' * 25])}|-------------|")
    for case, (problem_of, spacing) in CASES.items():
        problem = problem_of()
        cloud = problem.domain.cloud(spacing, cluster=1.0)
        for name in KERNELS:
            label = f"{case} {name}"
            if not chosen or any(word in label for word in chosen):
                print(row(case, problem, cloud, name), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
