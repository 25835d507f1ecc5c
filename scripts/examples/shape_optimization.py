"""The stiffest bar in torsion: half-axes a, 1/a of an ellipse of area π, found by gradient descent through the solve.

Saint-Venant's theorem: of all bars of one cross-section's area the round one is stiffest, a = 1. The ellipse is the
unit disk, stretched by x = a X, y = Y/a, so that its shape is a number in the equation −Δu = 1: u_XX/a² + a² u_YY = −1.
Printed: a, and the relative error of the stiffness 4 ∫u, which is π/2 for the round bar.
"""

import jax
import jax.numpy as jnp
import optax

import meshfree as mf

jax.config.update("jax_enable_x64", True)


def torsion(a, u, x):
    second = jnp.diagonal(mf.hessian(u)(x))
    return second[0] / a**2 + a**2 * second[1] + 1.0


equation = jax.tree_util.Partial(torsion, jnp.array(1.6))  # the half-axis is a leaf
problem = mf.Problem(mf.Disk(), interior=equation, boundary=mf.dirichlet(0.0))
space = mf.Eigenbasis(mf.Gaussian(2.0), mf.Disk().cloud(0.2, cluster=1.0), degree=8)


def softness(problem):
    return -4.0 * mf.integrate(mf.solve(problem, space))


adam = optax.adam(optax.cosine_decay_schedule(0.2, 30))  # with short steps at the end
found, history = mf.tune(softness, problem, lambda p: p.interior.args[0], optimizer=adam, steps=30)
a, error = float(found.interior.args[0]), abs(-softness(found) / (jnp.pi / 2) - 1)
print(f"a = {a:.6f} after {len(history.loss) - 1} steps from 1.6, relative error of the stiffness {error:.1e}")
