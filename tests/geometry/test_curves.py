"""Regions inside parametric curves: distances, areas, corners and cusps, clouds, refusals."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from plane_cases import around, check_cloud, check_distance, flower, heart, naca0012

import meshfree as mf
from meshfree.geometry.shapes.plane.chebyshev_panels import UnresolvedError, fit

TURN = 2 * np.pi
FLOWER, HEART = mf.Curve(flower), mf.Curve(heart, corners=(0, np.pi))
NACA = mf.Curve(naca0012, corners=(0,), name="wing")


def circle(t):
    return jnp.stack([jnp.cos(t), jnp.sin(t)])


def square(t):
    """The unit square, its corners at t = 0, 1, 2, 3."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], dtype=float)
    k = min(int(t), 3)
    return corners[k] + (t - k) * (corners[k + 1] - corners[k])


# ------------------------------------------------------------------------------------------- as a set


@pytest.mark.parametrize(
    ("shape", "function", "round_off"),
    # The square root of x = (1 + cos t)/2 is off by 1e-16/|t - π| near the leading edge.
    [(FLOWER, flower, 1e-15), (HEART, heart, 1e-14), (NACA, naca0012, 1e-11)],
)
def test_the_distance_is_that_to_the_nearest_sample(shape, function, round_off):
    t = np.linspace(0, TURN, 50_001)[:-1]
    line = np.array([naca0012(s) for s in t]) if function is naca0012 else np.asarray(jax.vmap(function)(t))
    polygon = shapely.Polygon(line)
    check_distance(shape, [line], lambda X: shapely.contains_xy(polygon, *X.T), round_off=round_off)
    assert shape.volume == pytest.approx(polygon.area, rel=1e-7)
    np.testing.assert_allclose(np.concatenate(shape.bounds), polygon.bounds, atol=1e-8 * shape.extent)


