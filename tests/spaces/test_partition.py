"""The shares of processes in the nodes, and what is found on demand; without any other process."""

import numpy as np
import pytest

import meshfree as mf
from meshfree.internal.processes import ALONE, Processes
from meshfree.spaces.on_demand import OnDemand, taken
from meshfree.spaces.partition import Partition
from meshfree.spaces.visible_neighbours import stencils_in_sight


def shares(points, count):
    """Which points each of so many processes has."""
    return [Partition(points, np.full(len(points), -1), told(rank, count)).own for rank in range(count)]


def told(rank, count):
    """What knows its place among processes, and cannot talk to them."""
    found = Processes()
    found.rank, found.size = rank, count
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_shares_are_equal_and_without_overlap(count):
    own = shares(np.random.default_rng(0).uniform(size=(1001, 2)), count)
    assert np.array_equal(np.sum(own, axis=0), np.ones(1001))
    assert max(one.sum() for one in own) - min(one.sum() for one in own) <= 1


def test_the_longest_side_is_halved():
    points = np.random.default_rng(0).uniform(size=(1000, 2)) * [1.0, 3.0]
    first, second = shares(points, 2)
    assert points[first, 1].max() <= points[second, 1].min()


def test_fewer_nodes_than_processes():
    with pytest.raises(ValueError, match="3 nodes for 4 processes"):
        shares(np.eye(3), 4)


def partition_of(ghosts):
    return Partition(np.random.default_rng(0).uniform(size=(len(ghosts), 2)), np.array(ghosts), ALONE)


def test_conditions_belong_to_ghosts_and_the_equation_to_nodes():
    rows = [("interior", 1, np.array([0])), ("left", 1, np.array([1])), ("interior at left", 1, np.array([1]))]
    layout = partition_of([-1, 2]).layout(1, rows)
    assert layout.order.tolist() == [0, 2, 1]
    assert layout.numbers.tolist() == [0, 2, 1]


def test_two_conditions_of_two_fields_belong_to_the_node_and_its_ghost():
    layout = partition_of([1]).layout(2, [("left", 4, np.array([0]))])
    assert layout.order.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("interior", 2, np.array([0, 1]))], "interior: more equations at a node than its 1 unknowns"),
        ([("interior", 1, np.array([0]))], "node 1 has 0 equations for 1 unknowns"),
    ],
)
def test_as_many_equations_as_unknowns_at_each_node(rows, words):
    with pytest.raises(ValueError, match=words):
        partition_of([-1, -1]).layout(1, rows)


def test_rows_on_demand_are_found_once():
    asked = []

    def find(places):
        asked.extend(places.tolist())
        return np.stack([places, places**2], axis=1)

    found = OnDemand(find, (5, 2), np.int32)
    assert found[np.array([[1, 3], [3, 1]])].tolist() == [[[1, 1], [3, 9]], [[3, 9], [1, 1]]]
    assert taken(found, 2).tolist() == [2, 4]
    assert np.asarray(found)[4].tolist() == [4, 16]
    assert sorted(asked) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "domain", [mf.Disk(), mf.Box() - mf.Disk((0.5, 0.5), 0.2), mf.Box(periodic=True)], ids=["disk", "hole", "periodic"]
)
def test_stencils_at_some_points_are_those_of_all(domain):
    cloud = domain.cloud(0.08)
    nodes, places = np.asarray(cloud.points), np.arange(0, len(cloud), 3)
    everywhere = stencils_in_sight(cloud, nodes, np.arange(len(nodes)), 20)
    some = stencils_in_sight(cloud, nodes, np.arange(len(nodes)), 20, places)
    assert np.array_equal(some, everywhere[places])
