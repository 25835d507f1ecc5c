"""Poisson's equation on the unit disk: −Δu = load, u = 0 on the circle, u = load (1 − r²)/4: a clamped membrane."""

import meshfree as mf

DEFAULTS = {"degree": 16}
ERROR = 5e-14  # relative L2 that the defaults reach


def problem(load: float = 1.0) -> mf.Problem:
    return mf.Problem(
        mf.Disk(),
        interior=lambda u, x: mf.laplacian(u)(x) + load,
        boundary=mf.dirichlet(0.0),
        exact=lambda x: load * (1 - x @ x) / 4,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
