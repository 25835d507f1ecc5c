"""Shapes and their algebra: membership, distance, areas, names, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshfree.geometry import Domain
from meshfree.geometry.shapes.basic import Ball, Box, Disk, Interval

CUBE = Box((0, 0, 0), (1, 1, 1))
PRIMITIVES = [Interval(-1, 2), Box(), CUBE, Box((3.0,), (4.0,)), Disk(), Ball(), Ball((0.5,), 2.0)]
LENS = 2 * np.pi / 3 - np.sqrt(3) / 2  # two unit disks, centres one apart

# Plain numbers, made into shapes by the tests: inside strategies the type checker may not draw at random.
coordinate, size = st.floats(-1, 1), st.floats(0.1, 1)
primitives = st.tuples(st.sampled_from(["disk", "box"]), coordinate, coordinate, size, size)
shapes = st.one_of(primitives, st.tuples(st.sampled_from("|&-"), primitives, primitives))


def build(recipe):
    """The shape that a drawn recipe describes."""
    kind, *rest = recipe
    if kind == "disk":
        return Disk(rest[:2], rest[2])
    if kind == "box":
        x, y, width, height = rest
        return Box((x, y), (x + width, y + height))
    return combine(kind, *map(build, rest))


def combine(operation, a, b):
    """`a | b`, `a & b` or `a - b`."""
    return {"|": a | b, "&": a & b, "-": a - b}[operation]


POINTS = np.random.default_rng(1).uniform(-2, 2, (200, 2))


# ------------------------------------------------------------------------------------------ as a set


@given(shapes, shapes)
@settings(max_examples=30, deadline=None)
def test_membership_is_boolean_algebra(first, second):
    a, b = build(first), build(second)
    in_a, in_b = a.contains(POINTS), b.contains(POINTS)
    np.testing.assert_array_equal((a | b).contains(POINTS), in_a | in_b)
    np.testing.assert_array_equal((a & b).contains(POINTS), in_a & in_b)
    np.testing.assert_array_equal((a - b).contains(POINTS), in_a & ~in_b)


@given(shapes)
@settings(max_examples=30, deadline=None)
def test_distance_never_overestimates(recipe):
    """|d(x) - d(y)| <= |x - y|, and everything inside lies within the bounds."""
    shape = build(recipe)
    d, other = shape.distance(POINTS), POINTS[::-1]
    gap = np.linalg.norm(POINTS - other, axis=1)
    assert np.all(np.abs(d - d[::-1]) <= gap + 1e-12)
    lower, upper = shape.bounds
    inside = POINTS[shape.contains(POINTS)]
    assert np.all((inside >= lower - 1e-12) & (inside <= upper + 1e-12))


@given(primitives, primitives)
@settings(max_examples=12, deadline=None)
def test_areas_add_up(first, second):
    """|a| + |b| = |a ∪ b| + |a ∩ b| and |a| = |a − b| + |a ∩ b|, to the accuracy of the cuts."""
    a, b = build(first), build(second)
    assert (a | b).volume + (a & b).volume == pytest.approx(a.volume + b.volume, abs=1e-6)
    assert (a - b).volume + (a & b).volume == pytest.approx(a.volume, abs=1e-6)


AREAS = [
    (Interval(-1, 2), 3),
    (Box((0, 1), (2, 4)), 6),
    (Box((0, 0, 0), (1, 2, 3)), 6),
    (Disk(radius=2), 4 * np.pi),
    (Ball(radius=2), 32 * np.pi / 3),
    (Ball((1.0,), 0.5), 1),
    (Disk() & Disk((1, 0)), LENS),
    (Disk() | Disk((1, 0)), 2 * np.pi - LENS),
    (Disk() - Disk((1, 0)), np.pi - LENS),
    (Box((0, 0), (2, 2)) - Box((1, 1), (2, 2)), 3),
    (Box((0, 0), (2, 1)) | Box((0, 1), (1, 2)), 3),
    (Box() - Disk((0.5, 1), 0.3), 1 - 0.045 * np.pi),
    (Box() - Disk((0.5, 0.5), 0.25), 1 - np.pi / 16),
    (Box() - Disk((0.5, 0.5), 0.5), 1 - np.pi / 4),  # touches all four sides
    (Box() | Box(), 1),
    ((Interval(0, 1) | Interval(1, 2)) - Interval(0.5, 0.75), 1.75),
]


@pytest.mark.parametrize(("shape", "area"), AREAS)
def test_volume(shape, area):
    assert shape.volume == pytest.approx(area, rel=1e-10)


def test_volume_of_combinations_in_space():
    assert (CUBE - Ball((1, 1, 1), 0.6)).volume == pytest.approx(1 - np.pi * 0.6**3 / 6, rel=1e-3)


@pytest.mark.parametrize("shape", PRIMITIVES, ids=repr)
def test_sample_is_uniform_inside(shape):
    X = shape.sample(4000, seed=3)
    assert X.shape == (4000, shape.dim) and np.all(shape.distance(X) < 0)
    lower, upper = shape.bounds
    np.testing.assert_allclose(X.mean(axis=0), (lower + upper) / 2, atol=0.05 * (upper - lower).max())
    np.testing.assert_array_equal(X, shape.sample(4000, seed=3))
    assert not np.array_equal(X, shape.sample(4000, seed=4))


def test_distance_of_primitives():
    assert Box().distance([[0.5, 0.4]])[0] == pytest.approx(-0.4)
    assert Box().distance([[2, 2]])[0] == pytest.approx(np.sqrt(2))
    assert Box().distance([[0.5, 1.5]])[0] == pytest.approx(0.5)
    assert Disk((1, 0), 2).distance([[1, 0.5]])[0] == pytest.approx(-1.5)
    np.testing.assert_allclose(Interval(0, 2).distance([-1.0, 0.5, 2.0]), [1, -0.5, 0])
    assert Disk().contains([[1, 0], [0, -1], [0.8, 0.61]]).tolist() == [True, True, False]


def test_domains_are_values():
    shape = Box((0, 0), (2, 2)) - Disk((1, 1), 0.5, name="hole")
    same = Box([0.0, 0.0], np.array([2, 2])) - Disk((1.0, 1.0), radius=0.5, name="hole")
    assert shape == same and hash(shape) == hash(same) and shape.volume == same.volume
    assert shape != shape | shape and (Disk() | Box()) != (Disk() - Box())
    assert Box() == Box(lower=(0, 0), upper=(1, 1)) and Interval() == Interval(0.0, 1.0)
    with pytest.raises(AttributeError):
        shape.left = Box()


# -------------------------------------------------------------------------------------------- names


def test_the_pieces_of_a_combination_are_those_of_its_primitives():
    shape = CUBE - Ball((1, 1, 1), 0.5)
    assert len(shape.leaves) == 2 and len(shape.pieces) == 7 and len(shape.edges) == 12
    assert shape.outline == () and (CUBE & Ball((9, 9, 9))).volume == 0.0
    assert (Box() - Disk()).edges == () and len((Box() - Disk()).outline) == 3


NAMES = [
    (Interval(), "left right"),
    (Interval(name="ends"), "ends"),
    (Box(), "left right bottom top"),
    (CUBE, "left right bottom top back front"),
    (Box(name="wall"), "wall"),
    (Disk(), "boundary"),
    (Ball(name="shell"), "shell"),
    (Box() - Disk((0.5, 0.5), 0.2, name="hole"), "left right bottom top hole"),
    (Disk() - Disk(radius=0.5, name="in") - Box((0.7, -0.1), (2, 0.1), name="slit"), "boundary in slit"),
    (Box() - Disk((0.5, 0.5), 0.2, name="left"), "left right bottom top"),
    (Box() - Box((-1, -1), (0.5, 2), name="cut"), "right bottom top cut"),
    (Box() | Box((-1, -1), (2, 2), name="all"), "all"),
    (CUBE - Ball((1, 1, 1), 0.5, name="bite"), "left right bottom top back front bite"),
    (CUBE - Box((-1, -1, -1), (0.5, 2, 2), name="cut"), "right bottom top back front cut"),
    ((Interval(0, 1) | Interval(1, 2)) - Interval(0.5, 0.75, name="gap"), "left right gap"),
]


@pytest.mark.parametrize(("shape", "names"), NAMES)
def test_part_names(shape, names):
    assert shape.part_names == tuple(names.split())


# ------------------------------------------------------------------------------------------- errors

ERRORS = [
    (lambda: Interval(1, 1), ValueError, "Interval needs a < b, got a=1.0, b=1.0"),
    (lambda: Interval(0, np.inf), ValueError, "Interval needs a finite b, got inf"),
    (lambda: Interval("a", 1), TypeError, "Interval needs a number as a, got 'a'"),
    (lambda: Box((0, 0), (1, 0)), ValueError, r"lower < upper in each coordinate, got lower=\(0.0, 0.0\)"),
    (lambda: Box((0, 0), (1, 1, 1)), ValueError, "corners of equal length"),
    (lambda: Box((0,) * 4, (1,) * 4), ValueError, "1 or 2 or 3 coordinates as lower, got 4"),
    (lambda: Box(0, 1), TypeError, "a sequence of numbers as lower, got 0"),
    (lambda: Box((0, np.nan), (1, 1)), ValueError, "finite lower, got nan"),
    (lambda: Disk(radius=0), ValueError, "Disk needs radius > 0, got 0.0"),
    (lambda: Ball(radius=-1), ValueError, "Ball needs radius > 0, got -1.0"),
    (lambda: Disk((0, 0, 0)), ValueError, "Disk needs 2 coordinates as center, got 3"),
    (lambda: Box(name="interior"), ValueError, "cannot be named 'interior'"),
    (lambda: Box(name=3), TypeError, "a string as name of its boundary, got 3"),
    (lambda: Box() | Ball(), ValueError, r"same dimension, got Box\(.*\) in 2-D and Ball\(.*\) in 3-D"),
    (lambda: Box() - 3, TypeError, "shapes combine with shapes, got int"),
    (lambda: Box().contains([0.5, 0.5]), ValueError, r"shape \(n, 2\), one per row, got shape \(2,\)"),
    (lambda: Interval().distance([[0.5, 0.5]]), ValueError, r"shape \(n, 1\).*got shape \(1, 2\)"),
    (lambda: (Box() & Box((2, 2), (3, 3))).sample(3), ValueError, "Intersection.* is empty"),
    (lambda: (Box() & Box((2, 2), (3, 3))).cloud(0.1), ValueError, "Intersection.* is empty"),
    (lambda: (Box() - Disk(radius=3)).sample(3), ValueError, "Difference.* is empty"),
    (lambda: (Box() - Disk(radius=3)).cloud(0.1), ValueError, "Difference.* is empty"),
    (lambda: (Interval() - Interval(-1, 2)).cloud(0.1), ValueError, "is empty"),
    (lambda: (CUBE - Ball(radius=3)).cloud(0.1), ValueError, "is empty"),
]


@pytest.mark.parametrize(("make", "error", "message"), ERRORS)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_new_primitive_needs_no_more_than_the_abstract_methods():
    assert Domain.__abstractmethods__ == {
        "dim",
        "bounds",
        "volume",
        "distance",
        "leaves",
        "pieces",
        "edges",
        "clustering",
    }
