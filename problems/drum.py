"""The vibrations of a drum: Δu + λu = 0 on the unit disk, u = 0 on its rim, λ the squares of zeros of Bessel functions.

All but those of J₀ occur twice, with J_m(√λ r) cos mθ and sin mθ.
"""

import numpy as np
import scipy.special

import meshfree as mf

DEFAULTS = {"degree": 20, "scale": (1.0,), "spacing": 0.1, "modes": 10}
ERROR = 1e-11  # of the eigenvalues, relative, that the defaults reach


def eigenvalues(count=12):
    zeros = [np.repeat(scipy.special.jn_zeros(m, count), 1 + (m > 0)) for m in range(count)]
    return np.sort(np.concatenate(zeros))[:count] ** 2


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Disk(),
        interior=lambda u, x, lam: mf.laplacian(u)(x) + lam * u(x),
        boundary=lambda u, x, n, lam: u(x),
        exact_parameters=eigenvalues(),
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
