"""Stencils that do not work, found by what their small systems gave, and told by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..kernels import check_coincident
from ..pde.multi_indices import total_degree

GROWTH = 1e8  # of what a system gives over what it was given, beyond which its polynomials are looked at
RANK = 1e-10  # share of the largest singular value below which a direction is not there
LOOKED_AT = 200  # suspects, at most


def check_weights(
    local: Any,
    nodes: Float[np.ndarray, "n d"],
    columns: Int[np.ndarray, "m k"],
    X: Float[np.ndarray, "m d"],
    functionals: Float[np.ndarray, "m r J"],
    order: int,
    weights: Float[np.ndarray, "m r k"],
    named: tuple[np.ndarray, np.ndarray] | None = None,
    larger: str = "size=",
) -> None:
    """ValueError if weights are not finite, or large because the stencil's nodes do not determine its polynomials.

    `local`: anything with a kernel and a degree of polynomials. `named`: the nodes and columns by which messages name a
    stencil, where these are projections of them; `larger`: what makes stencils larger.
    """
    centers = nodes[columns[:, 0]]
    radii = np.linalg.norm(nodes[columns[:, -1]] - centers, axis=1)
    reach = 1 + np.linalg.norm(X - centers, axis=1) / radii
    scales = _powers(1 / radii, order)[:, total_degree(X.shape[1], order).sum(axis=1)]
    given = np.einsum("mrj,mj->mr", np.abs(functionals), scales) * _powers(reach, max(local.degree, 0))[:, -1:]
    found = np.sqrt(np.einsum("mrk,mrk->mr", weights, weights))
    suspect = np.isfinite(given) & ~(found <= GROWTH * given)
    failed = np.isfinite(given) & ~np.isfinite(found)
    check_stencils(local, nodes, columns, suspect.any(axis=1), failed.any(axis=1), named, larger)


def _powers(x: Float[np.ndarray, " m"], highest: int) -> Float[np.ndarray, "m p"]:
    """x⁰ … x^highest, by products: several times as fast as `**`."""
    return np.vander(x, highest + 1, increasing=True)


def check_stencils(
    local: Any,
    nodes: Float[np.ndarray, "n d"],
    columns: Int[np.ndarray, "m k"],
    suspect: Bool[np.ndarray, " m"],
    failed: Bool[np.ndarray, " m"],
    named: tuple[np.ndarray, np.ndarray] | None = None,
    larger: str = "size=",
) -> None:
    """ValueError if the nodes of a suspect stencil do not determine its polynomials, or if a system failed."""
    suspects = np.flatnonzero(suspect)[:LOOKED_AT]
    told, by = (nodes, columns) if named is None else named
    if len(suspects) and local.degree >= 0:
        ranks = _ranks(local.degree, nodes[columns[suspects]])
        poor = suspects[ranks < len(total_degree(nodes.shape[1], local.degree))]
        if len(poor):
            raise ValueError(
                f"the {columns.shape[1]} nodes of the stencil {_place(told, by[poor[0]])} do not determine a "
                f"polynomial of degree {local.degree}, as nodes on a line or on a coarse lattice do not: "
                f"take other nodes, a larger {larger}, or a lower degree"
            )
    if failed.any():
        check_coincident(local.kernel, nodes.shape[1])
        raise ValueError(
            f"the small system of the stencil {_place(told, by[np.argmax(failed)])} is singular or not finite "
            f"for {local.kernel.describe()}: use another scale or kernel, or a higher degree of the polynomials"
        )


def _ranks(degree: int, stencils: Float[np.ndarray, "m k d"]) -> Int[np.ndarray, " m"]:
    """Of the polynomials of a degree on the nodes; by NumPy: JAX would compile for every number of stencils."""
    shifts = stencils - stencils[:, :1]
    scaled = shifts / np.sqrt(np.max(np.sum(shifts**2, axis=2), axis=1))[:, None, None]
    polynomials = np.prod(scaled[:, :, None] ** total_degree(stencils.shape[2], degree), axis=3)
    values = np.linalg.svd(polynomials, compute_uv=False)
    return np.sum(values > RANK * values[:, :1], axis=1)


def _place(nodes, stencil) -> str:
    """In words: which node's stencil."""
    coordinates = ", ".join(f"{coordinate:.6g}" for coordinate in nodes[stencil[0]])
    return f"of node {stencil[0]} at ({coordinates})"
