"""Cylinders, tori and capsules in space: distances, volumes, surfaces, and nodes on them and their combinations."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import kstest, qmc

import meshfree as mf
from meshfree.geometry.boundary import Rectangle, Sphere
from meshfree.geometry.nodes.plane_outline import flips
from meshfree.geometry.nodes.space_nodes import clear_of_surface
from meshfree.geometry.shapes.space.revolution_patches import (
    CapsuleSurface,
    CylinderSide,
    DiscFace,
    TorusSurface,
    frame,
)

TILTED = (1.0, -2.0, 0.5)
CYLINDER = mf.Cylinder((0.3, -0.2, 0.1), (1.3, 0.6, 0.9), 0.4)
TORUS = mf.Torus((0.1, 0.2, -0.3), TILTED, 1.0, 0.35)
CUBE = mf.Box((0, 0, 0), (1, 1, 1))
TUBES = tuple(
    mf.Cylinder(tuple(0.5 - 0.6 * e), tuple(0.5 + 0.6 * e), 0.2, name=name)
    for e, name in zip(np.eye(3), ("along_x", "along_y", "along_z"), strict=True)
)
PATCHES = {
    "cylinder": CylinderSide("p", (0.3, -0.2, 0.1), (1.3, 0.6, 0.9), 0.4),
    "disc": DiscFace("p", (0.3, -0.2, 0.1), TILTED, 0.7),
    "torus": TorusSurface("p", (0.1, 0.2, -0.3), TILTED, 1.0, 0.95),
    "capsule": CapsuleSurface("p", (0.3, -0.2, 0.1), (1.3, 0.6, 0.9), 0.4),
    "rectangle": Rectangle("p", (0.0, 0.0, 0.0), (1.0, 2.0, 3.0), 1, 1),
    "sphere": Sphere("p", (0.1, 0.2, -0.3), 0.7),
}


def strewn(shape, n=2**16):
    """Even points on the surface of a whole shape."""
    U = qmc.Sobol(2, rng=np.random.default_rng(0)).random(n)
    found = []
    for leaf in shape.leaves:
        for patch in leaf.pieces:
            X = patch.at(U)
            found.append(X[flips(shape, X, patch.normal(X)) != 0])
    return np.concatenate(found)


@pytest.mark.parametrize("shape", [CYLINDER, TORUS, mf.Cylinder(), mf.Torus()])
def test_distance_is_that_to_the_nearest_of_many_points_of_the_surface(shape):
    lower, upper = shape.bounds
    X = np.random.default_rng(0).uniform(lower - 0.5, upper + 0.5, (500, 3))
    d, brute = shape.distance(X), cKDTree(strewn(shape)).query(X)[0]
    assert np.all(np.abs(d) <= brute + 1e-12)
    # The nearest of the points is at most a gap r beside the foot, which adds at most r²/2d, or r at the surface.
    assert np.all(brute - np.abs(d) < np.minimum(0.02, 0.0005 / np.abs(d) + 0.001))
    assert np.array_equal(d < 0, shape.contains(X))


@pytest.mark.parametrize(
    ("shape", "inside"),
    [
        (CYLINDER, lambda X: np.linalg.norm(np.cross(X - CYLINDER.start, [1, 0.8, 0.8]), axis=1) < 0.4 * np.sqrt(2.28)),
        (mf.Torus(), lambda X: (np.hypot(X[:, 0], X[:, 1]) - 1) ** 2 + X[:, 2] ** 2 < 0.16),
    ],
)
def test_membership_by_another_formula(shape, inside):
    X = np.random.default_rng(1).uniform(-1.5, 2, (20_000, 3))
    expected = inside(X)
    if shape is CYLINDER:
        height = (X - shape.start) @ [1, 0.8, 0.8]
        expected &= (height > 0) & (height < 2.28)
    assert np.array_equal(shape.contains(X), expected)


@pytest.mark.parametrize(
    ("shape", "volume", "area"),
    [
        (mf.Cylinder((0, 0, 0), (0, 3, 4), 2.0), 20 * np.pi, 28 * np.pi),
        (mf.Torus(major=3.0, minor=0.5), 1.5 * np.pi**2, 6 * np.pi**2),
    ],
)
def test_volumes_and_areas(shape, volume, area):
    assert shape.volume == pytest.approx(volume, rel=1e-14)
    assert sum(patch.area for patch in shape.pieces) == pytest.approx(area, rel=1e-14)
    lower, upper = shape.bounds
    X = lower + qmc.Sobol(3, rng=np.random.default_rng(0)).random(2**16) * (upper - lower)
    assert shape.contains(X).mean() * np.prod(upper - lower) == pytest.approx(volume, rel=3e-3)


@pytest.mark.parametrize("shape", [CYLINDER, TORUS])
def test_bounds_touch_the_surface(shape):
    lower, upper = shape.bounds
    X = strewn(shape)
    assert np.all(lower <= X.min(axis=0) + 1e-12) and np.all(X.max(axis=0) <= upper + 1e-12)
    np.testing.assert_allclose([X.min(axis=0), X.max(axis=0)], [lower, upper], atol=3e-3)


# -------------------------------------------------------------------------------------------------- patches


@pytest.mark.parametrize("name", PATCHES)
def test_the_square_is_mapped_onto_patches_with_equal_areas(name):
    """The area of a parallelogram of differences is the patch's, everywhere."""
    patch, step = PATCHES[name], 1e-5
    U = 0.02 + 0.96 * np.random.default_rng(0).random((300, 2))
    if name == "disc":
        U = U[np.abs(np.abs(2 * U[:, 0] - 1) - np.abs(2 * U[:, 1] - 1)) > 1e-3]  # the map is folded on the diagonals
    dx, dy = ((patch.at(U + step * e) - patch.at(U - step * e)) / (2 * step) for e in np.eye(2))
    np.testing.assert_allclose(np.linalg.norm(np.cross(dx, dy), axis=1), patch.area, rtol=1e-5)


