"""Tune a kernel's scale by leave-one-out, without knowing the solution: Poisson's equation on a disk.

The loss is the logarithm of the residual at each node with that node left out, all nodes from one factorisation; its
gradient goes through the solve. Printed: the relative L2 errors at the first scale and at the tuned one.
"""

import jax
import jax.numpy as jnp
import optax

import meshfree as mf

jax.config.update("jax_enable_x64", True)
domain = mf.Disk()


def exact(x):
    return jnp.cos(3 * x[0]) * jnp.exp(x[1])


problem = mf.Problem(
    domain,
    interior=mf.manufactured(lambda u, x: mf.laplacian(u)(x), exact),
    boundary=mf.dirichlet(exact),
    exact=exact,
)
space = mf.Collocation(mf.Matern(nu=5.5, scale=0.3), domain.cloud(0.2))
loss = mf.losses.leave_one_out(problem)
tuned, history = mf.tune(loss, space, steps=30, optimizer=optax.adam(0.1))
before, error = (mf.error(problem, mf.solve(problem, one)) for one in (space, tuned))
print(f"scale {space.kernel.scale:.2f}: error {before:.1e}; scale {tuned.kernel.scale:.2f}: error {error:.1e}")
