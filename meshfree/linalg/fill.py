"""The memory that a sparse factorisation takes, told beforehand from the graph of the matrix."""

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components

from ..internal import memory

BYTES_PER_ENTRY = {"pardiso": 13, "rslab": 17, "superlu": 12}  # of L + U, at the peak


def direct_memory(matrix: scipy.sparse.csr_array) -> dict[str, float]:
    """The bytes that every direct solver takes at its peak.

    Nested dissection of a d-dimensional graph whose separators have w nodes leaves about 9 w² Σᵢ 2^((2/d − 1) i)
    entries in L + U, i < log₂(n/k), k the entries per row; measured within 10 % on
    2-D stencils (10 000 to 160 000 nodes), 5 to 40 % too many on 3-D ones (40 000 to 5000 nodes) and 50 % on least
    squares. COLAMD leaves (n/2000)^¼ times as many.
    """
    entries, size = fill(matrix), matrix.shape[0]
    colamd = max(1.0, (size / 2000) ** 0.25)
    return {
        name: per_entry * entries * (colamd if name == "superlu" else 1) + 100 * matrix.nnz
        for name, per_entry in BYTES_PER_ENTRY.items()
    }


def fill(matrix: scipy.sparse.csr_array) -> float:
    """An estimate of the entries of L + U under nested dissection, by a breadth first search of the graph."""
    pattern = scipy.sparse.csr_array((np.ones(matrix.nnz, np.int8), matrix.indices, matrix.indptr), matrix.shape)
    graph = scipy.sparse.csr_array(pattern + pattern.T)
    degrees = np.diff(graph.indptr)
    dense = is_dense(degrees)  # such rows would join everything: an ordering puts them last
    if dense.any():
        graph = graph[~dense][:, ~dense]
    size = graph.shape[0]
    if size == 0:
        return float(len(degrees) ** 2)
    start, levels, reached = _last_level(graph, 0)
    if reached < size:
        _, component = connected_components(graph, directed=False)
        start = int(np.argmax(component == np.argmax(np.bincount(component))))
        start, levels, reached = _last_level(graph, start)
    start, levels, reached = _last_level(graph, start)  # from an end of the graph the levels are narrow
    width, parts = reached / levels, max(reached / (graph.nnz / size), 2.0)
    dimension = max(np.log(parts) / np.log(max(levels / 3, 1.01)), 1.0)
    halvings = np.arange(np.ceil(np.log2(parts)))
    entries = 9 * width**2 * np.sum(2 ** ((2 / dimension - 1) * halvings)) * size / reached
    return float(min(entries, size**2) + 2 * np.sum(dense) * len(degrees))


def is_dense(entries: np.ndarray) -> np.ndarray:
    """Which rows of a square matrix, by the numbers of their entries, have many, as that of an integral condition."""
    return entries > 10 * np.sqrt(len(entries)) + 16


def _last_level(graph, start: int) -> tuple[int, int, int]:
    """A node farthest from `start`, the number of levels of the breadth first search to it, and of the nodes found."""
    order, parents = breadth_first_order(graph, start, directed=True)
    node, levels = order[-1], 1
    while node != start:
        node, levels = parents[node], levels + 1
    return int(order[-1]), levels, len(order)


def check_fits(solver: str, needed: float) -> None:
    """MemoryError if the direct `solver` needs more bytes than there are."""
    available = memory.available()
    if needed > available:
        raise MemoryError(
            f"solver={solver!r} takes about {needed / 2**30:.1f} GiB for this matrix, and there are "
            f"{available / 2**30:.1f} GiB free: use solver='krylov', which takes a tenth, or a larger spacing"
        )
