"""A coefficient that jumps: by `jnp.where` it is not seen, by a field for each side it is."""

import jax
import jax.numpy as jnp
import numpy as np

import meshfree as mf

OUTSIDE, INSIDE = 1.0, 10.0
CENTER, RADIUS = jnp.array([0.45, 0.5]), 0.3


def split(cloud, distance, face):
    """The cloud without the nodes near an interface, whose nodes and normals are a part of it."""
    away = np.abs(distance(cloud["interior"])) > 0.3 * float(cloud.spacing)
    sides = {part: (cloud[part], cloud.normals[part]) for part in cloud.normals}
    return mf.Cloud(interior=cloud["interior"][away], **sides, face=face)


def continuous(u, x, n):
    """The temperature and the flux are equal on both sides."""
    values, slopes = u(x), mf.derivative(u, n)(x)
    return jnp.stack([values[0] - values[1], OUTSIDE * slopes[0] - INSIDE * slopes[1]])


def test_interface():
    """The two-field recipe in one dimension: −(a u′)′ = 0, a = 1 | 10; in one field a jump by `where` is not seen."""
    line = mf.Interval()
    nodes = split(line.cloud(0.04), lambda X: X[:, 0] - 0.5, (np.array([[0.5]]), np.array([[1.0]])))
    two = mf.Problem(
        None,
        fields=2,
        interior=lambda u, x: mf.laplacian(u)(x),
        left=lambda u, x, n: u(x)[0],
        right=lambda u, x, n: u(x)[1] - 1,
        face=continuous,
    )
    u = mf.solve(two, mf.Eigenbasis(mf.Gaussian(3.0), nodes, degree=11))
    np.testing.assert_allclose(u(jnp.array([0.5])), 1 / 1.1, rtol=1e-7)
    np.testing.assert_allclose(u(jnp.array([[0.25], [0.75]]))[[0, 1], [0, 1]], [0.5 / 1.1, 1.05 / 1.1], rtol=1e-7)

    def flux(u):
        return lambda y: jnp.where(y[0] < 0.5, OUTSIDE, INSIDE) * mf.gradient(u)(y)

    one = mf.Problem(
        line, interior=lambda u, x: mf.divergence(flux(u))(x), left=mf.dirichlet(0.0), right=mf.dirichlet(1.0)
    )
    by_where = mf.solve(one, mf.Eigenbasis(mf.Gaussian(3.0), line.cloud(0.04), degree=11))
    np.testing.assert_allclose(by_where(jnp.array([0.5])), 0.5, rtol=1e-7)  # as the docstring of Problem says


def level(x):
    """Zero on the circle."""
    return (jnp.sum((x - CENTER) ** 2) - RADIUS**2) * jnp.exp(x[0] - x[1])


def test_a_disk_of_another_conductivity():
    """Fields that cross a curved interface: u = level/a is continuous, and so is its flux; −∇·(a∇u) = −Δ level."""
    square, disk = mf.Box(), mf.Disk(tuple(CENTER.tolist()), RADIUS, name="face")
    ring = disk.cloud(0.07)
    nodes = split(square.cloud(0.07, cluster=1.0), disk.distance, (ring["face"], ring.normals["face"]))
    a = jnp.array([OUTSIDE, INSIDE])
    problem = mf.Problem(
        None,
        fields=2,
        interior=lambda u, x: a * mf.laplacian(u)(x) - mf.laplacian(level)(x),
        face=continuous,
        boundary=lambda u, x, n: u(x)[0] - level(x),
    )
    u = mf.solve(problem, mf.Eigenbasis(mf.Gaussian(3.0), nodes, degree=11))
    X = jnp.asarray(square.sample(500, seed=3))
    values = jnp.take_along_axis(u(X), jnp.asarray(disk.contains(X)).astype(int)[:, None], axis=1)[:, 0]
    right = jax.vmap(level)(X) / jnp.where(disk.contains(X), INSIDE, OUTSIDE)
    error = jnp.linalg.norm(values - right) / jnp.linalg.norm(right)
    print(f"error {error:.1e}")
    assert error < 1e-6