def test_heights_on_a_capsule_are_uniform():
    """Archimedes; and angles on a torus by the share of the area, in closed form."""
    U = np.random.default_rng(0).random((4000, 2))
    capsule, torus = PATCHES["capsule"], PATCHES["torus"]
    w = frame((1.0, 0.8, 0.8))[2]
    length = np.sqrt(2.28)
    height = (capsule.at(U) - capsule.start) @ w
    assert kstest((height + 0.4) / (length + 0.8), "uniform").pvalue > 0.01
    X, spine = torus.at(U), torus.spine(torus.at(U))
    out = (spine - torus.center) / torus.major
    tube = np.arctan2((X - torus.center) @ frame(TILTED)[2], np.einsum("nd,nd->n", X - spine, out))
    assert kstest((tube + 0.95 * np.sin(tube)) / (2 * np.pi) + 0.5, "uniform").pvalue > 0.01


@pytest.mark.parametrize("name", PATCHES)
def test_patches_project_to_the_nearest_point_with_unit_normals(name):
    patch = PATCHES[name]
    X = np.random.default_rng(0).uniform(-1.5, 1.5, (300, 3))
    foot = patch.project(X.copy())
    on = patch.at(qmc.Sobol(2, rng=np.random.default_rng(0)).random(2**14))
    np.testing.assert_allclose(patch.project(on.copy()), on, atol=1e-14)
    np.testing.assert_allclose(patch.project(foot.copy()), foot, atol=1e-14)
    brute, own = cKDTree(on).query(X)[0], np.linalg.norm(X - foot, axis=1)
    assert np.all(own <= brute + 1e-12) and np.all(brute - own < 0.05)
    N = patch.normal(on)
    np.testing.assert_allclose(np.linalg.norm(N, axis=1), 1, atol=1e-14)
    # Across the surface: the projection of a point above it leads back.
    np.testing.assert_allclose(patch.project(on + 0.01 * N), on, atol=1e-12)


def test_points_on_the_axis_have_a_nearest_point_too():
    for name, x in (("cylinder", (0.8, 0.2, 0.5)), ("torus", (0.1, 0.2, -0.3)), ("disc", (0.3, -0.2, 0.1))):
        foot = PATCHES[name].project(np.array([x]))
        assert np.isfinite(foot).all() and np.isfinite(PATCHES[name].normal(foot)).all()


@pytest.mark.parametrize("shape", [CYLINDER, TORUS, CYLINDER - mf.Ball(CYLINDER.end, 0.3, name="bite")])
def test_normals_point_outwards(shape):
    cloud = shape.cloud(0.25)
    own = {part: (cloud[part], cloud.normals[part]) for part in cloud.parts if part != "interior"}
    for X, N in own.values():
        np.testing.assert_allclose(np.linalg.norm(N, axis=1), 1, atol=1e-14)
        assert np.all(np.abs(shape.distance(X)) < 1e-9)
        assert np.all(shape.contains(X - 1e-6 * N)) and not np.any(shape.contains(X + 1e-6 * N))


# ------------------------------------------------------------------------------------------ parts and edges


