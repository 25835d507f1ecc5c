"""Translated, rotated and scaled shapes: distances, volumes, names and nodes are those of the shape, moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plane_cases import around, check_cloud, flower, heart

import meshfree as mf

PLANE = [
    mf.Box((0, 0), (2, 1)),
    mf.Disk((1, 0)),
    mf.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2)], names=list("abcde")),
    mf.Ellipse((0.5, 0), (1, 0.3)),
    mf.Annulus(),
    mf.Capsule(),
    mf.Curve(heart, corners=(0, np.pi)).scale(0.1),
    mf.SignedDistance(lambda x: x[0] ** 2 + 2 * x[1] ** 2 - 1, ((-2, -2), (2, 2)), name="wall"),
]
SPACE = [
    mf.Box((0, 0, 0), (2, 1, 0.5)),
    mf.Ball((1, 0, 0)),
    mf.Capsule((0, 0, 0), (1, 0, 0), 0.3),
]


def rotated(X, angle, axis=None):
    """By quaternions, another route than Rodrigues' formula."""
    if X.shape[1] == 2:
        return (X @ [1, 1j] * np.exp(1j * angle))[:, None].view(float)
    from scipy.spatial.transform import Rotation

    axis = np.array((0, 0, 1) if axis is None else axis)
    return Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).apply(X)


