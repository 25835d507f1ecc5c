"""Heat in a body given by a triangulated surface in an STL file: −Δu = f, Dirichlet, u = sin(x + ½) cos y e^(z/2).

Without `--mesh FILE` the script makes a mesh first: an icosphere with bumps, 5120 triangles.
"""

import pathlib
import tempfile

import jax.numpy as jnp
import numpy as np

import meshfree as mf

DEFAULTS = {"space": "stencils", "spacing": 0.18, "degree": 4}
ERROR = 3e-5  # relative L2 that the defaults reach


def write_bumpy_sphere(path: pathlib.Path) -> pathlib.Path:
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=4)
    x, y, z = mesh.vertices.T
    mesh.vertices *= (1 + 0.15 * np.sin(3 * x) * np.sin(3 * y) * np.cos(2 * z))[:, None]
    mesh.export(path)
    return path


def exact(x):
    return jnp.sin(x[0] + 0.5) * jnp.cos(x[1]) * jnp.exp(x[2] / 2)


def problem(mesh: str = "") -> mf.Problem:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(mesh) if mesh else write_bumpy_sphere(pathlib.Path(folder) / "bumpy.stl")
        body = mf.TriangleSurface.load(path)
    return mf.Problem(
        body,
        interior=mf.manufactured(lambda u, x: mf.laplacian(u)(x), exact),
        boundary=mf.dirichlet(exact),
        exact=exact,
    )


if __name__ == "__main__":
    mf.run(problem, **DEFAULTS)