def test_parts_of_a_cylinder():
    assert CYLINDER.part_names == ("side", "bottom", "top")
    assert replace(CYLINDER, name="pipe").part_names == ("pipe",)
    cloud = CYLINDER.cloud(0.2)
    np.testing.assert_allclose((cloud["bottom"] - CYLINDER.start) @ [1, 0.8, 0.8], 0, atol=1e-13)
    np.testing.assert_allclose((cloud["top"] - CYLINDER.end) @ [1, 0.8, 0.8], 0, atol=1e-13)
    rims = cloud["side"][np.abs(np.abs((cloud["side"] - CYLINDER.start) @ [1, 0.8, 0.8] - 1.14) - 1.14) < 1e-12]
    assert len(rims) == 2 * round(2 * np.pi * 0.4 / 0.2)
    gap = cKDTree(rims).query(rims, 2)[0][:, 1]
    assert np.ptp(gap) < 1e-3  # by arc length, from the interpolation of 1e-3 of the spacing


def test_parts_survive_the_algebra():
    shape = (CUBE - TUBES[0] - TUBES[1]) | mf.Torus((0.5, 0.5, 1.0), (0, 0, 1), 0.3, 0.1, name="ring")
    assert set(shape.part_names) == {"left", "right", "bottom", "top", "back", "front", "along_x", "along_y", "ring"}
    cloud = shape.cloud(0.12)
    ring = cloud["ring"] - (0.5, 0.5, 1.0)
    np.testing.assert_allclose(np.hypot(np.hypot(ring[:, 0], ring[:, 1]) - 0.3, ring[:, 2]), 0.1, atol=1e-9)
    turned = shape.rotate(0.3, axis=(1, 1, 0)).translate((1, 2, 3)).scale(2.0)
    assert turned.part_names == shape.part_names
    assert turned.volume == pytest.approx(8 * shape.volume, rel=5e-3)


def test_motions_of_cylinders_and_tori_are_cylinders_and_tori():
    """The distance moves along, and scales."""
    X = np.random.default_rng(0).uniform(-2, 2, (200, 3))
    for shape in (CYLINDER, TORUS):
        moved = shape.rotate(0.7, center=(1, 0, 0), axis=TILTED).scale(1.5).translate((0, 1, 0))
        assert type(moved) is type(shape)
        u_v_w = frame(TILTED)
        c, s = np.cos(0.7), np.sin(0.7)
        turn = u_v_w.T @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ u_v_w
        image = 1.5 * ((X - (1, 0, 0)) @ turn.T + (1, 0, 0)) + (0, 1, 0)
        np.testing.assert_allclose(moved.distance(image), 1.5 * shape.distance(X), atol=1e-13)


def test_a_rim_that_is_cut_has_its_nodes_by_arc_length():
    """The circle's own start is no corner: here it lies beside the cut."""
    start = CYLINDER.edges[1].point(np.array([0.02]))[0]
    shape = CYLINDER - mf.Ball(tuple(start), 0.15, name="bite")
    cloud = shape.cloud(0.1)
    X = np.concatenate([cloud[part] for part in cloud.parts if part != "interior"])
    rim = X[(np.abs((X - CYLINDER.end) @ [1, 0.8, 0.8]) < 1e-9) & (np.abs(CYLINDER.distance(X)) < 1e-9)]
    rim = rim[np.abs(np.linalg.norm(rim - CYLINDER.end, axis=1) - 0.4) < 1e-9]
    gap = cKDTree(rim).query(rim, 2)[0][:, 1]
    assert 0.9 < gap.min() / 0.1 and gap.max() / 0.1 < 1.1


def test_where_three_surfaces_meet_is_a_node():
    """Three equal tubes along the axes meet, two and two, where |x| = |y| = |z| = r/√2 around the middle."""
    cloud = even_cloud("cube with holes")
    corners = 0.5 + 0.2 / np.sqrt(2) * np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    boundary = np.concatenate([cloud[part] for part in cloud.parts if part != "interior"])
    assert cKDTree(boundary).query(corners)[0].max() < 1e-7


def test_where_equal_tubes_touch_is_one_node():
    """The two ellipses in which equal cylinders meet cross at right angles, where the surfaces touch."""
    shape = mf.Cylinder((-1, 0, 0), (1, 0, 0), 0.5) & mf.Cylinder((0, 0, -1), (0, 0, 1), 0.5)
    cloud = shape.cloud(0.1)
    boundary = np.concatenate([cloud[part] for part in cloud.parts if part != "interior"])
    for y in (-0.5, 0.5):
        gap = np.sort(np.linalg.norm(boundary - (0, y, 0), axis=1))
        assert gap[0] < 1e-3 and gap[1] > 0.07
    on_both = boundary[np.all([np.abs(np.hypot(boundary[:, 1], boundary[:, i]) - 0.5) < 1e-9 for i in (0, 2)], axis=0)]
    np.testing.assert_allclose(np.abs(on_both[:, 0]), np.abs(on_both[:, 2]), atol=1e-8)


