"""Stencils on a surface: small interpolation problems in the tangent planes of its nodes.

The nodes of a stencil are projected along the normal of its first one onto the tangent plane there. In its coordinates
s the surface is a graph x(s) = x₀ + s·T + z(s) n, and u a function f(s). Both are interpolated, f and z alike, and the
derivatives of u, which is constant along the normals, are known from those of f and z: at s = 0, where ∇z = 0, the
Laplace–Beltrami operator is Δf (Demanet, Painless, highly accurate discretizations of the Laplacian on a smooth
manifold, 2006; Suchde & Kuhnert, Comput. Math. Appl. 78 (2019), doi 10.1016/j.camwa.2019.04.030; Jones et al., Comput.
Math. Appl. (2023), who compare it with other methods).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..geometry.cloud import Cloud
from ..internal.batching import search_threads
from ..internal.tracing import AnyArray, is_traced, module_of
from ..pde.multi_indices import total_degree
from .neighbours import tree_of
from .stencil_checks import check_weights
from .stencil_weights import LocalInterpolant, many_weights

HIGHEST = 2  # the order of derivatives that are known of a function which is constant along normals
LEAST_COSINE = 0.5  # of the angle between the normals in a stencil: at 60° it is as wide as the radius of curvature
# (n + m)·(y − x), 0 for the normals n, m of points x, y of a sphere, twice the gap for those of parallel sheets
UNEVEN, APART = 0.25, 1.5  # over |y − x| and over the spacing: beyond, another sheet; others reached 0.21 and 1.2 [m]
EDGE, PARALLEL = 0.5, 0.9  # over |y − x|, of direct neighbours: beyond, a sharp edge, where the normals differ, too
FARTHER = 2  # times as many candidates as nodes are wanted, and some more
MORE = 12
BLOCK = 2**14  # nodes whose neighbours are looked at together
BESIDE = 10  # nodes among which the one is looked for whose sheet a point is on

REFUSED = (
    "on a surface u is constant along the normals, which tells derivatives up to order 2; got order {order}. Write "
    "an equation of higher order, such as the biharmonic, with two fields: v = mf.laplacian(u) and an equation for v"
)


def check_order(order: int) -> None:
    """ValueError for derivatives that are not known on a surface."""
    if order > HIGHEST:
        raise ValueError(REFUSED.format(order=order))


def stencils_on_surface(cloud: Cloud, size: int) -> Int[np.ndarray, "n k"]:
    """The `size` nearest nodes of every node on its own sheet of the surface, itself first.

    Nodes on the other side of a thin body, whose normals are opposite, are not among them. Raises ValueError where the
    normals of a stencil turn by more than 60°, so that it does not lie over the tangent plane as a graph.
    """
    X, N = np.asarray(cloud.points), np.asarray(cloud.surface_normals)
    found = np.zeros((len(X), size), dtype=np.int32)
    for rows in np.array_split(np.arange(len(X)), len(X) // BLOCK + 1):
        count = min(FARTHER * size + MORE, len(X))
        while len(rows):
            near = _Neighbours(X, N, rows, count)
            _check_smooth(cloud, near)
            found[rows] = np.take_along_axis(near.nodes, np.argsort(~near.own, axis=1, kind="stable")[:, :size], axis=1)
            few = near.own.sum(axis=1) < size
            turned = near.own & (near.cosine < LEAST_COSINE) & (np.cumsum(near.own, axis=1) <= size)
            folded = turned.any(axis=1) | (few & (count == len(X)))
            if folded.any():
                raise _folded(cloud, size, near, int(np.argmax(folded)))
            rows, count = rows[few], min(2 * count, len(X))
    return found


class _Neighbours:
    """The nodes nearest to some of them, `rows`: how far, the cosine between the normals, (n + m)·(y − x) over |y − x|,
    the spacing on the node's own sheet, and which of them are on it.
    """

    def __init__(self, X: np.ndarray, N: np.ndarray, rows: np.ndarray, count: int):
        found = tree_of(X).query(X[rows], count, workers=search_threads(len(rows)))
        self.rows, self.nodes = rows, found[1].reshape(len(rows), count)
        self.gap = np.maximum(found[0].reshape(len(rows), count), 1e-300)
        n, m = N[rows][:, None], N[self.nodes]
        self.cosine = np.sum(n * m, axis=2)
        uneven = np.abs(np.sum((n + m) * (X[self.nodes] - X[rows][:, None]), axis=2))
        self.uneven = uneven / self.gap
        self.own = (self.cosine > 0) & (self.uneven <= UNEVEN)
        self.spacing = self.gap[np.arange(len(rows)), np.argmax(self.own[:, 1:], axis=1) + 1]
        self.own &= uneven <= APART * self.spacing[:, None]


def _check_smooth(cloud: Cloud, near: _Neighbours) -> None:
    """ValueError at a sharp edge: where the normal of a direct neighbour does not fit that of the node."""
    edge = (near.gap <= 1.5 * near.gap[:, 1:2]) & (near.uneven > EDGE) & (near.cosine > 0) & (near.cosine < PARALLEL)
    edge[:, 0] = False
    if edge.any():
        node = int(near.rows[np.argmax(edge.any(axis=1))])
        raise ValueError(
            f"the normals of {cloud.locate(node)} and of its neighbours do not fit a smooth surface: it has an edge "
            "there, or the nodes are too far apart for its curvature. Use a smooth shape, or a smaller spacing there"
        )


def _folded(cloud: Cloud, size: int, near: _Neighbours, row: int) -> ValueError:
    """What is wrong with a stencil, and which spacing would do."""
    cosine, spacing = near.cosine[row, near.own[row]], float(near.spacing[row])
    wide = np.flatnonzero(cosine < LEAST_COSINE)
    fits = int(wide[0]) if len(wide) else len(cosine)
    wanted = 0.9 * spacing * (fits / size) ** (1 / cloud.manifold_dim)
    return ValueError(
        f"the stencil of {size} nodes around {cloud.locate(int(near.rows[row]))} is wider than the radius of curvature "
        f"of the surface: its normals turn by more than 60° after {fits} nodes. The spacing is at fault, "
        f"{spacing:.3g} there: use one of at most about {wanted:.2g}, a lower degree, or another size="
    )


def nearest_on_sheet(cloud: Cloud, X: Float[AnyArray, "*m d"]) -> Int[AnyArray, "*m"]:
    """The node next to each of the points near a surface, on the sheet that the point is on. Traced points go through
    one batched callback, without a derivative.
    """
    if not is_traced(cloud, X):
        return _nearest_on_sheet(cloud.points, cloud.surface_normals, X)
    shape = jax.ShapeDtypeStruct(jnp.shape(X)[:-1], jnp.int32)
    fixed = jax.lax.stop_gradient(tuple(map(jnp.asarray, (cloud.points, cloud.surface_normals, X))))
    return jax.pure_callback(_nearest_on_sheet, shape, *fixed, vmap_method="broadcast_all")


def _nearest_on_sheet(nodes, normals, X) -> Int[np.ndarray, "*m"]:
    nodes, normals, X = np.asarray(nodes), np.asarray(normals), np.asarray(X)
    while nodes.ndim > 2:  # a batched callback repeats the nodes
        nodes, normals = nodes[0], normals[0]
    flat, count = X.reshape(-1, X.shape[-1]), min(BESIDE, len(nodes))
    near = tree_of(nodes).query(flat, count, workers=search_threads(len(flat)))[1].reshape(len(flat), count)
    found = near[:, 0].copy()
    several = np.flatnonzero(~_same_sheet(nodes, normals, near[:, :1], near).all(axis=1))
    if len(several):  # the nearest node of each sheet, and of these the one in whose tangent plane the point is
        near = near[several]
        same = _same_sheet(nodes, normals, near[:, :, None], near[:, None])
        along = np.abs(np.sum((flat[several][:, None] - nodes[near]) * normals[near], axis=2))
        along[np.tril(same, -1).any(axis=2)] = np.inf
        found[several] = near[np.arange(len(near)), np.argmin(along, axis=1)]
    return found.reshape(X.shape[:-1]).astype(np.int32)


def _same_sheet(nodes: np.ndarray, normals: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether nodes i and j are on one sheet, by their normals."""
    away, n, m = nodes[j] - nodes[i], normals[i], normals[j]
    even = np.abs(np.sum((n + m) * away, axis=-1)) <= UNEVEN * np.linalg.norm(away, axis=-1)
    return even & (np.sum(n * m, axis=-1) > 0)


