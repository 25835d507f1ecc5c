"""Sound scattered by a hard disk: Δw + k²w = 0, ∂(w + e^(ikx))/∂n = 0 on the disk, ∂w/∂n = ikw on a circle around it.

Two fields, the real and the imaginary part of w. The exact solution is the series of cylindrical waves whose parts,
outgoing and incoming, meet both conditions; the second, which absorbs only what comes straight on, is part of the
problem. The radial factors are kept as Chebyshev polynomials.
"""

import jax.numpy as jnp
import numpy as np
from scipy.special import h1vp, h2vp, hankel1, hankel2, jvp

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.08, "degree": 6, "ghost": True}
ERROR = 5e-3  # relative L2 that the defaults reach
INNER, OUTER, TERMS = 0.7853981633974483, 3.141592653589793, 48


def radial_factors(k: float, modes: int):
    """Of cos nθ, as coefficients of Chebyshev polynomials of the radius, (TERMS, modes)."""
    r = (INNER + OUTER) / 2 + (OUTER - INNER) / 2 * np.cos(np.pi * (np.arange(TERMS) + 0.5) / TERMS)
    found = []
    for n in range(modes):
        ends = [[k * h1vp(n, k * INNER), k * h2vp(n, k * INNER)]]
        ends += [[k * h(n, k * OUTER) - 1j * k * w(n, k * OUTER) for h, w in ((h1vp, hankel1), (h2vp, hankel2))]]
        given = -(1 + (n > 0)) * 1j**n * k * jvp(n, k * INNER)
        out, back = np.linalg.solve(np.array(ends), np.array([given, 0.0]))
        found.append(out * hankel1(n, k * r) + back * hankel2(n, k * r))
    return np.polynomial.chebyshev.chebfit(2 * (r - INNER) / (OUTER - INNER) - 1, np.array(found).T, TERMS - 1)


def problem(k: float = 2.0) -> mf.Problem:
    modes = 20 + int(2 * k)
    factors = jnp.asarray(np.stack([radial_factors(k, modes).real, radial_factors(k, modes).imag]))

    def exact(x):
        t = 2 * (jnp.hypot(x[0], x[1]) - INNER) / (OUTER - INNER) - 1
        of_radius = factors.swapaxes(1, 2) @ jnp.cos(jnp.arange(float(TERMS)) * jnp.arccos(jnp.clip(t, -1.0, 1.0)))
        return of_radius @ jnp.cos(jnp.arange(float(modes)) * jnp.arctan2(x[1], x[0]))

    def hard(u, x, n):
        return mf.derivative(u, n)(x) + k * n[0] * jnp.array([-jnp.sin(k * x[0]), jnp.cos(k * x[0])])

    return mf.Problem(
        mf.Disk(radius=OUTER) - mf.Disk(radius=INNER, name="disk"),
        fields=2,
        interior=lambda u, x: mf.laplacian(u)(x) + k**2 * u(x),
        disk=hard,
        boundary=lambda u, x, n: mf.derivative(u, n)(x) - k * jnp.array([-u(x)[1], u(x)[0]]),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