# ----------------------------------------------------------------------------------------------- evenness

EVEN = {
    "cylinder": (mf.Cylinder(), 8),
    "torus": (mf.Torus(), 13),
    "box without a ball": (CUBE - mf.Ball((1, 1, 1), 0.5, name="bite"), 10),
    "two balls": (mf.Ball() - mf.Ball((0.8, 0, 0), 0.6, name="bite"), 8),
    "ball in ball": (mf.Ball() - mf.Ball((0.2, 0, 0), 0.4, name="bite"), 9),
    "crossing cylinders": (mf.Cylinder(radius=0.5) | mf.Cylinder((-1, 0, 0), (1, 0, 0), 0.4), 13),
    "equal cylinders": (mf.Cylinder(radius=0.5) & mf.Cylinder((-1, 0, 0), (1, 0, 0), 0.5), 8),
    "torus and box": (mf.Torus() | mf.Box((0.5, -0.5, -0.5), (1.5, 0.5, 0.5)), 14),
    "cube with holes": (CUBE - TUBES[0] - TUBES[1] - TUBES[2], 8),
}


def spacing_of(shape, count):
    return float(np.max(shape.bounds[1] - shape.bounds[0])) / count


@cache
def even_cloud(name):
    return EVEN[name][0].cloud(spacing_of(*EVEN[name]), seed=1)


@pytest.mark.parametrize("name", EVEN)
def test_clouds_in_space_are_even(name):
    """The bar of issue 4: fill distance over half the smallest distance below 2.5; and half a spacing of depth."""
    shape, h = EVEN[name][0], spacing_of(*EVEN[name])
    cloud = even_cloud(name)
    assert cloud.quality().mesh_ratio < 2.5
    assert cKDTree(strewn(shape, 2**15)).query(cloud["interior"])[0].min() > 0.499 * h


def test_same_seed_same_cloud():
    shape = CUBE - TUBES[0]
    first, second, other = (shape.cloud(0.2, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.points, second.points)
    assert not np.array_equal(first.points, other.points)


def test_points_near_an_edge_that_two_shapes_make_are_near_the_surface():
    """A cross of two bars: their own faces are inside there, where the nearest point lies on the re-entrant edge."""
    shape = mf.Box((-2, -0.5, -0.5), (2, 0.5, 0.5)) | mf.Box((-0.5, -2, -0.5), (0.5, 2, 0.5))
    t = np.array([0.05, 0.15, 0.25])
    X = np.stack([0.5 - t, 0.5 - t, np.zeros(3)], axis=1)
    assert clear_of_surface(shape, X, np.full(3, 0.2)).tolist() == [False, True, True]


# --------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mf.Cylinder((0, 0), (1, 0)), ValueError, "Cylinder needs 3 coordinates as start, got 2"),
        (lambda: mf.Cylinder((0, 0, 1), (0, 0, 1)), ValueError, "Cylinder needs two ends apart, got start="),
        (lambda: mf.Cylinder(radius=0), ValueError, "Cylinder needs radius > 0, got 0"),
        (lambda: mf.Cylinder(radius="x"), TypeError, "Cylinder needs a number as radius, got 'x'"),
        (lambda: mf.Cylinder(start=(0, 0, np.nan)), ValueError, "Cylinder needs a finite start, got nan"),
        (lambda: mf.Cylinder(name="interior"), ValueError, "Cylinder: a boundary part cannot be named 'interior'"),
        (lambda: mf.Torus(axis=(0, 0, 0)), ValueError, "Torus needs a direction as axis"),
        (lambda: mf.Torus(major=1, minor=1), ValueError, "Torus needs minor < major, or its hole closes; got major=1"),
        (lambda: mf.Torus(minor=-1), ValueError, "Torus needs minor > 0, got -1"),
        (lambda: mf.Torus((0, 0)), ValueError, "Torus needs 3 coordinates as center, got 2"),
        (lambda: mf.Torus(name=3), TypeError, "Torus needs a string as name of its boundary, got 3"),
        (lambda: mf.Torus().cloud(3.0), ValueError, "leaves no room for interior nodes"),
        (lambda: (mf.Torus() & mf.Ball((9, 0, 0), 1)).cloud(0.2), ValueError, "is empty"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_shapes_are_values():
    assert mf.Cylinder() == mf.Cylinder([0, 0, -1], [0, 0, 1]) and hash(mf.Torus()) == hash(mf.Torus(minor=0.4))
    assert mf.Torus() != mf.Torus(minor=0.3)