def weights_on_surface(
    local: LocalInterpolant,
    nodes: Float[AnyArray, "n d"],
    normals: Float[AnyArray, "n d"],
    X: Float[AnyArray, "m d"],
    columns: Int[AnyArray, "m k"],
    functionals: Float[AnyArray, "m r J"],
    order: int,
) -> Float[AnyArray, "m r k"]:
    """The weights of functionals, of derivatives in all of space, in the values at the nodes of stencils."""
    check_order(order)
    traced = is_traced(nodes, X, columns, functionals)
    if traced:
        nodes, normals = jnp.asarray(nodes), jnp.asarray(normals)
    else:
        nodes, normals, X, columns = map(np.asarray, (nodes, normals, X, columns))
    stencils, n = nodes[columns], normals[columns[:, 0]]
    T = frames(n)
    array = module_of(stencils)
    away = stencils - stencils[:, :1]
    places = array.einsum("mkd,mqd->mkq", away, T)
    x = array.einsum("md,mqd->mq", X - stencils[:, 0], T)
    heights = array.einsum("mkd,md->mk", away, n)
    count = len(total_degree(T.shape[1], order))
    units = np.broadcast_to(np.eye(count), (len(columns), count, count))
    if traced:
        return functionals @ _in_space(local.weights(places, x, units, order), heights, T, n, order)
    flat, own = np.asarray(places.reshape(-1, places.shape[2])), np.arange(columns.size).reshape(columns.shape)
    found = many_weights(local, flat, own, x, units, order)
    check_weights(local, flat, own, np.asarray(x), units, order, found, (np.asarray(nodes), np.asarray(columns)))
    return functionals @ _in_space(found, heights, T, n, order)


