"""Stretches shorter than the spacing, run through as one: the corners between them are too close to be nodes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from ..boundary import BoundaryCurve
from ..spacing import Spacing
from .arc_length import length
from .filling import apart
from .plane_outline import Stretch, end_points, groups

NEAREST = 0.7  # boundary nodes are left out before they come this close, in spacings
FACING = -0.2  # cosine between the normals of sides that face each other
PARTED = 1e-9  # of the size of the shape: by how much one lies beyond the other at least, across a gap
_MILD = 20.0  # degrees: corners that turn by less are kept only a whole spacing apart


class Chain(BoundaryCurve):
    """Stretches of one part, each beginning where the one before it ends, as one curve with corners."""

    def __init__(self, stretches: Sequence[Stretch]):
        self.part, self.closed = stretches[0].part, False
        self._stretches = tuple(stretches)
        lengths = [length(one) for one in stretches]
        self._breaks = np.concatenate([[0.0], np.cumsum(lengths) / np.sum(lengths)])

    def point(self, t):
        return self._each(Stretch.point, t)

    def velocity(self, t):
        piece, _ = self._locate(t)
        return self._each(Stretch.velocity, t) / np.diff(self._breaks)[piece][:, None]

    def normal(self, t):
        return self._each(Stretch.normal, t)

    def _locate(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The stretch at each t, and the parameter of that."""
        piece = np.clip(np.searchsorted(self._breaks, t, side="right") - 1, 0, len(self._stretches) - 1)
        return piece, np.clip((t - self._breaks[piece]) / np.diff(self._breaks)[piece], 0, 1)

    def _each(self, method, t: np.ndarray) -> Float[np.ndarray, "n d"]:
        piece, s = self._locate(t)
        order = np.argsort(piece, kind="stable")
        bounds = np.searchsorted(piece[order], np.arange(len(self._stretches) + 1))
        found = [method(one, s[order[a:b]]) for one, a, b in zip(self._stretches, bounds, bounds[1:], strict=False)]
        return np.concatenate(found)[np.argsort(order)]


def without_close_corners(found: Sequence[Stretch], spacing: Spacing, size: float) -> list[Stretch]:
    """The stretches, joined to chains where corners inside one part would lie closer than `NEAREST` spacings.

    Of close corners the sharpest stay; corners between parts, and where more than two stretches meet, always do. A
    smooth boundary drawn with many short edges gets nodes by arc length.
    """
    joints, fixed = _joints(found, size)
    if not len(joints):
        return list(found)
    ends = end_points(found)
    normals = np.concatenate([one.normal(np.array([0.0, 1.0])) for one in found])
    sides = np.stack([2 * joints[:, 0] + 1, 2 * joints[:, 1]], axis=1)
    X, N, F, M = ends[sides[:, 0]], normals[sides], ends[fixed[:, 0]], normals[fixed]
    turn = np.einsum("nd,nd->n", N[:, 0], N[:, 1])
    radius = np.where(turn > np.cos(np.radians(_MILD)), 1.0, NEAREST) * (1 - 1e-9) * spacing(X)
    clear, least = np.ones(len(X), dtype=bool), PARTED * size
    if len(F):
        for i, near in enumerate(cKDTree(F).query_ball_point(X, radius)):
            clear[i] = bool(np.all(across_gap(X[i], N[i], F[near], M[near], least)))
    order = np.flatnonzero(clear)
    order = order[np.argsort(np.round(turn[order], 9), kind="stable")]

    def parted(i, others):
        i, others = order[i], order[others]
        return across_gap(X[i], N[i], X[others], N[others], least)

    kept = order[apart(X[order], radius[order], X[:0], parted)]
    following = {int(i): int(j) for i, j in np.delete(joints, kept, axis=0)}
    return [_chain([found[i] for i in run]) for run in _runs(following, len(found))]


def across_gap(
    x: Float[np.ndarray, " d"],
    n: Float[np.ndarray, "s d"],
    Y: Float[np.ndarray, "k d"],
    N: Float[np.ndarray, "k s d"],
    least: float,
) -> Bool[np.ndarray, " k"]:
    """Which Y, where sides with normals N meet, lie across a gap outside of the shape from x with normals n.

    One side of each must face the other, and lie beyond it by more than `least`.
    """
    facing = np.einsum("sd,ktd->kst", n, N) < FACING
    beyond = ((Y - x) @ n.T > least)[:, :, None] & (np.einsum("kd,ktd->kt", x - Y, N) > least)[:, None]
    return np.any(facing & beyond, axis=(1, 2))


def _joints(found: Sequence[Stretch], size: float) -> tuple[Int[np.ndarray, "k 2"], Int[np.ndarray, "m 2"]]:
    """Where only two stretches of one part meet, one beginning as the other ends; and two ends of all other places."""
    ends = end_points(found)
    joints, fixed = [], []
    for group in groups(ends, 1e-6 * size):
        i, j = group[group % 2 == 1] // 2, group[group % 2 == 0] // 2
        if len(i) == len(j) == 1 and _continues(found[i[0]], found[j[0]]):
            joints.append((i[0], j[0]))
        elif not found[group[0] // 2].closed:
            fixed.append((group[0], group[-1]))
    return np.array(joints, dtype=int).reshape(-1, 2), np.array(fixed, dtype=int).reshape(-1, 2)


def _continues(one: Stretch, other: Stretch) -> bool:
    return one is not other and one.part == other.part and one.sign == other.sign


def _runs(following: dict[int, int], count: int) -> list[list[int]]:
    """Numbers 0 ... count − 1 in runs along `following`; a cycle is cut open at its first member."""
    begins = set(range(count)) - set(following.values())
    runs, seen = [], set()
    for start in [*sorted(begins), *range(count)]:
        run = []
        while start is not None and start not in seen:
            seen.add(start)
            run.append(start)
            start = following.get(start)
        if run:
            runs.append(run)
    return sorted(runs)


def _chain(stretches: list[Stretch]) -> Stretch:
    return stretches[0] if len(stretches) == 1 else Stretch(Chain(stretches), 0.0, 1.0)
