"""The periodic tiles of nodes that clouds are cut from: `meshfree/geometry/nodes/tile_2d.npy` and `tile_3d.npy`.

    python scripts/make_tiles.py

Stratified random nodes repel one another, in a torus with one node for each unit of its volume.
"""

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import meshfree.geometry.nodes
from meshfree.geometry.nodes.filling import NEIGHBOURS

CELLS = {2: 64, 3: 22}  # along a side: as many nodes as that many squares or cubes
SWEEPS = 64  # of more, the nodes settle in the rows of a lattice: stencils of degree 6 lose a third of their accuracy
REBUILD = 4  # sweeps between two searches for neighbours


def relaxed(dim: int, rng: np.random.Generator) -> np.ndarray:
    side, cells = float(CELLS[dim]), np.arange(CELLS[dim])
    X = np.stack(np.meshgrid(*[cells] * dim), axis=-1).reshape(-1, dim)
    X = X + rng.random(X.shape)
    for sweep in range(SWEEPS):
        if sweep % REBUILD == 0:
            X = np.mod(X, side)
            neighbours = cKDTree(X, boxsize=side).query(X, NEIGHBOURS[dim] + 1)[1][:, 1:]
        away = X[:, None] - X[neighbours]
        away -= side * np.round(away / side)
        move = 0.04 * np.einsum("nk,nkd->nd", np.einsum("nkd,nkd->nk", away, away) ** -3.0, away)
        length = np.linalg.norm(move, axis=1, keepdims=True)
        X = X + move * np.minimum(1, 0.2 / np.maximum(length, 1e-300))
    return np.mod(X, side)


def main() -> None:
    folder = Path(meshfree.geometry.nodes.__file__).parent
    for dim in CELLS:
        X = relaxed(dim, np.random.default_rng(0)).astype(np.float32)
        nearest = cKDTree(np.mod(X.astype(float), CELLS[dim]), boxsize=CELLS[dim]).query(X, 2)[0][:, 1]
        np.save(folder / f"tile_{dim}d.npy", X)
        print(f"{len(X)} nodes, {nearest.min():.3f} apart at least, {np.median(nearest):.3f} in the median")


if __name__ == "__main__":
    main()