def frames(n: Float[AnyArray, "m d"]) -> Float[AnyArray, "m q d"]:
    """Orthonormal vectors that span the tangent planes across unit normals, in 2 and 3 dimensions.

    Duff et al., Building an orthonormal basis, revisited, J. Comput. Graph. Tech. 6 (2017).
    """
    array = module_of(n)
    if n.shape[1] == 2:
        return array.stack([-n[:, 1], n[:, 0]], axis=1)[:, None]
    x, y, z = n[:, 0], n[:, 1], n[:, 2]
    sign = array.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    first = array.stack([1 + sign * x**2 * a, sign * b, -sign * x], axis=1)
    return array.stack([first, array.stack([b, sign + y**2 * a, -y], axis=1)], axis=1)


def _in_space(found, heights, T, n, order: int) -> Float[AnyArray, "m J k"]:
    """The derivatives up to `order` of u by the coordinates of space, from those of f by the coordinates of the plane.

    With X_i = T_i + z_i n, the metric g_ij = δ_ij + z_i z_j, N the normal of the graph and L_ij = z_ij n·N:

        ∇u = g^ij f_i X_j       D²u(X_i, X_j) = f_ij − z_ij n·∇u       D²u(N, X_i) = L_ik g^kl f_l       D²u(N, N) = 0

    as u is constant along N: ∇u·N = 0 along the surface, and ∂_i N = −L_ik g^kl X_l.
    """
    array, q = module_of(found), T.shape[1]
    rows = [found[:, 0]]
    if order > 0:
        at = {tuple(alpha): i for i, alpha in enumerate(total_degree(q, order).tolist())}
        unit = np.eye(q, dtype=int)
        f = array.stack([found[:, at[tuple(e.tolist())]] for e in unit], axis=1)  # (m, q, k)
        z = array.einsum("mqk,mk->mq", f, heights)
        X = T + z[:, :, None] * n[:, None]
        stretch = 1 + array.sum(z**2, axis=1)
        inverse = np.eye(q)[None] - z[:, :, None] * z[:, None] / stretch[:, None, None]
        dual = array.einsum("mij,mjd->mid", inverse, X)
        gradient = array.einsum("mid,mik->mdk", dual, f)
        rows += [gradient[:, int(np.argmax(alpha))] for alpha in total_degree(n.shape[1], 1)[1:]]
    if order > 1:
        second = [[found[:, at[tuple((d + e).tolist())]] for e in unit] for d in unit]
        ff = array.stack([array.stack(row, axis=1) for row in second], axis=1)  # (m, q, q, k)
        zz = array.einsum("mijk,mk->mij", ff, heights)
        N = (n - array.einsum("mi,mid->md", z, T)) / array.sqrt(stretch)[:, None]
        along = array.einsum("md,mdk->mk", n, gradient)
        within = ff - zz[..., None] * along[:, None, None]
        across = array.einsum("mij,mjl,mlk->mik", zz / array.sqrt(stretch)[:, None, None], inverse, f)
        hessian = array.einsum("mia,mijk,mjb->mabk", dual, within, dual)
        mixed = array.einsum("mia,mik,mb->mabk", dual, across, N)
        hessian = hessian + mixed + array.swapaxes(mixed, 1, 2)
        for alpha in total_degree(n.shape[1], 2).tolist():
            if sum(alpha) == 2:
                a, b = np.repeat(np.arange(len(alpha)), alpha).tolist()
                rows.append(hessian[:, a, b])
    return array.stack(rows, axis=1)
