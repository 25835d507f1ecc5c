"""Find a coefficient of an equation from measurements: c in −Δu + c u = 1 from u at ten points, c = 20.

`tune` moves any leaf of any pytree, here a number in the problem, by the gradient through the solve. What `where` does
not name stays as it is. Printed: the coefficient, and its relative error.
"""

import jax
import jax.numpy as jnp
import optax

import meshfree as mf

jax.config.update("jax_enable_x64", True)
domain, X = mf.Box(), mf.Box().sample(10)


def reaction(rate, u, x):
    return -mf.laplacian(u)(x) + rate * u(x) - 1.0


residuals = (jax.tree_util.Partial(reaction, jnp.array(rate)) for rate in (20.0, 5.0))  # the rate is a leaf
truth, guess = (mf.Problem(domain, interior=one, boundary=mf.dirichlet(0.0)) for one in residuals)
space = mf.Collocation(mf.Matern(nu=4.5, scale=0.6), domain.cloud(0.2))
measured = mf.solve(truth, space)(X)


def misfit(tree):
    return jnp.log(jnp.mean((mf.solve(tree[1], tree[0])(X) - measured) ** 2))


adam = optax.adam(optax.cosine_decay_schedule(2.0, 60))  # with short steps at the end
(_, found), history = mf.tune(misfit, (space, guess), lambda tree: tree[1].interior.args[0], optimizer=adam, steps=60)
error = abs(found.interior.args[0] / 20.0 - 1)
print(f"c = {found.interior.args[0]:.3f} after {len(history.loss) - 1} steps from 5, relative error {error:.1e}")
