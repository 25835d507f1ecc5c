"""Ellipses, annuli and stadiums: distances against fine samples, areas, clouds, refusals."""

import numpy as np
import pytest
from plane_cases import around, check_cloud, check_distance
from scipy.optimize import brentq

import meshfree as mf

T = np.linspace(0, 2 * np.pi, 20_001)[:-1]
CIRCLE = np.stack([np.cos(T), np.sin(T)], axis=1)


def stadium_border(start, end, radius):
    """Half circles around both ends, and the sides between them."""
    along = np.subtract(end, start) / np.linalg.norm(np.subtract(end, start))
    angle = np.linspace(-np.pi / 2, np.pi / 2, 10_001)
    half = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    half = radius * half @ np.array([along, [-along[1], along[0]]])
    far, near = end + half, start - half
    side = np.linspace(0, 1, 2000)[1:-1, None]
    return np.concatenate([far, far[-1] + side * (near[0] - far[-1]), near, near[-1] + side * (far[0] - near[-1])])


ELLIPSES = [(1, 0.5), (5, 1), (1, 5), (1, 1), (1, 0.01)]
STADIUM = mf.Capsule((0, 0), (3, 1), 0.4)


@pytest.mark.parametrize("axes", ELLIPSES, ids=str)
def test_the_distance_to_an_ellipse(axes):
    shape = mf.Ellipse((2, -1), axes)
    check_distance(
        shape,
        [np.array([2, -1]) + np.array(axes) * CIRCLE],
        lambda X: (((X - [2, -1]) / axes) ** 2).sum(axis=1) < 1,
        tolerance=1e-6,
    )
    assert shape.volume == pytest.approx(np.pi * np.prod(axes))
    np.testing.assert_array_equal(shape.bounds, [np.subtract((2, -1), axes), np.add((2, -1), axes)])


def test_the_distance_to_an_ellipse_from_its_axes():
    """In closed form: from the minor axis b − |y|; from the major one by the foot x a²/(a² − b²), inside its focus."""
    a, b = 5.0, 1.0
    shape = mf.Ellipse((0, 0), (a, b))
    x = np.array([0.0, 1e-300, 1e-9, 1.0, 4.7, 4.8, 4.9, 5.0, 7.0])
    foot = np.minimum(a**2 * x / (a**2 - b**2), a)
    wanted = np.hypot(foot - x, b * np.sqrt(1 - (foot / a) ** 2)) * np.where(x < a, -1, 1)
    for y in (0.0, 1e-300, 1e-200, 1e-30, 1e-17):
        np.testing.assert_allclose(shape.distance(np.stack([x, np.full(9, y)], axis=1)), wanted, rtol=1e-12, atol=1e-14)
    y = np.array([0.0, 0.3, 1.0, 4.0])
    np.testing.assert_allclose(shape.distance(np.stack([0 * y, -y], axis=1)), y - b, atol=1e-15)


def test_the_foot_on_an_ellipse_is_that_of_a_scalar_solver():
    """The perpendicular's condition in the angle, by Brent's method, to the last digits."""
    a, b = 2.0, 0.3
    shape = mf.Ellipse((0, 0), (a, b))

    def slope(angle, p, q):
        """Of half the squared distance from (p, q) to (a cos, b sin)."""
        sin, cos = np.sin(angle), np.cos(angle)
        return a * sin * (p - a * cos) - b * cos * (q - b * sin)

    for p, q in np.random.default_rng(0).uniform(0.01, 3, (30, 2)):
        angle = brentq(slope, 0, np.pi / 2, args=(p, q), xtol=1e-15)
        gap = np.hypot(p - a * np.cos(angle), q - b * np.sin(angle))
        assert abs(shape.distance([[p, q]])[0]) == pytest.approx(gap, rel=1e-13)


def test_the_distance_to_an_annulus():
    shape = mf.Annulus((1, 2), 0.5, 2)

    def inside(X):
        radius = np.hypot(*(X - [1, 2]).T)
        return (radius > 0.5) & (radius < 2)

    check_distance(shape, [np.array([1, 2]) + r * CIRCLE for r in (0.5, 2)], inside)
    assert shape.volume == pytest.approx(np.pi * 3.75)
    assert shape.part_names == ("inner", "outer") and mf.Annulus(name="wall").part_names == ("wall",)
    same = mf.Disk((1, 2), 2) - mf.Disk((1, 2), 0.5)
    np.testing.assert_allclose(shape.distance(around(shape)), same.distance(around(shape)), atol=1e-14)
    assert same.volume == pytest.approx(shape.volume)


def test_the_distance_to_a_stadium():
    start, end, r = STADIUM.start, STADIUM.end, STADIUM.radius

    def inside(X):
        """Two discs, and a rectangle between them."""
        length = np.linalg.norm(np.subtract(end, start))
        along = np.subtract(end, start) / length
        s, height = (X - start) @ along, (X - start) @ [-along[1], along[0]]
        discs = [np.hypot(*(X - center).T) < r for center in (start, end)]
        return np.any(discs, axis=0) | ((s > 0) & (s < length) & (np.abs(height) < r))

    check_distance(STADIUM, [stadium_border(start, end, r)], inside)
    assert STADIUM.volume == pytest.approx(2 * r * np.sqrt(10) + np.pi * r**2)
    np.testing.assert_allclose(STADIUM.bounds, [[-r, -r], [3 + r, 1 + r]])


