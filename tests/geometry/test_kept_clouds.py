"""Clouds that are found again within a process, and those that must be made again."""

import time
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf
from meshfree.geometry import kept_clouds
from meshfree.geometry.nodes import domain_nodes


@pytest.fixture
def made(monkeypatch):
    """The interiors that were made, of clouds of this test."""
    monkeypatch.setattr(kept_clouds, "_kept", type(kept_clouds._kept)())
    calls, make = [], domain_nodes.interior_nodes
    monkeypatch.setattr(domain_nodes, "interior_nodes", lambda *given: calls.append(given) or make(*given))
    return calls


def test_equal_domains_find_the_same_cloud(made):
    one, two = mf.Box().cloud(0.2), mf.Box((0, 0), (1.0, 1)).cloud(np.float64(0.2), seed=np.int64(0))
    assert len(made) == 1
    assert one.counts == two.counts and one.domain == two.domain
    for name in ("points", "normal_vectors", "side_vectors", "spacing"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        assert type(getattr(two, name)) is np.ndarray


def test_all_that_matters_is_told_apart(made):
    shapes = [mf.Box(), mf.Box(name="wall"), mf.Box((0, 0), (1, 1.5)), mf.Disk(), mf.Ball((0.0, 0.0)), mf.Annulus()]
    shapes += [mf.Box() | mf.Disk(), mf.Box() & mf.Disk(), mf.Box() - mf.Disk(), mf.Ellipse().rotate(0.3)]
    for shape in shapes:
        shape.cloud(0.2)
    box = mf.Box()
    for given in ({"seed": 1}, {"cluster": 0.5}, {"interior": "halton"}, {"spacing": 0.21}):
        box.cloud(**{"spacing": 0.2} | given)
    assert len(made) == len(shapes) + 4


def test_writing_into_a_cloud_changes_no_other():
    first = mf.Box().cloud(0.2)
    before = first.points.copy()
    first.points[:] = 7.0
    second = mf.Box().cloud(0.2)
    np.testing.assert_array_equal(second.points, before)
    second.normal_vectors[:] = 0.0
    assert np.linalg.norm(mf.Box().cloud(0.2).normal_vectors, axis=1) == pytest.approx(1)


def test_functions_are_asked_again(made):
    """A spacing, a shape and a generator that change without being other ones."""
    state = {"h": 0.2, "radius": 1.0}
    assert len(mf.Box().cloud(lambda x: state["h"])) < 60
    spacing = lambda x: state["h"]  # noqa: E731
    coarse = mf.Box().cloud(spacing)
    state["h"] = 0.1
    assert len(mf.Box().cloud(spacing)) > 2 * len(coarse)
    ball = mf.SignedDistance(lambda x: jnp.sqrt(x @ x) - state["radius"], ((-2, -2), (2, 2)))
    for shape in (ball, ball - mf.Box((0, 0), (2, 2)), ball.rotate(0.5)):
        count = len(made)
        shape.cloud(0.4), shape.cloud(0.4)
        assert len(made) == count + 2
    rng = np.random.default_rng(0)
    assert not np.array_equal(mf.Box().cloud(0.2, seed=rng).points, mf.Box().cloud(0.2, seed=rng).points)


def test_shapes_of_other_people_are_asked_again(made):
    class Growing(mf.Disk):
        pass

    Growing().cloud(0.4), Growing().cloud(0.4)
    assert len(made) == 2


def test_warnings_come_again():
    narrow = mf.Box() | mf.Box((1, 0.5), (2, 0.53), name="channel")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"the domain is 0\.03 wide"):
            narrow.cloud(0.05)


def test_errors_come_again():
    for _ in range(2):
        with pytest.raises(ValueError, match="leaves no room for interior nodes"):
            mf.Box().cloud(1.5)


def test_the_latest_are_kept_up_to_a_number_of_nodes(made, monkeypatch):
    monkeypatch.setattr(kept_clouds, "MOST_NODES", 250)
    for seed in (0, 1, 0, 2, 0, 1):  # some hundred nodes each: two of them
        mf.Box().cloud(0.12, seed=seed)
    assert len(made) == 4
    mf.Box().cloud(0.06), mf.Box().cloud(0.06)
    assert len(made) == 6
    assert sum(map(len, kept_clouds._kept.values())) <= 250


def test_a_cloud_found_again_takes_no_time():
    mf.Box().cloud(0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        began = time.process_time()
        mf.Box().cloud(0.01)
    assert time.process_time() - began < 0.05
