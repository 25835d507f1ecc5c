"""Gaps, thin bodies, fine spots, many islands: what clouds of them hold, what they warn of, what they refuse."""

import time
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
import shapely

import meshfree as mf

WELL = np.array([0.33, 0.41])


def boxes(gap, dim=2):
    side = (1.0,) * (dim - 1)
    lower = mf.Box((0.0,) * dim, (*side, 0.5 - gap / 2), name="a")
    return lower | mf.Box((0.0,) * (dim - 1) + (0.5 + gap / 2,), (*side, 1.0), name="b")


def on_level(X, level):
    return int((np.abs(np.asarray(X)[:, -1] - level) < 1e-9).sum())


@pytest.mark.parametrize("gap", [1e-4, 0.01, 0.02, 0.025, 0.03])
def test_gap_nodes(gap):
    cloud = boxes(gap).cloud(0.05)
    assert on_level(cloud["a"], 0.5 - gap / 2) == on_level(cloud["b"], 0.5 + gap / 2) == 21


def test_gap_nodes_in_space():
    cloud = boxes(0.02, 3).cloud(0.1)
    assert on_level(cloud["a"], 0.49) == on_level(cloud["b"], 0.51) > 100


def test_gap_nodes_of_islands_with_one_name():
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    pair = mf.Polygon(square) | mf.Polygon([(x + 1.01, y) for x, y in square])
    X = pair.cloud(0.1)["boundary"]
    assert [int((np.abs(X[:, 0] - x) < 1e-9).sum()) for x in (1.0, 1.01)] == [11, 11]


def test_gap_nodes_of_a_slit_with_a_tip():
    slit = mf.Polygon([(0, 0), (1, 0), (1, 1), (0.51, 1), (0.5, 0.3), (0.49, 1), (0, 1)])
    X = slit.cloud(0.05)["boundary"]
    inner = X[(X[:, 1] > 0.35) & (X[:, 1] < 0.99) & (np.abs(X[:, 0] - 0.5) < 0.011)]
    left = int((inner[:, 0] < 0.5).sum())
    assert abs(2 * left - len(inner)) <= 1 and left >= 11


@pytest.mark.parametrize("size", [(10, 0.1), (10, 0.04), (3, 3, 0.04)])
def test_thin_plate(size):
    start = time.process_time()
    with pytest.raises(ValueError, match=r"leaves no room for interior nodes .* use a smaller one"):
        mf.Box((0,) * len(size), size).cloud(0.1)
    assert time.process_time() - start < 5


def test_a_narrow_channel_is_named():
    plates = mf.Box((0, 0), (2, 2)) - mf.Box((0.5, 0.5), (1.5, 0.95)) - mf.Box((0.5, 1.05), (1.5, 1.5))
    with pytest.warns(
        UserWarning, match=r"at \(.*\) the domain is 0.1 wide, and the spacing there, 0.08, is more than"
    ):
        plates.cloud(0.08)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plates.cloud(0.045)


def spot(x):
    return jnp.where(jnp.hypot(x[0] - WELL[0], x[1] - WELL[1]) < 0.01, 0.002, 0.1)


def test_spacing_spot():
    cloud = mf.Box().cloud(spot)
    inside = np.linalg.norm(cloud.points - WELL, axis=1) < 0.01
    assert 60 < inside.sum() < 95
    assert cloud.quality(spot).relative_fill < 1.5


def test_spacing_spot_that_is_told():
    def tiny(x):
        return jnp.where(jnp.hypot(x[0] - WELL[0], x[1] - WELL[1]) < 1e-4, 2e-5, 0.1)

    cloud = mf.Box().cloud(tiny, at=[tuple(WELL)])
    assert 60 < (np.linalg.norm(cloud.points - WELL, axis=1) < 1e-4).sum() < 95


def test_spacing_spot_on_the_boundary():
    def tiny(x):
        return jnp.where(jnp.hypot(x[0] - 0.33, x[1]) < 1e-4, 1e-5, 0.1)

    bottom = mf.Box().cloud(tiny, at=[(0.33, 0.0)])["bottom"]
    assert 15 < (np.abs(bottom[:, 0] - 0.33) < 1e-4).sum() < 25


@pytest.mark.parametrize(("at", "words"), [([(0.3,)], "2 coordinates"), ([(0.3, np.nan)], "NaN"), ("here", "points")])
def test_bad_spots(at, words):
    with pytest.raises(ValueError, match=f"at= .*{words}"):
        mf.Box().cloud(spot, at=at)


def test_many_islands_slow():
    t = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    islands = shapely.MultiPolygon(
        [shapely.Polygon(np.stack([3 * i + np.cos(t), np.sin(t)], axis=1)) for i in range(200)]
    )
    shape, start = mf.Polygon.from_shapely(islands), time.process_time()
    assert shape.volume == pytest.approx(islands.area, rel=1e-12)
    assert time.process_time() - start < 10  # quadratic: ten minutes