@given(st.sampled_from(range(len(PLANE))), st.floats(-4, 4), st.floats(0.1, 3), st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_the_distance_in_the_plane_moves_along(i, angle, factor, offset):
    shape = PLANE[i]
    moved = shape.translate((offset, 1)).rotate(angle).scale(factor)
    X = around(shape, 300)
    Y = factor * rotated(X + np.array([offset, 1]), angle)
    np.testing.assert_allclose(moved.distance(Y), factor * shape.distance(X), atol=1e-11)
    np.testing.assert_array_equal(moved.contains(Y), shape.contains(X))
    assert moved.volume == pytest.approx(factor**2 * shape.volume, rel=1e-10)
    assert moved.part_names == shape.part_names and moved.exact
    lower, upper = moved.bounds
    inside = Y[shape.contains(X)]
    assert np.all((inside >= lower - 1e-12) & (inside <= upper + 1e-12))
    border = np.concatenate([one.point(np.linspace(0, 1, 4001)) for one in moved.outline])
    np.testing.assert_allclose([border.min(axis=0), border.max(axis=0)], [lower, upper], atol=1e-5 * shape.extent)


@pytest.mark.parametrize("shape", SPACE, ids=repr)
def test_the_distance_in_space_moves_along(shape):
    center, axis = np.array([1.0, 2, 3]), (1, 1, 0)
    moved = shape.rotate(0.7, center, axis).translate((0, 0, 1)).scale(2)
    X = np.random.default_rng(0).uniform(-2, 3, (500, 3))
    Y = 2 * (center + rotated(X - center, 0.7, axis) + [0, 0, 1])
    np.testing.assert_allclose(moved.distance(Y), 2 * shape.distance(X), atol=1e-12)
    assert moved.volume == pytest.approx(8 * shape.volume) and moved.part_names == shape.part_names
    assert np.all(np.array(moved.bounds)[0] <= Y[shape.contains(X)]) and np.all(Y[shape.contains(X)] <= moved.bounds[1])


def test_a_turned_box_in_space_keeps_faces_edges_and_corners():
    box = mf.Box((0, 0, 0), (1, 1, 1))
    moved, h = box.rotate(0.5, (0.5, 0.5, 0.5), (1, 2, 3)), 0.2
    cloud, other = moved.cloud(h), box.cloud(h)
    assert set(cloud.normals) == set(other.normals) == {"left", "right", "bottom", "top", "back", "front"}
    assert cloud.quality(h).mesh_ratio < 2.5
    corners = 0.5 + rotated(np.array(list(np.ndindex(2, 2, 2))) - 0.5, 0.5, (1, 2, 3))
    border = np.concatenate([cloud[part] for part in cloud.normals])
    assert all(np.linalg.norm(border - x, axis=1).min() < 1e-12 for x in corners)
    plain = cloud["right"][np.abs(np.linalg.norm(cloud.side_normals["right"] - cloud.normals["right"], axis=1)) < 1e-9]
    np.testing.assert_allclose((plain - 0.5) @ rotated(np.eye(3)[:1], 0.5, (1, 2, 3))[0], 0.5, atol=1e-12)
    for part, N in cloud.normals.items():
        assert moved.contains(cloud[part] - 1e-6 * N).all() and not moved.contains(cloud[part] + 1e-6 * N).any()


TALL = mf.Polygon([(0, 0), (2, 0), (0, 3)], names=["a", "b", "c"])
CLASSES = [
    (mf.Box().translate((1, 2)), mf.Box((1, 2), (2, 3))),
    (mf.Box((0, 0), (1, 1), name="wall").scale((2, 3)), mf.Box((0, 0), (2, 3), name="wall")),
    (mf.Box((0, 0, 0), (1, 1, 1)).scale(3, (1, 1, 1)), mf.Box((-2, -2, -2), (1, 1, 1))),
    (mf.Interval(0, 1).translate([0.5]).scale(2), mf.Interval(1, 3)),
    (mf.Interval(0, 1).scale([3], center=[1]), mf.Interval(-2, 1)),
    (mf.Disk((1, 0), 2, name="d").rotate(np.pi / 2), mf.Disk((0, 1), 2, name="d")),
    (mf.Ball((1, 0, 0)).rotate(np.pi / 2).scale(2), mf.Ball((0, 2, 0), 2)),
    (mf.Ball((0.5,), 0.5).translate((1,)), mf.Ball((1.5,), 0.5)),
    (mf.Polygon([(0, 0), (2, 0), (0, 1)], names=["a", "b", "c"]).scale((1, 3)), TALL),
    (mf.Ellipse().scale((1, 4)), mf.Ellipse((0, 0), (1, 2))),
    (mf.Annulus((1, 0)).rotate(np.pi), mf.Annulus((-1, 0))),
    (mf.Capsule((0, 0), (1, 0), 0.2).rotate(np.pi / 2).scale(2), mf.Capsule((0, 0), (0, 2), 0.4)),
]  # fmt: skip


@pytest.mark.parametrize(("moved", "wanted"), CLASSES)
def test_shapes_keep_their_class_where_they_can(moved, wanted):
    assert type(moved) is type(wanted) and moved.name == wanted.name and moved.part_names == wanted.part_names
    np.testing.assert_allclose(moved.bounds, wanted.bounds, atol=1e-15)


def test_motions_compose_into_one():
    box = mf.Box()
    moved = box.rotate(0.3).translate((1, 0)).rotate(-0.7, (1, 1)).scale(2)
    assert moved.shape == box and moved == box.rotate(0.3).translate((1, 0)).rotate(-0.7, (1, 1)).scale(2)
    assert hash(moved) == hash(box.rotate(0.3).translate((1, 0)).rotate(-0.7, (1, 1)).scale(2))
    back = moved.scale(0.5).rotate(0.7, (1, 1)).translate((-1, 0)).rotate(-0.3)
    X = around(box)
    np.testing.assert_allclose(back.distance(X), box.distance(X), atol=1e-14)
    quarter = box.rotate(np.pi / 2, (0.5, 0.5))
    np.testing.assert_allclose(quarter.bounds, box.bounds, atol=1e-15)
    (left,) = [one for one in quarter.outline if one.part == "left"]
    np.testing.assert_allclose(left.normal(np.array([0.5])), [[0, -1]], atol=1e-15)


def test_far_from_the_origin_the_boundary_still_belongs_to_the_shape():
    shape = mf.Ellipse().rotate(1.0)
    far = shape.translate((1e6, -1e6))
    cloud = far.cloud(0.1)
    assert far.contains(cloud["boundary"]).all()
    assert far.volume == pytest.approx(shape.volume, rel=1e-9)


def test_factors_along_the_axes_give_a_bound():
    """For a disc it is that of the ellipse: of its sign, no larger, zero on the boundary."""
    shape, same = mf.Disk().scale((2, 0.5)).rotate(0.4), mf.Ellipse((0, 0), (2, 0.5)).rotate(0.4)
    X = around(same)
    d, exact = shape.distance(X), same.distance(X)
    np.testing.assert_array_equal(d < 0, exact < 0)
    assert np.all(np.abs(d) <= np.abs(exact) + 1e-12) and not shape.exact
    border = same.outline[0].point(np.linspace(0, 1, 500))
    np.testing.assert_allclose(shape.distance(border), 0, atol=1e-14)
    assert shape.volume == pytest.approx(same.volume)
    np.testing.assert_allclose(shape.bounds, same.bounds, atol=1e-12)
    cloud, other = check_cloud(shape, 0.05), same.cloud(0.05)
    assert len(cloud["interior"]) == pytest.approx(len(other["interior"]), rel=0.01)


def nested():
    """Everything at once: named parts, motions of combinations of moved shapes."""
    petals = mf.Curve(flower, name="petals").rotate(0.3)
    body = petals - mf.Ellipse((0, 0), (0.4, 0.2), name="hole").rotate(0.7)
    body = (body | mf.Capsule((1, 0), (2, 1), 0.3, name="arm")).rotate(1).scale(2)
    return (body - mf.Disk((0, 2.5), 0.4, name="bite")).translate((3, 3))


def test_nested_combinations_keep_parts_and_make_even_clouds():
    shape = nested()
    assert shape.part_names == ("petals", "hole", "arm", "bite")
    cloud = check_cloud(shape, 0.2)
    assert set(cloud.normals) == set(shape.part_names)
    np.testing.assert_array_equal(cloud.points, nested().cloud(0.2).points)
    assert nested() == nested()


@pytest.mark.parametrize("operation", [lambda a, b: a | b, lambda a, b: a & b, lambda a, b: a - b])
def test_motions_distribute_over_the_algebra(operation):
    a, b = mf.Box((-1, -0.5), (1, 0.5)), mf.Disk((0.5, 0.5), 0.7, name="d")
    one = operation(a, b).rotate(0.4).scale((2, 1)).translate((1, 1))
    other = operation(a.rotate(0.4).scale((2, 1)).translate((1, 1)), b.rotate(0.4).scale((2, 1)).translate((1, 1)))
    assert one == other and one.part_names == operation(a, b).part_names
    assert one.volume == pytest.approx(2 * operation(a, b).volume, rel=1e-10)


REFUSALS = [
    (lambda: mf.Box().translate((1, 2, 3)), ValueError, "Box needs 2 coordinates as vector, got 3"),
    (lambda: mf.Box().translate(1.0), TypeError, "Box needs a sequence of numbers as vector, got 1.0"),
    (lambda: mf.Disk().translate((np.nan, 0)), ValueError, "Disk needs a finite vector, got nan"),
    (lambda: mf.Interval().rotate(1.0), ValueError, "Interval lies on the line and cannot be rotated"),
    (lambda: mf.Disk().rotate("half"), TypeError, "Disk needs a number as angle, got 'half'"),
    (lambda: mf.Disk().rotate(1, axis=(0, 0, 1)), ValueError, r"Disk lies in the plane.*got axis=\(0, 0, 1\)"),
    (lambda: mf.Disk().rotate(1, (0, 0, 0)), ValueError, "Disk needs 2 coordinates as center, got 3"),
    (lambda: mf.Ball().rotate(1, axis=(0, 0, 0)), ValueError, "Ball needs an axis of rotation that is not zero"),
    (lambda: mf.Ball().scale((1, 2, 3)), ValueError, "Ball lies in space, where shapes are scaled by one"),
    (lambda: mf.Disk().scale(0), ValueError, "Disk needs factor > 0, got 0.0"),
    (lambda: mf.Disk().scale((1, -1)), ValueError, "Disk needs factor > 0, got -1.0"),
    (lambda: mf.Disk().scale((1, 2, 3)), ValueError, "Disk needs 2 coordinates as factor, got 3"),
    (lambda: (mf.Disk() | mf.Box()).scale(None), TypeError, "Union needs a number as factor, got None"),
    (lambda: mf.Box().rotate(1).cloud(3.0), ValueError, "spacing=3.0 leaves no room for interior nodes in Moved"),
    (lambda: (mf.Box().rotate(1) & mf.Box().translate((5, 0))).cloud(0.1), ValueError, "is empty, or all but empty"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSALS)
def test_what_is_refused_and_why(make, error, message):
    with pytest.raises(error, match=message):
        make()