@pytest.mark.parametrize("name", ["a", None])
def test_a_stadium_has_one_smooth_closed_boundary(name):
    """Arc length is its parameter, and its normals turn evenly on the ends."""
    shape = mf.Capsule((0, 0), (3, 1), 0.4, name=name)
    (line,) = shape.outline
    assert line.closed and shape.part_names == (name or "boundary",)
    s = np.linspace(-0.5, 1.5, 4001)
    speed = np.linalg.norm(line.velocity(s), axis=1)
    np.testing.assert_allclose(speed, 2 * np.sqrt(10) + 0.8 * np.pi, rtol=1e-12)
    turn = np.linalg.norm(np.diff(line.normal(s), axis=0), axis=1)
    assert turn.max() < 1.001 * speed[0] * (s[1] - s[0]) / 0.4
    h = 1e-6
    np.testing.assert_allclose((line.point(s + h) - line.point(s - h)) / (2 * h), line.velocity(s), atol=1e-4)


SHAPES = {
    "ellipse": (mf.Ellipse(), 0.05),
    "flat ellipse": (mf.Ellipse((0, 0), (5, 1)), 0.1),
    "upright ellipse": (mf.Ellipse((0, 0), (0.2, 1), name="wall"), 0.03),
    "annulus": (mf.Annulus(), 0.05),
    "thin annulus": (mf.Annulus(inner=0.9), 0.05),
    "stadium": (mf.Capsule(), 0.05),
    "long stadium": (STADIUM, 0.1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_clouds_are_even(name):
    shape, h = SHAPES[name]
    cloud = check_cloud(shape, h)
    np.testing.assert_array_equal(cloud.points, shape.cloud(h).points)
    assert not np.array_equal(cloud["interior"][:9], shape.cloud(h, seed=1)["interior"][:9])
    assert set(cloud.normals) == set(shape.part_names)


def test_normals_are_exact():
    shape = mf.Ellipse((0, 0), (5, 1))
    cloud = shape.cloud(0.2)
    N = cloud["boundary"] / np.array([25, 1])
    np.testing.assert_allclose(cloud.normals["boundary"], N / np.linalg.norm(N, axis=1, keepdims=True), atol=1e-12)
    cloud = mf.Annulus((1, 2)).cloud(0.1)
    for part, sign in (("inner", -2), ("outer", 1)):
        np.testing.assert_allclose(cloud.normals[part], sign * (cloud[part] - [1, 2]), atol=1e-12)


def test_names_survive_the_algebra():
    shape = (mf.Ellipse(name="egg") - mf.Annulus((0, 0), 0.1, 0.2)) | mf.Capsule((0.5, 0), (1.5, 0), 0.2, name="arm")
    assert shape.part_names == ("egg", "inner", "outer", "arm")
    cloud = check_cloud(shape, 0.03)
    assert set(cloud.normals) == set(shape.part_names)
    arm = mf.Capsule((0.5, 0), (1.5, 0), 0.2)
    overlap = (mf.Ellipse() & arm).volume
    assert shape.volume == pytest.approx(0.5 * np.pi - 0.03 * np.pi + arm.volume - overlap, rel=1e-9)


def test_shapes_are_values():
    assert mf.Ellipse([0, 0], np.array([1, 0.5])) == mf.Ellipse() and hash(mf.Annulus()) == hash(mf.Annulus((0.0, 0)))
    assert repr(mf.Ellipse()) == "Ellipse(center=(0.0, 0.0), semi_axes=(1.0, 0.5), name=None)"


REFUSALS = [
    (lambda: mf.Ellipse((0, 0), (1, 0)), ValueError, r"Ellipse needs semi_axes > 0, got 0.0"),
    (lambda: mf.Ellipse((0, 0), (1, np.nan)), ValueError, "Ellipse needs a finite semi_axes, got nan"),
    (lambda: mf.Ellipse((0, 0), 2.0), TypeError, "Ellipse needs a sequence of numbers as semi_axes, got 2.0"),
    (lambda: mf.Ellipse((0, 0, 0)), ValueError, "Ellipse needs 2 coordinates as center, got 3"),
    (lambda: mf.Ellipse(name="interior"), ValueError, "Ellipse: a boundary part cannot be named 'interior'"),
    (lambda: mf.Annulus(inner=1), ValueError, "Annulus needs inner < outer, got inner=1.0, outer=1.0"),
    (lambda: mf.Annulus(inner=0), ValueError, "Annulus needs inner > 0, got 0.0"),
    (lambda: mf.Annulus((0,)), ValueError, "Annulus needs 2 coordinates as center, got 1"),
    (lambda: mf.Annulus(outer="1m"), TypeError, "Annulus needs a number as outer, got '1m'"),
    (lambda: mf.Capsule((0, 0), (0, 0)), ValueError, r"Capsule needs two different ends.*twice; use a Disk"),
    (lambda: mf.Capsule((0, 0, 0), (0, 0, 0)), ValueError, r"twice; use a Ball"),
    (lambda: mf.Capsule((0, 0), (0, 0, 1)), ValueError, "Capsule needs ends of equal dimension"),
    (lambda: mf.Capsule((0,), (1,)), ValueError, "Capsule needs 2 or 3 coordinates as start, got 1"),
    (lambda: mf.Capsule(radius=-1), ValueError, "Capsule needs radius > 0, got -1.0"),
    (lambda: mf.Ellipse().cloud(2.0), ValueError, "spacing=2.0 leaves no room.*Ellipse.*size 2 x 1"),
    (lambda: mf.Annulus().cloud(9), ValueError, "spacing=9.0 leaves no room"),
    (lambda: mf.Capsule().cloud(5), ValueError, "spacing=5.0 leaves no room"),
    (lambda: (mf.Annulus() & mf.Disk((0, 0), 0.4)).cloud(0.1), ValueError, "is empty, or all but empty"),
    (lambda: (mf.Ellipse() & mf.Capsule((0, 5), (1, 5))).cloud(0.1), ValueError, "is empty, or all but empty"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSALS)
def test_what_is_refused_and_why(make, error, message):
    with pytest.raises(error, match=message):
        make()
