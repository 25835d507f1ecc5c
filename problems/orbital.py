"""A particle in a harmonic well: −Δψ/2 + |x|²ψ/2 = Eψ in the plane (Schrödinger), with E = 1, 2, 2, 3, 3, 3, ...

The functions are Hermite polynomials times exp(−|x|²/2), and have all but vanished on the rim of the disk.
"""

import meshfree as mf

DEFAULTS = {"degree": 26, "scale": (0.2,), "modes": 10}
ERROR = 1e-7  # of the energies, relative, that the defaults reach


def problem(radius: float = 5.5) -> mf.Problem:
    return mf.Problem(
        mf.Disk(radius=radius),
        interior=lambda u, x, energy: -mf.laplacian(u)(x) / 2 + (x @ x / 2 - energy) * u(x),
        boundary=lambda u, x, n, energy: u(x),
        exact_parameters=[level for level in range(1, 5) for _ in range(level)],
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
