"""Refine the nodes where the solution is wrong: u′ − εu″ = 1 on an interval, which has a layer of width ε at one end.

The indicator is the residual between the nodes, so it needs no exact solution; `mf.refine` halves the spacing where it
is large. Printed: nodes and relative L2 error of each round, and the error of as many even nodes.
"""

import jax
import jax.numpy as jnp

import meshfree as mf

jax.config.update("jax_enable_x64", True)
domain, width = mf.Interval(), 0.003

problem = mf.Problem(
    domain,
    interior=lambda u, x: mf.derivative(u, 0)(x) - width * mf.laplacian(u)(x) - 1.0,
    boundary=mf.dirichlet(0.0),
    exact=lambda x: x[0] - jnp.exp((x[0] - 1) / width),
)
u = mf.solve(problem, mf.Stencils(mf.Polyharmonic(5), domain.cloud(0.05), degree=4))
worst = u.space.cloud.points[mf.indicator(problem, u).argmax(), 0]
print(f"{len(u.space.cloud)} nodes, error {mf.error(problem, u):.1e}, the largest residual near x = {worst:.2f}")
for _ in range(3):
    u = mf.solve(problem, mf.refine(u, problem))
    error = mf.error(problem, u)
    print(f"{len(u.space.cloud)} nodes, error {error:.1e}")

even = u.space.on(domain.cloud(1 / len(u.space.cloud)))
even_error = mf.error(problem, mf.solve(problem, even))
print(f"{len(even.cloud)} even nodes, error {even_error:.1e}")
