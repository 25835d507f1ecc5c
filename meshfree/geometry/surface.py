"""The boundary of a shape as a domain of its own: a closed curve in the plane, a closed surface in space."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from ..internal.expected import INTEGER, NUMBER, SEED, came, expects
from . import kept_clouds
from .cloud import Cloud
from .domain import Domain, NoRoomError
from .low_discrepancy import sobol
from .nodes import domain_nodes
from .nodes.plane_outline import Stretch, flips
from .nodes.space_nodes import Surface as Patches
from .periods import repeating
from .quadrature import rule
from .spacing import Spacing, check_count

_GAUSS = 64  # points along each side of the square that a smooth patch is the image of
_AGREE = 1e-9  # of the size: two rules that are so near on low moments tell a smooth patch
_SOBOL = 2**17  # points of each patch otherwise
_PANELS = 32  # of a curve, each with _ON_PANEL points
_ON_PANEL = 16
_LOOKED_AT = 4096  # points at which a function's spacing is looked at before any work, and the nodes around after it
_TRIALS = 1000  # batches of random points, none of them on the surface of the whole
_BESIDE = 12  # nodes that are looked at there
_BARE = 2.0  # spacings to the nearest node on the same side: then there is none


@dataclass(frozen=True)
class Surface(Domain):
    """The closed boundary of `shape`, without its inside: of dimension d − 1 in a space of d dimensions, 2 or 3.

    On it a function u is meant to be constant along the normals. Then `mf.laplacian(u)` is the Laplace–Beltrami
    operator, `mf.gradient(u)` the gradient within the surface and `mf.divergence` that of the surface for tangential
    fields, so that residuals are written as elsewhere. (Of a function of x that is not constant along the normals,
    such as an exact solution in `mf.manufactured`, they are not: give it as function of the nearest point.)

    The nodes of its clouds are all `interior`, with the normals of the shape in `cloud.surface_normals`; a surface has
    no boundary parts, and a problem on it no conditions. `volume` is its area, or length.

    Raises TypeError for what is no shape, and ValueError for shapes whose boundary is no closed curve or surface:
    intervals and periodic shapes. `cloud` raises ValueError where the boundary has sharp edges or corners, at which
    there is no normal.
    """

    shape: Any  # a Domain, which __post_init__ checks

    def __post_init__(self):
        if not isinstance(self.shape, Domain):
            raise TypeError(
                f"a Surface is the boundary of a meshfree shape, mf.Surface(mf.Ball()); got {came(self.shape)}"
            )
        if self.shape.manifold_dim < self.shape.dim:
            raise ValueError(f"{self.shape} is a surface already, and closed: it has no boundary")
        if self.shape.dim == 1:
            raise ValueError(
                f"the boundary of {self.shape} is a set of points; a Surface is a closed curve in the plane or a "
                "closed surface in space: give a shape in 2 or 3 dimensions"
            )
        if len(repeating(self.shape.periods)):
            raise ValueError(
                f"{self.shape} is periodic: its boundary runs into the next period and is not closed. Give a shape "
                "that does not repeat"
            )

    @property
    def dim(self):
        return self.shape.dim

    @property
    def manifold_dim(self):
        return self.shape.dim - 1

    @property
    def exact(self):
        return self.shape.exact

    @property
    def bounds(self):
        return self.shape.bounds

    @property
    def leaves(self):
        return (self,)

    @property
    def body(self):
        return self.shape

    @property
    def pieces(self):
        return self.shape.pieces

    @property
    def edges(self):
        return self.shape.edges

    @property
    def part_names(self):
        return ()

    @property
    def outline(self):
        return self.shape.outline

    @cached_property
    def volume(self):
        """Its area in space, its length in the plane."""
        return float(rule(self)[1].sum())

    def distance(self, X):
        return np.abs(self.shape.distance(X))

    def moved(self, motion):
        return Surface(self.shape.moved(motion))

    def clustering(self, spacing, strength) -> NoReturn:
        raise ValueError("a surface has no boundary to draw nodes towards: leave out cluster=")

    @expects(seed=SEED, cluster=NUMBER, interior=str)
    def cloud(self, spacing, *, seed=0, cluster=0.0, interior="quasi-uniform", at=None) -> Cloud:
        """Quasi-uniform nodes on the surface, all of them `interior`, with unit normals in `surface_normals`.

        `spacing`, `seed` and `at` as in `Domain.cloud`; the nodes are placed as those on the boundary of the shape.
        `cluster` has no effect, as there is no boundary to draw nodes towards, and `interior` is "quasi-uniform".
        Raises ValueError for a spacing that is not positive or too large, and where the shape has sharp edges or
        corners, which are not in the tangent plane of any point.
        """
        if not 0 <= cluster <= 1:
            raise ValueError(f"cluster must lie in [0, 1], got {cluster}; on a surface it has no effect")
        if interior != "quasi-uniform":
            raise ValueError(f'the nodes of a surface are interior="quasi-uniform", got {interior!r}')
        wanted = Spacing(spacing, None if at is None else self._read_spots(at))
        self._refuse_uncoverable(wanted)
        key = kept_clouds.key_of(self, wanted, seed, 0.0, "surface")
        cloud = kept_clouds.found(key)
        if cloud is not None:
            return cloud
        border = domain_nodes.boundary_nodes(self.shape, wanted, np.random.default_rng(seed), thin=True)
        points, normals, sides = (np.concatenate(arrays) for arrays in zip(*border.values(), strict=True))
        sharp = np.flatnonzero(np.abs(normals - sides).max(axis=1) > 1e-6)
        if len(sharp):
            place = ", ".join(f"{one:.4g}" for one in points[sharp[0]])
            raise ValueError(
                f"the boundary of {self.shape} has sharp edges or corners, as at ({place}): a Surface needs a tangent "
                "plane everywhere. Use a smooth shape, such as mf.Ball, mf.Torus, mf.Capsule, mf.Ellipse, mf.Curve or "
                "mf.SignedDistance"
            )
        self._check_covered(points, normals, wanted)
        cloud = Cloud(interior=(points, normals), domain=self)
        kept_clouds.keep(key, cloud)
        return cloud

    def _refuse_uncoverable(self, spacing: Spacing) -> None:
        self.shape._refuse_empty()
        lower, upper = self.bounds
        if spacing.constant is None:
            check_count(self.volume / np.median(spacing(self.sample(_LOOKED_AT))) ** self.manifold_dim)
            return
        if spacing.constant >= np.max(upper - lower) / 2:
            raise NoRoomError(
                f"spacing={spacing.constant:g} is too large for the surface of {self.shape}, of size "
                f"{' x '.join(f'{side:g}' for side in upper - lower)}; use a smaller one"
            )
        check_count(self.volume / spacing.constant**self.manifold_dim)

    def _check_covered(self, X: np.ndarray, N: np.ndarray, spacing: Spacing) -> None:
        """ValueError where one side of a thin body has no nodes, as those of the other are in their place."""
        Y, M = self._random(min(4 * len(X), _LOOKED_AT), np.random.default_rng(0))
        gaps, near = (found.reshape(len(Y), -1) for found in cKDTree(X).query(Y, min(_BESIDE, len(X))))
        gaps = np.where(np.einsum("nkd,nd->nk", N[near], M) > 0, gaps, np.inf).min(axis=1)
        bare = np.flatnonzero(gaps > _BARE * spacing(Y))
        if len(bare):
            place = ", ".join(f"{one:.4g}" for one in Y[bare[0]])
            raise ValueError(
                f"at ({place}) the surface of {self.shape} has no node of its own: the shape is thinner there than the "
                f"spacing, {spacing(Y[bare[:1]])[0]:.3g}, or turns within it. Use a spacing below its thickness"
            )

    @expects(n=INTEGER, seed=SEED)
    def sample(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n independent random points, uniform on the surface."""
        if n < 0:
            raise ValueError(f"n is the number of points, at least 0; got {n}")
        return self._random(n, np.random.default_rng(seed))[0]

    def _random(self, n: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
        """Random points of the surface, and the normals there."""
        self.shape._refuse_empty()
        sizes = [_length(one) for one in self.outline] if self.dim == 2 else [patch.area for _, patch in self._patches]
        shares, found, count = np.array(sizes) / np.sum(sizes), [np.empty((0, 2 * self.dim))], 0
        tried = 0
        while count < n:
            tried += 1
            if tried > _TRIALS * (count + 1):
                raise ValueError(
                    f"the surface of {self.shape} is empty, or all but empty; check how its shapes overlap"
                )
            of = rng.choice(len(sizes), max(n - count, 64), p=shares)
            drawn = [self._drawn(k, int(np.sum(of == k)), rng) for k in range(len(sizes))]
            rows = np.concatenate([np.concatenate(pair, axis=1) for pair in drawn])
            found.append(rows[rng.permutation(len(rows))])
            count += len(rows)
        points, normals = np.split(np.concatenate(found)[:n], 2, axis=1)
        return points, normals

    def _drawn(self, number: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Random points of a piece and their normals, without those that are not on the boundary of the whole."""
        if self.dim == 2:
            one = self.outline[number]
            s, way = _travelled(one)
            at = np.interp(rng.random(count) * way[-1], way, s)
            return one.point(at), one.normal(at)
        patch = self._patches[number][1]
        X = patch.at(rng.random((count, 2)))
        X = X[self._shown(number, X)]
        N = patch.normal(X)
        return X, flips(self.shape, X, N)[:, None] * N

    @property
    def _patches(self) -> tuple:
        return self._surface.patches

    @cached_property
    def _surface(self) -> Patches:
        return Patches.of(self.shape, self.shape.part_names)

    def _shown(self, number: int, X: Float[np.ndarray, "m 3"]) -> np.ndarray:
        """Which points of a patch are on the surface of the whole, and not on an earlier patch too."""
        leaf, patch = self._patches[number]
        shown = flips(self.shape, X, patch.normal(X)) != 0
        for other, earlier in self._patches[:number]:
            if other != leaf:
                shown[shown] = ~self._surface.on(earlier, X[shown])
        return shown

    def quadrature(self):
        """Points of the surface (m, d) and weights (m,), whose sums are integrals over it.

        Gauss rules on panels of curves, and on the patches of a smooth shape, exact to round-off for smooth functions;
        on combined shapes and triangles 2¹⁷ Sobol points of each patch, to 1e-3 or better.
        """
        if self.dim == 2:
            rules = [_on_curve(one) for one in self.outline]
        else:
            rules = [self._on_patch(number) for number in range(len(self._patches))]
        return np.concatenate([X for X, _ in rules]), np.concatenate([w for _, w in rules])

    def _on_patch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        patch = self._patches[number][1]
        if len(self.shape.leaves) == 1:
            (X, w), (Y, v) = (_gauss_of(patch, count) for count in (_GAUSS, _GAUSS - 17))
            moments = [np.concatenate([a @ P, a @ P**2]) for P, a in ((X, w), (Y, v))]
            size = patch.area * max(np.abs(X).max(), np.abs(X).max() ** 2)
            if np.abs(moments[0] - moments[1]).max() <= _AGREE * size:
                return X, w
        X = patch.at(sobol(_SOBOL, 2))
        shown = self._shown(number, X)
        return X[shown], np.full(np.sum(shown), patch.area / _SOBOL)


def _gauss_of(patch, count: int) -> tuple[np.ndarray, np.ndarray]:
    t, w = np.polynomial.legendre.leggauss(count)
    t, w = (t + 1) / 2, w / 2
    U = np.stack([axis.ravel() for axis in np.meshgrid(t, t, indexing="ij")], axis=-1)
    return patch.at(U), patch.area * np.multiply.outer(w, w).ravel()


def _on_curve(one: Stretch) -> tuple[np.ndarray, np.ndarray]:
    t, w = np.polynomial.legendre.leggauss(_ON_PANEL)
    s = ((np.arange(_PANELS)[:, None] + (t + 1) / 2) / _PANELS).ravel()
    return one.point(s), np.tile(w / 2 / _PANELS, _PANELS) * np.linalg.norm(one.velocity(s), axis=1)


def _travelled(one: Stretch) -> tuple[np.ndarray, np.ndarray]:
    """Parameters along a curve, and the way to each."""
    s = np.linspace(0, 1, 4097)
    return s, np.append(0.0, np.cumsum(np.linalg.norm(np.diff(one.point(s), axis=0), axis=1)))


def _length(one: Stretch) -> float:
    return float(_travelled(one)[1][-1])
