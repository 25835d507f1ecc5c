"""What the benchmarks share: several programs timed in turn, and clouds of an exact number of nodes."""

import time
from collections.abc import Callable

import jax
import numpy as np

import meshfree as mf

SQUARE = mf.Box((0.0, 0.0), (1.0, 1.0))


def alternating(tasks: dict[str, Callable], repetitions: int, unmeasured: int = 1) -> dict[str, float]:
    """The median seconds of each task, all of them in turn, the first rounds unmeasured."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for repetition in range(repetitions + unmeasured):
        for name, task in tasks.items():
            began = time.perf_counter()
            jax.block_until_ready(task())
            if repetition >= unmeasured:
                seconds[name].append(time.perf_counter() - began)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def cloud_of(n: int, seed: int = 0) -> mf.Cloud:
    """Exactly n nodes of the square: a cloud of slightly more, the last interior ones left out."""
    spacing = n**-0.5
    cloud = SQUARE.cloud(spacing, seed=seed)
    while len(cloud) < n:
        spacing *= 0.99
        cloud = SQUARE.cloud(spacing, seed=seed)
    parts = {name: (cloud[name], cloud.normals[name]) for name in cloud.parts if name != "interior"}
    return mf.Cloud(interior=cloud["interior"][: len(cloud["interior"]) - (len(cloud) - n)], **parts)


def jittered(n: int, dim: int = 2, share: float = 0.2, seed: int = 0) -> np.ndarray:
    """A grid in the unit cube, n points a side, each inner one moved by up to `share` of the spacing: (n^dim, dim)."""
    axes = np.meshgrid(*[np.linspace(0, 1, n)] * dim, indexing="ij")
    grid = np.stack(axes, axis=-1).reshape(-1, dim)
    inside = np.all((grid > 0) & (grid < 1), axis=1)
    moves = np.random.default_rng(seed).uniform(-share, share, grid.shape) / (n - 1)
    return grid + moves * inside[:, None]
