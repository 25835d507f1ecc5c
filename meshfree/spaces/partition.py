"""Which process has which nodes, and so which rows of the equations."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ..internal.processes import Processes
from ..linalg.distributed_rows import Layout


class Partition:
    """The shares of processes in the points of a cloud: each makes the rows of the equations at its own.

    Recursive coordinate bisection (Berger & Bokhari, IEEE Trans. Comput. C-36 (1987), doi 10.1109/TC.1987.1676942): the
    longest side of what is left is halved by the number of points. `ghosts`: for each point the node beyond it, −1
    where there is none.
    """

    def __init__(self, points: Float[np.ndarray, "m d"], ghosts: Int[np.ndarray, " m"], processes: Processes):
        if len(points) < processes.size:
            raise ValueError(f"{len(points)} nodes for {processes.size} processes: start fewer, or use more nodes")
        self.processes, self.ghosts = processes, ghosts
        owners = np.zeros(len(points), dtype=np.int32)
        _halve(points, np.arange(len(points)), 0, processes.size, owners)
        self.own: Bool[np.ndarray, " m"] = owners == processes.rank

    def layout(self, fields: int, rows: Iterable[tuple[str, int, Int[np.ndarray, " k"]]]) -> Layout:
        """That of rows of so many components at some of this process's points, in their order, by their parts' names.

        The conditions at a node with a ghost belong to the ghost's unknowns and the equation there to the node's own;
        of two conditions for each field the first belong to the node. ValueError where they are not as many.
        """
        taken = np.zeros(len(self.own), dtype=np.int8)
        found = []
        for name, components, nodes in rows:
            first = np.where((self.ghosts[nodes] >= 0) & (taken[nodes] == 0) & (components == fields), fields, 0)
            slots = first[:, None] + np.arange(components)
            holders = np.where(slots < fields, nodes[:, None], self.ghosts[nodes, None])
            if np.any(holders < 0) or np.any(slots >= 2 * fields):
                raise ValueError(
                    f"{name}: more equations at a node than its {fields} unknowns, and those of a ghost; on several "
                    "processes there are as many. Solve it on one, or give ghost= to the stencils"
                )
            found.append((holders * fields + slots % fields).ravel())
            taken[nodes] += components
        wanted = fields * np.where(self.ghosts < 0, 1, 2)
        lacking = np.flatnonzero(self.own & (taken != wanted))
        if len(lacking):
            raise ValueError(
                f"node {lacking[0]} has {taken[lacking[0]]} equations for {wanted[lacking[0]]} unknowns; on several "
                "processes there are as many. Solve it on one"
            )
        return Layout(np.concatenate(found).astype(np.int64), self.processes)


jax.tree_util.register_static(Partition)


def _halve(points: np.ndarray, among: Int[np.ndarray, " k"], first: int, count: int, owners: np.ndarray) -> None:
    """Give `among` to the processes first … first + count − 1."""
    if count == 1:
        owners[among] = first
        return
    left = count // 2
    axis = int(np.argmax(np.ptp(points[among], axis=0)))
    # stable, so that all processes find the same where coordinates are equal
    order = among[np.argsort(points[among, axis], kind="stable")]
    middle = (len(among) * left) // count
    _halve(points, order[:middle], first, left, owners)
    _halve(points, order[middle:], first + left, count - left, owners)
