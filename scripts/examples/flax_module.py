"""Train a Wendland kernel as a part of a Flax module: the radius of its support, by Optax, on noisy data.

Its leaves become Flax parameters, and make a kernel again. Printed: the error at points held back, before and after.
"""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

import meshfree as mf

jax.config.update("jax_enable_x64", True)
X, noise = jax.random.uniform(jax.random.key(0), (120, 2)), jax.random.normal(jax.random.key(1), (120,))
data = jnp.sin(4 * X[:, 0]) * X[:, 1] + 0.02 * noise


class Regression(nnx.Module):  # of the first 80 data, judged by the others
    def __init__(self, kernel):
        leaves, self.structure = jax.tree.flatten(kernel)
        self.leaves = nnx.List(nnx.Param(jnp.asarray(leaf)) for leaf in leaves)

    def error(self):
        kernel = jax.tree.unflatten(self.structure, [leaf.get_value() for leaf in self.leaves])
        weights = jnp.linalg.solve(kernel(X[:80], X[:80]) + 4e-4 * jnp.eye(80), data[:80])
        return jnp.sqrt(jnp.mean((kernel(X[80:], X[:80]) @ weights - data[80:]) ** 2))


model, evaluate = Regression(mf.Wendland(4, dim=2, scale=0.3)), nnx.jit(nnx.value_and_grad(Regression.error))
optimizer, (before, slope) = nnx.Optimizer(model, optax.adam(0.05), wrt=nnx.Param), evaluate(model)
for _ in range(60):
    optimizer.update(model, slope)
    error, slope = evaluate(model)
print(f"error {before:.4f} before, {error:.4f} after training")
