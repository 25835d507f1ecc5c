"""Regions of the plane where a function is negative: traced curves, corners, clouds, refusals."""

import jax.numpy as jnp
import numpy as np
import pytest
from plane_cases import around, check_cloud

import meshfree as mf
from meshfree.geometry import Union
from meshfree.internal.pointwise import PointwiseGradient

BOUNDS = ((-2, -2), (2, 2))


def from_center(x, center=(0.0, 0.0)):
    """|x − c|."""
    return jnp.hypot(x[0] - center[0], x[1] - center[1])


def cassini(x):
    """Product of the distances to (±1, 0) minus 1.02², no distance at all; its waist is thin."""
    return (x @ x) ** 2 - 2 * (x[0] ** 2 - x[1] ** 2) + 1 - 1.02**4


def wavy(x):
    """In NumPy."""
    return 0.2 * np.sin(3 * x[0]) * np.sin(3 * x[1]) + x[0] ** 2 + x[1] ** 2 - 1


def cusps(x):
    """A heart, with cusps at (0, ±1), where the gradient vanishes."""
    return (x @ x - 1) ** 3 - x[0] ** 2 * x[1] ** 3


def shape_of(function, bounds=BOUNDS, **options):
    return mf.SignedDistance(function, bounds, **options)


SAME = {
    "disc": (shape_of(lambda x: x @ x - 1), mf.Disk()),
    "disc of no slope": (shape_of(lambda x: (x @ x - 1) ** 3), mf.Disk()),
    "steep disc": (shape_of(lambda x: 1e6 * (from_center(x, (0.3, -0.2)) - 1)), mf.Disk((0.3, -0.2))),
    "annulus": (shape_of(lambda x: jnp.abs(from_center(x) - 1) - 0.2), mf.Annulus((0, 0), 0.8, 1.2)),
    "annulus in an annulus": (
        shape_of(lambda x: jnp.abs(jnp.abs(from_center(x) - 1) - 0.4) - 0.1),
        mf.Annulus((0, 0), 0.5, 0.7) | mf.Annulus((0, 0), 1.3, 1.5),
    ),
    "box": (shape_of(lambda x: jnp.maximum(jnp.abs(x[0]) - 1, jnp.abs(x[1]) - 0.5)), mf.Box((-1, -0.5), (1, 0.5))),
    "lens": (
        shape_of(lambda x: jnp.maximum(from_center(x, (0.5, 0)), from_center(x, (-0.5, 0))) - 1),
        mf.Disk((0.5, 0)) & mf.Disk((-0.5, 0)),
    ),
    "two discs": (
        shape_of(lambda x: jnp.minimum(from_center(x, (-1, 0)) - 0.5, from_center(x, (0.8, 0.3)) - 0.7)),
        mf.Disk((-1, 0), 0.5) | mf.Disk((0.8, 0.3), 0.7),
    ),
    "heart of discs": (
        shape_of(lambda x: jnp.minimum(from_center(x, (-0.6, 0)), from_center(x, (0.6, 0))) - 0.9),
        mf.Disk((-0.6, 0), 0.9) | mf.Disk((0.6, 0), 0.9),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_the_traced_shape_is_the_shape_in_closed_form(name):
    check_same(*SAME[name])


def check_same(shape, same):
    border = np.concatenate([one.point(np.linspace(0, 1, 20_001)) for one in same.outline])
    np.testing.assert_allclose(shape.bounds, [border.min(axis=0), border.max(axis=0)], atol=1e-7)
    assert shape.volume == pytest.approx(same.volume, rel=1e-11)
    X = around(same, 1000)
    np.testing.assert_array_equal(shape.contains(X), same.contains(X))
    # The algebra's distance is a bound only: exact outside a union, and inside an intersection.
    exact = same.exact | (~same.contains(X) if isinstance(same, Union) else same.contains(X))
    np.testing.assert_allclose(shape.distance(X)[exact], same.distance(X)[exact], atol=1e-10)
    assert np.all(np.abs(shape.distance(X)) >= np.abs(same.distance(X)) - 1e-10)


def branching(x):
    """A disc of radius 0.1 by a condition that cannot be traced; small, as each gradient takes a millisecond."""
    return x @ x - 0.01 if x[0] < 0.03 else (x @ x - 0.01) * 2


def test_a_function_with_branches_has_exact_gradients_on_either_side():
    X = around(mf.Disk(radius=0.1), 100)
    X[:2, 0] = 0.03, np.nextafter(0.03, 0)
    times = np.where(X[:, 0] < 0.03, 1, 2)
    f = PointwiseGradient(branching, "SignedDistance")
    np.testing.assert_allclose(f.values(X), times * (np.sum(X**2, axis=1) - 0.01), rtol=1e-14, atol=1e-17)
    np.testing.assert_allclose(f.gradients(X), times[:, None] * 2 * X, rtol=1e-14)


def test_a_function_with_branches_makes_the_same_shape():
    check_same(shape_of(branching), mf.Disk(radius=0.1))


CORNERS = {
    "box": [(x, y) for x in (-1, 1) for y in (-0.5, 0.5)],
    "lens": [(0, y) for y in (-np.sqrt(0.75), np.sqrt(0.75))],
    "heart of discs": [(0, y) for y in (-np.sqrt(0.45), np.sqrt(0.45))],
}


@pytest.mark.parametrize("name", CORNERS)
def test_corners_are_nodes(name):
    shape, same = SAME[name]
    cloud, other = check_cloud(shape, 0.05), same.cloud(0.05)
    assert len(shape.outline) == len(CORNERS[name])
    normals = {part: other.normals[part] for part in other.normals}
    border = np.concatenate([other[part] for part in normals])
    for corner in CORNERS[name]:
        (i,) = np.flatnonzero(np.linalg.norm(cloud["boundary"] - corner, axis=1) < 1e-10)
        (j,) = np.flatnonzero(np.linalg.norm(border - corner, axis=1) < 1e-10)
        np.testing.assert_allclose(cloud.normals["boundary"][i], np.concatenate(list(normals.values()))[j], atol=1e-9)


def cassini_gradient(X):
    return 4 * X * ((X**2).sum(axis=1, keepdims=True) + np.array([-1, 1]))


def wavy_gradient(X):
    x, y = 3 * X.T
    return 2 * X + 0.6 * np.stack([np.cos(x) * np.sin(y), np.sin(x) * np.cos(y)], axis=1)


@pytest.mark.parametrize(
    ("function", "gradient", "bounds"),
    [(cassini, cassini_gradient, BOUNDS), (wavy, wavy_gradient, ((-5, -5), (5, 5)))],
)
def test_nodes_lie_on_the_zero_line_with_its_gradient_as_normal(function, gradient, bounds):
    shape = shape_of(function, bounds, name="wall")
    cloud = check_cloud(shape, 0.08)
    X, g = cloud["wall"], gradient(cloud["wall"])
    assert max(abs(function(x)) for x in X) < 1e-13
    np.testing.assert_allclose(cloud.normals["wall"], g / np.linalg.norm(g, axis=1, keepdims=True), atol=1e-10)
    np.testing.assert_array_equal(cloud.points, shape.cloud(0.08).points)
    assert len(shape.outline) == 1 and shape.outline[0].closed


def test_the_bounds_may_be_wide_or_oblong():
    disc = mf.SignedDistance(lambda x: from_center(x, (3, 1)) - 0.5, ((-1, 0), (7, 2)))
    np.testing.assert_allclose(disc.bounds, [[2.5, 0.5], [3.5, 1.5]], atol=1e-13)


def test_the_algebra_and_names():
    egg = shape_of(lambda x: x[0] ** 2 + 4 * x[1] ** 2 - 1, name="egg")
    X = around(egg)
    np.testing.assert_allclose(egg.distance(X), mf.Ellipse().distance(X), atol=1e-10)
    shape = mf.Box((-1.5, -1), (1.5, 1)) - egg.rotate(0.5)
    assert shape.part_names == ("left", "right", "bottom", "top", "egg")
    assert shape.volume == pytest.approx(6 - np.pi / 2, rel=1e-10)
    check_cloud(shape, 0.1)


def test_shapes_are_values():
    def bowl(x):
        return x @ x - 1

    shape = shape_of(bowl)
    assert shape == shape_of(bowl, [(-2.0, -2), np.array([2, 2])]) != shape_of(lambda x: x @ x - 1)
    assert len({shape, shape_of(bowl)}) == 1
    assert repr(shape).endswith("lower=(-2.0, -2.0), upper=(2.0, 2.0), name=None)")


REFUSALS = [
    (lambda: shape_of(1.0), TypeError, "SignedDistance needs a function of a point, got float"),
    (lambda: shape_of(cassini, 2.0), TypeError, r"needs bounds=\(lower, upper\), two corners of a box, got 2.0"),
    (lambda: shape_of(cassini, ((0, 0), (0, 1))), ValueError, "needs bounds with lower < upper, got lower"),
    (lambda: shape_of(cassini, ((0, 0), (1, 1, 1))), ValueError, "needs bounds with lower < upper"),
    (lambda: shape_of(cassini, ((0,), (1,))), ValueError, "SignedDistance needs 2 or 3 coordinates as bounds, got 1"),
    (lambda: shape_of(cassini, ((0, 0), (1, np.inf))), ValueError, "SignedDistance needs a finite bounds"),
    (lambda: shape_of(cassini, name=3), TypeError, "SignedDistance needs a string as name"),
    (lambda: shape_of(lambda x: x @ x + 1), ValueError, r"is empty: function\(x\) is nowhere negative .* least 1"),
    (lambda: shape_of(lambda x: x @ x - 4.1), ValueError, r"touches its bounds: function\(x\) is -.*; widen bounds="),
    (lambda: shape_of(lambda x: x @ x - 9), ValueError, r"touches its bounds: function\(x\) is -"),
    (lambda: shape_of(lambda x: jnp.log(x[0])), ValueError, r"function\(x\) returned nan at x = \(-2.0, -2.0\)"),
    (lambda: shape_of(lambda x: x), ValueError, r"must return a number for x of shape \(d,\), got shape \(2,\)"),
    (lambda: shape_of(lambda x: jnp.sign(x @ x - 1)), ValueError, r"has no gradient at .*, near its zero line"),
    (lambda: shape_of(cusps), ValueError, r"is not smooth near \(.*, 1.00\d*\), nor a single corner; its gradient"),
    (lambda: shape_of(cassini).cloud(3.0), ValueError, "spacing=3.0 leaves no room for interior nodes"),
    (lambda: (shape_of(cassini) - mf.Box((-2, -2), (2, 2))).cloud(0.1), ValueError, "is empty, or all but empty"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSALS)
def test_what_is_refused_and_why(make, error, message):
    with pytest.raises(error, match=message):
        make()
