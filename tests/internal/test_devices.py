"""The device that JAX computes on, as meshfree asks for it."""

import jax
import pytest

from meshfree.internal.devices import HOST, Text, default_device, device_memory, device_name, on_host


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
