"""The device that JAX computes on, as meshfree asks for it."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from meshfree.internal import memory
from meshfree.internal.devices import (
    AXIS,
    HOST,
    Text,
    default_device,
    device_memory,
    device_name,
    gathered,
    map_over,
    mesh_memory,
    mesh_name,
    mesh_over,
    on_host,
)


def test_this_machine_computes_on_its_cpu():
    assert on_host()
    assert device_name() == "cpu"


@pytest.mark.parametrize("chosen", ["cpu", jax.devices("cpu")[0]], ids=["a platform", "a device"])
def test_the_choice_is_that_of_jax(chosen):
    with jax.default_device(chosen):
        assert default_device() == jax.devices("cpu")[0]
        assert on_host()


def test_an_accelerator_has_its_kind_as_name(accelerator):
    assert not on_host()
    assert device_name() == "cuda:0 (a card for tests)"
    assert device_memory() == 2**30


def test_memory_that_is_not_told_is_no_limit():
    assert device_memory() == float("inf")


def test_a_name_is_no_leaf():
    tree = {"device": Text("cuda:0"), "rank": 3}
    assert jax.tree.leaves(tree) == [3]
    assert jax.jit(lambda tree: tree)({"device": HOST, "rank": 3})["device"] == "cpu"


@pytest.mark.parametrize("asked", [None, 1, jax.devices()[:1]], ids=["by default", "one", "a list of one"])
def test_one_device_needs_no_mesh(asked):
    assert mesh_over(asked) is None


@pytest.mark.parametrize("asked", [0, -2, 1000])
def test_a_number_of_devices_that_are_not_there_is_refused(asked):
    with pytest.raises(ValueError, match=f"as many as JAX has here .*; got {asked}.*xla_force_host"):
        mesh_over(asked)


def test_no_device_and_one_twice_are_refused():
    one = jax.devices()[0]
    with pytest.raises(ValueError, match="at least one; got none"):
        mesh_over([])
    with pytest.raises(ValueError, match="different devices of JAX"):
        mesh_over([one, one])


def test_a_mesh_of_cpus_has_the_memory_of_the_machine():
    mesh = Mesh(np.array(jax.devices()[:1]), (AXIS,))
    assert mesh_name(mesh) == "1 × cpu"
    assert mesh_memory(mesh) == memory.installed()


class _Card:
    platform, device_kind, process_index = "gpu", "a card for tests", 0

    def __str__(self):
        return "cuda:1"

    def memory_stats(self):
        return {"bytes_limit": 2**30}


class _TwoCards(Mesh):
    """What is asked of a mesh of two cards."""

    devices = np.array([_Card(), _Card()])

    def __new__(cls):
        return object.__new__(cls)


def test_a_mesh_of_cards_has_the_memory_of_all():
    assert mesh_memory(_TwoCards()) == 2**31
    assert mesh_name(_TwoCards()) == "2 × cuda (a card for tests)"


def test_a_batch_over_devices_is_gathered():
    mesh = Mesh(np.array(jax.devices()[:1]), (AXIS,))
    found = jax.jit(lambda x: map_over(lambda one: {"twice": 2 * one}, x, mesh))(np.arange(3.0))
    np.testing.assert_array_equal(gathered(found, mesh)["twice"], [0.0, 2.0, 4.0])