@given(st.integers(1, 6), st.floats(0, 0.9), st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_the_distance_to_a_circle_traced_unevenly(k, depth, seed):
    """Known to the last digit, whatever the parameter."""
    rng = np.random.default_rng(seed)
    center = rng.normal(size=2)

    def uneven(t):
        angle = t + depth / k * np.sin(k * t)
        return center + 2 * np.array([np.cos(angle), np.sin(angle)])

    shape = mf.Curve(uneven)
    X = np.concatenate([center + rng.uniform(-4, 4, (500, 2)), center[None]])
    np.testing.assert_allclose(shape.distance(X), np.linalg.norm(X - center, axis=1) - 2, atol=1e-12)
    assert shape.volume == pytest.approx(4 * np.pi, rel=1e-12)


def test_areas_in_closed_form():
    assert FLOWER.volume == pytest.approx(np.pi * (1 + 0.3**2 / 2), rel=1e-13)
    assert HEART.volume == pytest.approx(180 * np.pi, rel=1e-13)
    x = np.array([0.2969 / 1.5, -0.1260 / 2, -0.3516 / 3, 0.2843 / 4, -0.1036 / 5])
    assert NACA.volume == pytest.approx(1.2 * x.sum(), rel=1e-12)
    assert (FLOWER - mf.Disk(radius=0.2)).volume == pytest.approx(FLOWER.volume - 0.04 * np.pi, rel=1e-12)


def test_either_sense_of_direction_and_any_start():
    back = mf.Curve(lambda t: flower(-t))
    shifted = mf.Curve(lambda t: flower(t + 1), (-1.0, TURN - 1.0))
    X = around(FLOWER)
    for other in (back, shifted):
        assert other.volume == pytest.approx(FLOWER.volume, rel=1e-13)
        np.testing.assert_allclose(other.distance(X), FLOWER.distance(X), atol=1e-12)
    turned = mf.Curve(lambda t: heart(-t - 1), (-1.0, TURN - 1.0), corners=(np.pi - 1, TURN - 1.0))
    np.testing.assert_allclose(turned.distance(around(HEART)), HEART.distance(around(HEART)), atol=1e-11)
    np.testing.assert_allclose(
        turned.outline[0].normal(np.array([0.5])), HEART.outline[0].normal(np.array([0.5])), atol=1e-9
    )


def test_jax_and_numpy_give_the_same_in_single_precision_mode_too():
    """The shape is in double precision whatever JAX is set to."""
    with jax.enable_x64(False):
        single = mf.Curve(flower)
    plain = mf.Curve(lambda t: [(1 + 0.3 * np.cos(5 * t)) * np.cos(t), (1 + 0.3 * np.cos(5 * t)) * np.sin(t)])
    X = around(FLOWER)
    for other in (single, plain):
        np.testing.assert_allclose(other.distance(X), FLOWER.distance(X), atol=1e-13)


def test_a_million_points_in_seconds():
    X = around(FLOWER, 1_000_000)
    FLOWER.contains(X[:1])
    start = time.process_time()
    inside = FLOWER.contains(X)
    assert time.process_time() - start < 2
    polar = 1 + 0.3 * np.cos(5 * np.arctan2(X[:, 1], X[:, 0]))
    np.testing.assert_array_equal(inside, np.linalg.norm(X, axis=1) < polar)


def test_curves_are_values():
    assert mf.Curve(flower, [0, TURN]) == FLOWER and hash(mf.Curve(flower)) == hash(FLOWER)
    assert mf.Curve(heart, corners=[np.pi, TURN]) == HEART != FLOWER


# --------------------------------------------------------------------------------------------- clouds


@pytest.mark.parametrize(("shape", "h"), [(FLOWER, 0.05), (HEART, 0.7), (NACA, 0.015), (NACA, 0.008)])
def test_clouds_are_even(shape, h):
    cloud = check_cloud(shape, h)
    np.testing.assert_array_equal(cloud.points, shape.cloud(h).points)


def test_graded_clouds():
    def spacing(x):
        return 0.02 + 0.05 * jnp.hypot(x[0] - 1.3, x[1])

    assert FLOWER.cloud(spacing).quality(spacing).mesh_ratio < 2.5


def test_normals_are_exact():
    """Against the gradient of the flower's implicit function, r = |x| (1 + 0.3 cos 5θ)⁻¹."""
    cloud = FLOWER.cloud(0.05)
    f = jax.vmap(jax.grad(lambda x: jnp.hypot(x[0], x[1]) / (1 + 0.3 * jnp.cos(5 * jnp.arctan2(x[1], x[0])))))
    g = np.asarray(f(cloud["boundary"]))
    np.testing.assert_allclose(cloud.normals["boundary"], g / np.linalg.norm(g, axis=1, keepdims=True), atol=1e-9)


def test_cusps_and_trailing_edges_are_nodes_and_their_normals_point_out():
    cloud = HEART.cloud(0.7)
    for x, n in (((0, 5), (0, 1)), ((0, -17), (0, -1))):
        (i,) = np.flatnonzero(np.linalg.norm(cloud["boundary"] - x, axis=1) < 1e-10)
        np.testing.assert_allclose(cloud.normals["boundary"][i], n, atol=1e-9)
        np.testing.assert_allclose(np.abs(cloud.side_normals["boundary"][i]), (1, 0), atol=1e-9)
    cloud = NACA.cloud(0.015)
    (i,) = np.flatnonzero(np.linalg.norm(cloud["wing"] - (1, 0), axis=1) < 1e-12)
    np.testing.assert_allclose(cloud.normals["wing"][i], (1, 0), atol=1e-9)


def test_corners_at_breaks_of_the_polynomials_are_kept():
    shape = mf.Curve(square, (0, 4), corners=(0, 1, 2, 3))
    box = mf.Box()
    X = around(shape)
    np.testing.assert_allclose(shape.distance(X), box.distance(X), atol=1e-14)
    cloud = check_cloud(shape, 0.1)
    for x in ((0, 0), (1, 0), (1, 1), (0, 1)):
        (i,) = np.flatnonzero(np.linalg.norm(cloud["boundary"] - x, axis=1) < 1e-15)
        np.testing.assert_allclose(cloud.normals["boundary"][i], (np.array(x) - 0.5) * np.sqrt(2), atol=1e-12)


def test_names_survive_the_algebra():
    shape = (mf.Curve(flower, name="petals") - HEART.scale(0.02)) | NACA.translate((1.0, 0))
    assert shape.part_names == ("petals", "boundary", "wing")
    check_cloud(shape, 0.1)


# ------------------------------------------------------------------------------------------ refusals


def eight(t):
    return jnp.stack([jnp.sin(2 * t), jnp.sin(t)])


def slow(t):
    """A circle that rests at t = 2, with no corner."""
    s = TURN * ((t - 2) ** 3 + 8) / ((TURN - 2) ** 3 + 8)
    return circle(s)


REFUSALS = [
    (lambda: mf.Curve(3.0), TypeError, r"Curve needs a function t -> \(x, y\), got float"),
    (lambda: mf.Curve(circle, (1, 1)), ValueError, r"interval \(a, b\) with a < b, got \(1.0, 1.0\)"),
    (lambda: mf.Curve(circle, (0, 1, 2)), ValueError, "Curve needs 2 coordinates as interval, got 3"),
    (lambda: mf.Curve(circle, (0, np.inf)), ValueError, "Curve needs a finite interval"),
    (lambda: mf.Curve(circle, corners=(7,)), ValueError, "corners between 0 and 6.28319.*got 7"),
    (lambda: mf.Curve(circle, corners=1.0), TypeError, "a sequence of parameters as corners, got 1.0"),
    (lambda: mf.Curve(circle, name=""), TypeError, "Curve needs a string as name"),
    (lambda: mf.Curve(lambda t: jnp.cos(t)), ValueError, r"must return a point of shape \(2,\) .* got shape \(\)"),
    (lambda: mf.Curve(lambda t: (t, t, t)), ValueError, r"got shape \(3,\)"),
    (lambda: mf.Curve(lambda t: circle(t) / jnp.where(t > 1, 1, 0)), ValueError, r"\(inf, nan\) at t = 0; expected"),
    (lambda: mf.Curve(lambda t: circle(t) + jnp.sqrt(5 - t)), ValueError, r"returned \(nan, nan\) at t ="),
    (lambda: mf.Curve(circle, (0, 3)), ValueError, r"got function\(0\) = \(1, 0\) and function\(3\) = \(-0.98"),
    (lambda: mf.Curve(lambda t: circle(0 * t)), ValueError, r"got the one point \(1, 0\) for all t"),
    (lambda: mf.Curve(eight), ValueError, "crosses or retraces itself: function"),
    (lambda: mf.Curve(circle, (0, 2 * TURN)), ValueError, "crosses or retraces itself: function"),
    (lambda: mf.Curve(lambda t: circle(jnp.sin(t))), ValueError, "stands still at t = "),
    (lambda: mf.Curve(heart), ValueError, "stands still at t = 0: its velocity is zero there; give"),
    (lambda: mf.Curve(heart, corners=(0,)), ValueError, "stands still at t = 3.14159"),
    (lambda: mf.Curve(slow), ValueError, "stands still at t = 2: its velocity is zero"),
    (lambda: mf.Curve(naca0012), ValueError, "stands still at t = 0"),
    (lambda: mf.Curve(square, (0, 4), corners=(0, 1, 3)), ValueError, "turns by 90 degrees at t = 2; give"),
    (lambda: mf.Curve(lambda t: square(t)[::-1], (0, 4)), ValueError, "turns by 90 degrees at t = 0; give"),
    (lambda: mf.Curve(lambda t: square(t % 4), (0.3, 4.3)), ValueError, r"not smooth near t = 0.9999\d*; give"),
    (lambda: mf.Curve(circle).cloud(2.5), ValueError, "spacing=2.5 leaves no room for interior nodes in Curve"),
    (lambda: (FLOWER & mf.Disk((3, 0))).cloud(0.1), ValueError, "is empty, or all but empty"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSALS)
def test_what_is_refused_and_why(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_errors_of_the_users_function_are_raised():
    with pytest.raises(ZeroDivisionError):
        mf.Curve(lambda t: (1 // 0, t))


def test_polynomials_on_panels():
    """Values, derivatives and integrals of a known function, and where none would do."""
    curve = fit(lambda t: np.stack([np.exp(np.sin(3 * t)), t**2], axis=1), np.array([-1.0, 0.3, 2.0]))
    t = np.linspace(-1, 2, 501)
    np.testing.assert_allclose(curve(t), np.stack([np.exp(np.sin(3 * t)), t**2], axis=1), atol=1e-13)
    slope = np.stack([3 * np.cos(3 * t) * np.exp(np.sin(3 * t)), 2 * t], axis=1)
    np.testing.assert_allclose(curve.derivative()(t), slope, atol=1e-10)
    np.testing.assert_allclose(curve.reversed()(-t), curve(t), atol=1e-14)
    with pytest.raises(UnresolvedError, match=r"not smooth near 0\.69999"):
        fit(lambda t: np.abs(t[:, None] - 0.7), np.array([-1.0, 2.0]))
