"""What every shape of the plane is held to, against fine samples of its boundary."""

import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree


def nearest_sample(border, X):
    """From points (n, 2) to the nearest of the edges between successive points of closed lines, a list of (m, 2)."""
    gap = np.full(len(X), np.inf)
    for line in border:
        near = cKDTree(line).query(X, 2)[1]
        for i in (near[:, 0] - 1, near[:, 0]):
            a, b = line[i % len(line)], line[(i + 1) % len(line)]
            t = np.clip(np.einsum("nd,nd->n", X - a, b - a) / np.einsum("nd,nd->n", b - a, b - a), 0, 1)
            gap = np.minimum(gap, np.linalg.norm(X - a - t[:, None] * (b - a), axis=1))
    return gap


def around(shape, n=2000, seed=0):
    """Random points in and about a shape."""
    lower, upper = shape.bounds
    return np.random.default_rng(seed).uniform(1.4 * lower - 0.4 * upper, 1.4 * upper - 0.4 * lower, (n, 2))


def check_distance(shape, border, inside, tolerance=1e-7, round_off=1e-13):
    """Magnitudes as to samples of the border, signs as `inside(X)` says, slopes of length one, zero on the border."""
    X = around(shape)
    d = shape.distance(X)
    np.testing.assert_allclose(np.abs(d), nearest_sample(border, X), rtol=0, atol=tolerance * shape.extent)
    np.testing.assert_array_equal(d < 0, inside(X))
    np.testing.assert_array_equal(shape.contains(X), d <= shape.round_off)
    h = 1e-6 * shape.extent
    slopes = np.stack([(shape.distance(X + h * e) - shape.distance(X - h * e)) / (2 * h) for e in np.eye(2)], axis=1)
    # But where the nearest point changes, on a line of measure zero.
    assert np.mean(np.abs(np.linalg.norm(slopes, axis=1) - 1) < 1e-4) > 0.995
    border = np.concatenate(border)
    assert np.abs(shape.distance(border)).max() <= round_off * (shape.extent + np.abs(border).max())
    assert shape.distance(X[:0]).shape == shape.contains(X[:0]).shape == (0,)


def check_cloud(shape, h, **options):
    """An even cloud on the boundary, unit normals that point out; returned."""
    cloud = shape.cloud(h, **options)
    assert cloud.quality(h).mesh_ratio < 2.5
    step = 1e-6 * shape.extent
    for part, N in cloud.normals.items():
        np.testing.assert_allclose(np.linalg.norm(N, axis=1), 1, rtol=1e-14)
        assert shape.contains(cloud[part] - step * N).all()
        assert not shape.contains(cloud[part] + step * N).any()
        assert np.abs(shape.distance(cloud[part])).max() <= 1e-8 * shape.extent
    assert shape.distance(cloud["interior"]).max() < -0.49 * h or not shape.exact
    return cloud


def heart(t):
    """Two cusps: at t = 0, where the domain lies around it, and at t = π, between its sides."""
    x, y = 16 * jnp.sin(t) ** 3, 13 * jnp.cos(t) - 5 * jnp.cos(2 * t) - 2 * jnp.cos(3 * t) - jnp.cos(4 * t)
    return jnp.stack([x, y])


def flower(t):
    """r = 1 + 0.3 cos 5t."""
    return (1 + 0.3 * jnp.cos(5 * t)) * jnp.stack([jnp.cos(t), jnp.sin(t)])


def naca0012(t):
    """Over the trailing edge (1, 0), t = 0, the upper side, the leading edge, t = π, and back below; in NumPy."""
    x = (1 + np.cos(t)) / 2
    y = 0.6 * (0.2969 * np.sqrt(x) - 0.126 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4)
    return x, y if t < np.pi else -y
