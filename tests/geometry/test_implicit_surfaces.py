"""Solids where a function of space is negative: their surface, distance, normals, nodes, and what is refused."""

from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import cKDTree

import meshfree as mf
from meshfree.geometry.contouring import skin
from meshfree.geometry.nodes.space_nodes import place_surface
from meshfree.geometry.shapes.space import implicit_surface
from meshfree.geometry.shapes.space.triangle_mesh import Triangulation, oriented, solid_angles
from meshfree.geometry.spacing import Spacing

BOUNDS = ((-2, -2, -2), (2, 2, 2))
BALLS = jnp.array([[0.0, 0.0, 0.0], [0.8, 0.0, 0.0], [0.0, 0.9, 0.2]])


def torus(x):
    """No signed distance: quadratic around the circle."""
    return (jnp.hypot(x[0], x[1]) - 1) ** 2 + x[2] ** 2 - 0.16


def metaballs(x):
    return 1.6 - jnp.sum(0.5 / (jnp.sum((x[None] - BALLS) ** 2, axis=1) + 0.05))


@cache
def solid(function):
    return mf.SignedDistance(function, BOUNDS)


# ------------------------------------------------------------------------------------ dual contouring


def test_triangles_on_a_lattice_close_and_approach_a_sphere():
    vertices, triangles = skin(lambda X: np.linalg.norm(X, axis=1) - 1, np.full(3, -1.0), np.full(3, 1.0), 20)
    corners = vertices[triangles]
    assert len(vertices) - len(triangles) / 2 == 2  # Euler: a closed surface of the sphere's kind
    assert np.array_equal(oriented(vertices, triangles, "Sphere"), triangles)
    assert Triangulation(vertices, triangles).volume == pytest.approx(4 / 3 * np.pi, rel=0.02)
    assert np.abs(np.linalg.norm(vertices, axis=1) - 1).max() < 0.02
    sides = np.linalg.norm(np.roll(corners, 1, axis=1) - corners, axis=2)
    heights = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    ) / sides.max(1)
    assert heights.min() > 1e-3  # none is slender
    assert solid_angles(vertices[triangles], np.zeros(3)).sum() == pytest.approx(4 * np.pi)


# ------------------------------------------------------------------------------------- a known surface


def test_a_torus_by_its_function_is_the_torus():
    shape, same = solid(torus), mf.Torus()
    X = np.random.default_rng(0).uniform(-1.6, 1.6, (3000, 3))
    exact = same.distance(X)
    found = shape.distance(X)
    assert np.array_equal(found < 0, exact < 0)
    off = np.abs(found) - np.abs(exact)
    assert off.min() > -1e-12  # a point of the surface is never nearer than the nearest
    # Exact but beside the circle and the axis, where many points of the surface are nearest.
    clear = np.abs(exact) < 0.35
    assert np.abs(off[clear]).max() < 1e-10
    assert off.max() < 1e-2 and np.quantile(off, 0.99) < 1e-6


def test_its_patch_has_the_areas_normals_and_projections_of_the_torus():
    patch, same = solid(torus).pieces[0], mf.Torus()
    assert patch.area == pytest.approx(same.pieces[0].area, rel=1e-3)
    U = np.random.default_rng(0).random((4000, 2))
    X = patch.at(U)
    assert np.abs(same.distance(X)).max() < 1e-14
    np.testing.assert_allclose(patch.normal(X), same.pieces[0].normal(X), atol=1e-13)
    np.testing.assert_allclose(patch.project(X), X, atol=1e-13)
    np.testing.assert_allclose(patch.project(X + 0.1 * patch.normal(X)), X, atol=1e-8)
    # Even by area: of the torus' moments the outer half has 1/2 + 1/(π R/r).
    outer = np.hypot(X[:, 0], X[:, 1]) > 1
    assert outer.mean() == pytest.approx(0.5 + 0.4 / np.pi, abs=4 * 0.5 / np.sqrt(4000))
    assert X[:, 2].mean() == pytest.approx(0, abs=4 * 0.29 / np.sqrt(4000))


def test_bounds_and_volume():
    shape = solid(torus)
    lower, upper = shape.bounds
    assert np.all(lower <= [-1.4, -1.4, -0.4]) and np.all(upper >= [1.4, 1.4, 0.4])
    assert np.all(upper - lower < [2.9, 2.9, 0.9])
    assert shape.volume == pytest.approx(2 * np.pi**2 * 0.16, rel=2e-3)


def test_numpy_functions_serve_too(monkeypatch):
    """Normals then are differences, good to 1e-9; on a coarse lattice, as every value is a call."""
    monkeypatch.setattr(implicit_surface, "_CELLS", (12, 16))
    shape = mf.SignedDistance(lambda x: float(np.sqrt(np.sum(np.square(x)))) - 1.0, ((-1.2,) * 3, (1.2,) * 3))
    X = shape.pieces[0].at(np.random.default_rng(0).random((50, 2)))
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(shape.pieces[0].normal(X), X, atol=1e-9)


# ---------------------------------------------------------------------------------------------------- nodes


@pytest.mark.parametrize(("function", "h"), [(torus, 0.35), (metaballs, 0.4)])
def test_clouds_of_implicit_solids(function, h):
    shape = solid(function)
    cloud = shape.cloud(h)
    X, N = cloud["boundary"], cloud.normals["boundary"]
    values, slopes = shape._implicit.values(X), shape._implicit.gradients(X)
    length = np.linalg.norm(slopes, axis=1)
    assert np.abs(values / length).max() < 1e-13
    np.testing.assert_allclose(N, slopes / length[:, None], atol=1e-6)
    assert np.all(shape.contains(X - 1e-6 * N)) and not shape.contains(X + 1e-6 * N).any()
    assert cloud.quality().mesh_ratio < 2.5
    even = shape.pieces[0].at(np.random.default_rng(0).random((20_000, 2)))
    assert cKDTree(even).query(cloud["interior"])[0].min() > 0.499 * h


def test_the_algebra_with_other_shapes():
    """The nodes of a boundary are as those of the true torus."""
    bite = mf.Ball((1, 0, 0), 0.5, name="bite")
    shape, same = solid(torus) - bite, mf.Torus() - bite
    assert shape.part_names == ("boundary", "bite")
    found, other = (place_surface(one, one.part_names, Spacing(0.3), np.random.default_rng(0)) for one in (shape, same))
    for part in ("boundary", "bite"):
        assert np.abs(same.distance(found[part].points)).max() < 1e-9
        assert len(found[part].points) == pytest.approx(len(other[part].points), rel=0.1, abs=3)
    crossing = [np.sum(np.abs(bite.distance(nodes["boundary"].points)) < 1e-9) for nodes in (found, other)]
    assert crossing[0] == crossing[1] > 5


# --------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: x @ x + 1,
            r"is empty: function\(x\) is nowhere negative between \(-2, -2, -2\) and \(2, 2, 2\), least",
        ),
        (lambda x: x @ x - 9, r"touches its bounds: function\(x\) is .* at \(.*\); widen bounds="),
        (lambda x: jnp.where(x @ x < 1, -1.0, 1.0), r"function\(x\) has no gradient at \(.*\), near where it is zero"),
        (lambda x: jnp.sqrt(x[0]) - 1, r"returned nan at x = .* expected a finite number"),
    ],
)
def test_bad_functions_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        mf.SignedDistance(function, BOUNDS)
