"""Sloshing: Δu = 0 on the unit disk, ∂u/∂n = λu on its rim (Steklov's problem), λ = 0, 1, 1, 2, 2, 3, 3, ...

The eigenvalue stands in the boundary condition; the functions are rᵐ cos mθ and rᵐ sin mθ.
"""

import meshfree as mf

DEFAULTS = {"degree": 20, "scale": (1.0,), "spacing": 0.1, "modes": 9}
ERROR = 1e-10  # of the eigenvalues, relative, that the defaults reach


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Disk(),
        interior=lambda u, x, lam: mf.laplacian(u)(x),
        boundary=lambda u, x, n, lam: mf.derivative(u, n)(x) - lam * u(x),
        exact_parameters=[(m + 1) // 2 for m in range(9)],
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
