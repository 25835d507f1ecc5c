"""Poisson's equation with two insulated edges: Δu = −5.4x, u_y = 0 at y = 0 and 1, u = 1 − 0.9x³ at x = 0 and 1."""

import meshfree as mf

DEFAULTS = {"degree": 16}
ERROR = 1e-12  # relative L2 that the defaults reach


def exact(x):
    return 1 - 0.9 * x[0] ** 3


def problem() -> mf.Problem:
    return mf.Problem(
        mf.Box(),
        interior=lambda u, x: mf.laplacian(u)(x) + 5.4 * x[0],
        bottom=mf.neumann(0.0),
        top=mf.neumann(0.0),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
