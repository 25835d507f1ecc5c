"""Bring one's own nodes: rings in an annulus as plain arrays, with the normals of its two circles.

A cloud is points in named parts; boundary parts are pairs of points and unit outward normals. No domain is needed.
Δu = 0, u = 0 on the inner circle, u_n = 1 on the outer one, so u = ln 2r. Printed: the largest error at the nodes.
"""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

jax.config.update("jax_enable_x64", True)
angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
radii = np.linspace(0.5, 1.0, 9)

cloud = mf.Cloud(
    interior=np.concatenate([r * circle for r in radii[1:-1]]),
    inner=(radii[0] * circle, -circle),
    outer=(radii[-1] * circle, circle),
)
problem = mf.Problem(
    None,  # no domain: the cloud's parts are what conditions name
    interior=lambda u, x: mf.laplacian(u)(x),
    inner=mf.dirichlet(0.0),
    outer=mf.neumann(1.0),
)
u = mf.solve(problem, mf.Collocation(mf.Matern(nu=5.5, scale=1.0), cloud))
error = jnp.max(abs(u(cloud.points) - np.log(2 * np.linalg.norm(cloud.points, axis=1))))
print(f"{len(cloud)} nodes in the parts {list(cloud.parts)}, largest error {error:.1e}")
