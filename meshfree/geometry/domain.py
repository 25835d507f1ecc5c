"""Domains and their algebra: what every shape can do, and `a | b`, `a & b`, `a - b`."""

import itertools
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..internal.expected import NUMBER, SEED, expects
from . import kept_clouds, motions
from .boundary import End, bounding_box
from .cloud import Cloud
from .low_discrepancy import sobol
from .motions import Motion, MovedCurve, MovedPatch
from .nodes import domain_nodes, plane_nodes, plane_outline, space_nodes
from .nodes.narrow_places import warn_of_narrow_places
from .nodes.periodic_surface import joined_parts, turned_parts
from .nodes.plane_nodes import Nodes
from .periods import repeating, wrapped
from .shape import Shape, as_points
from .spacing import Spacing, check_count
from .visibility import Walls, sees_by_distance, sees_past_walls

_LOOKED_AT = 64  # points at which a function's spacing is looked at before any work
_PAIRS = 2**22  # of a point and a member of a union that are looked at together


class NoRoomError(ValueError):
    """A spacing too coarse for any interior node."""


class Domain(Shape):
    """A bounded shape in 1, 2 or 3 dimensions with a named boundary: a `Shape` that makes clouds, moves and combines.

    Immutable and compared by value, so that it can be a static field of a jitted pytree. A new primitive
    is a frozen dataclass that gives `dim`, `bounds`, `volume`, `distance`, `leaves`, `pieces`, `edges` and
    `clustering`; sampling, clouds and the algebra of shapes follow.
    """

    @abstractmethod
    def clustering(self, spacing: Spacing, strength: float) -> tuple[Spacing, Callable]:
        """How nodes are drawn towards the boundary: the spacing to place them with, a map to move them by."""

    def surface_nodes(self, spacing: Spacing, rng: np.random.Generator) -> Nodes:
        """Nodes on the boundary of a shape in space that repeats."""
        raise NotImplementedError

    @cached_property
    def outline(self) -> tuple:
        if self.dim == 3:
            return ()
        return tuple(plane_nodes.ends(self) if self.dim == 1 else plane_outline.stretches(self))

    @cached_property
    def part_names(self) -> tuple[str, ...]:
        if self.dim == 3:
            return space_nodes.part_names(self)
        return tuple(dict.fromkeys(piece.part for piece in self.outline))

    def sees(self, A, B) -> np.ndarray:
        """Which of the straight lines from points A (n, d) to points B (n, d) of the domain do not cross its boundary.

        What runs along a curved boundary, a little outside of it, does not count; see `visibility`.
        """
        A, B = as_points(A, self.dim), as_points(B, self.dim)
        walls = self.walls
        return sees_by_distance(self, A, B) if walls is None else sees_past_walls(walls, A, B)

    @cached_property
    def walls(self) -> Walls | None:
        """Segments or triangles that make up the boundary; None where it is known by its distance only."""
        known = self.dim == 2 and self.outline and not len(repeating(self.periods))  # lines go on beyond a seam
        return Walls.of_outline(self.outline, self.extent) if known else None

    @expects(seed=SEED, cluster=NUMBER, interior=str)
    def cloud(
        self,
        spacing,
        *,
        seed=0,
        cluster=0.0,
        interior="quasi-uniform",
        at=None,
    ) -> Cloud:
        """Quasi-uniform nodes inside and on the boundary, parts named, corners kept.

        - `spacing`: the typical nearest-neighbour distance h, a number or a function of one point x
          (graded nodes). In 2-D, volume/h² to 1.16 times that many interior nodes; good values: a tenth to
          a hundredth of the size of the domain.
        - `seed`: the interior nodes differ from seed to seed, and are the same for the same seed.
        - `cluster`: 0 to 1, draws nodes towards the boundary. Intervals, boxes (each coordinate mapped to
          [-1, 1]) and balls (the radius to [0, 1]) map t -> (1 - c) t + c sin(pi t / 2), at 1 as Chebyshev
          nodes; other domains shrink the spacing, see `clustering`.
        - `at`: points (k, d) at which a spacing function is fine in a spot of less than about a hundredth of the
          domain; larger ones are found without.
        - `interior`: "quasi-uniform"; "halton" or "random" for Halton (scrambled by the seed) or
          independent random interior nodes, volume/h^d of them.

        Clouds of one spacing are kept for the time of the process, for shapes without functions: the same call gives
        the same cloud at once, in arrays of its own.

        A corner is one node, in the first of the adjoining parts, its normal the normalised mean of
        theirs. Raises ValueError for an empty domain, a spacing that is not positive or too large for the
        domain, a `cluster` outside [0, 1], an unknown `interior`. Warns, with the place, where two sides that face
        each other are less than two spacings apart.
        """
        if not 0 <= cluster <= 1:
            raise ValueError(f"cluster must lie in [0, 1] (0: uniform, 1: Chebyshev-like), got {cluster}")
        if interior not in domain_nodes.INTERIORS:
            allowed = ", ".join(map(repr, domain_nodes.INTERIORS))
            raise ValueError(f"interior must be one of {allowed}, got {interior!r}")
        wanted = Spacing(spacing, None if at is None else self._read_spots(at)).repeated(self.bounds[0], self.periods)
        self._refuse_unfillable(wanted)
        key = kept_clouds.key_of(self, wanted, seed, cluster, interior)
        cloud = kept_clouds.found(key)
        if cloud is not None:
            return cloud
        rng = np.random.default_rng(seed)
        local, moved = self.clustering(wanted, cluster) if cluster else (wanted, np.copy)
        border = domain_nodes.boundary_nodes(self, local, rng)
        X = domain_nodes.interior_nodes(self, local, border, interior, rng)
        if len(X) == 0:
            raise self._too_coarse(spacing)
        warned = warn_of_narrow_places(self, local, border)
        cloud = Cloud(
            interior=moved(X),
            domain=self,
            **{part: (moved(found.points), *found[1:]) for part, found in border.items()},
        )
        if not warned:  # which the next call is to do too
            kept_clouds.keep(key, cloud)
        return cloud

    def _read_spots(self, at) -> np.ndarray:
        try:
            found = as_points(at, self.dim)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"at= is a list of points, [(x, y), ...], with {self.dim} coordinates each: {error}"
            ) from None
        if not np.isfinite(found).all():
            raise ValueError(f"at= holds NaN or infinity: {found[~np.isfinite(found).all(axis=1)][0].tolist()}")
        return found

    def _refuse_unfillable(self, spacing: Spacing) -> None:
        self._refuse_empty()
        lower, upper = self.bounds
        if spacing.constant is not None and spacing.constant >= np.max(upper - lower):
            raise self._too_coarse(spacing.constant)
        if spacing.constant is not None:
            check_count(self.volume / spacing.constant**self.dim)
            return
        X = lower + np.random.default_rng(0).random((_LOOKED_AT, self.dim)) * (upper - lower)
        X = X[self.contains(X)]
        if len(X):  # the median: where it is fine in spots only, the placement counts
            check_count(self.volume / np.median(spacing(X)) ** self.dim)

    def _too_coarse(self, spacing) -> "NoRoomError":
        lower, upper = self.bounds
        size = " x ".join(f"{side:g}" for side in upper - lower)
        return NoRoomError(
            f"spacing={spacing} leaves no room for interior nodes in {self} of size {size}; use a smaller one"
        )

    def translate(self, vector) -> "Domain":
        """The same shape, moved by a vector (d,)."""
        return self.moved(motions.translation(type(self).__name__, self.dim, vector))

    def rotate(self, angle, center=None, axis=None) -> "Domain":
        """The same shape, turned by an angle in radians; parts keep their names.

        In the plane counter-clockwise about `center`, the origin by default; in space about an `axis` (3,) through
        `center`, by the right-hand rule, the z axis by default. Raises ValueError on the line, for an axis in the plane
        or of length zero.
        """
        return self.moved(motions.rotation(type(self).__name__, self.dim, angle, center, axis))

    def scale(self, factor, center=None) -> "Domain":
        """The same shape, `factor` > 0 times as large, `center` (the origin by default) staying where it is.

        On the line and in the plane `factor` may be one number for each axis. A shape that is neither a Box, a Polygon
        nor an Ellipse then has a `distance` that is a bound: of the right sign, and nowhere larger than the true one.
        Raises ValueError for factors that are not positive, and several in space.
        """
        return self.moved(motions.scaling(type(self).__name__, self.dim, factor, center))

    def moved(self, motion: Motion) -> "Domain":
        """The shape after a motion, of the same class where that is possible."""
        return Moved(self, motion)

    def __or__(self, other) -> "Union":
        return Union(self, other)

    def __and__(self, other) -> "Intersection":
        return Intersection(self, other)

    def __sub__(self, other) -> "Difference":
        return Difference(self, other)


class Primitive(Domain):
    """A shape that is not made of others; in space without sharp edges, unless its class has some. Abstract."""

    @property
    def edges(self):
        return ()

    @property
    def leaves(self):
        return (self,)

    def clustering(self, spacing, strength):
        return domain_nodes.shrunk_towards_boundary(self, spacing, strength)


@dataclass(frozen=True)
class Moved(Domain):
    """A primitive shape after a motion; see `Domain.translate`, `rotate` and `scale`, which make it."""

    shape: Domain
    motion: Motion

    @property
    def dim(self):
        return self.shape.dim

    @property
    def exact(self):
        return self.shape.exact and self.motion.similar

    @cached_property
    def bounds(self):
        if self.dim == 2:
            return bounding_box(self.pieces)
        corners = self.motion(np.array(list(itertools.product(*zip(*self.shape.bounds, strict=True)))))
        return corners.min(axis=0), corners.max(axis=0)

    @property
    def volume(self):
        return float(np.prod(self.motion.factors)) * self.shape.volume

    @property
    def leaves(self):
        return (self,)

    @cached_property
    def pieces(self):
        kind = MovedPatch if self.dim == 3 else MovedCurve
        return tuple(kind.of(piece, self.motion) for piece in self.shape.pieces)

    @cached_property
    def edges(self):
        return tuple(MovedCurve.of(edge, self.motion) for edge in self.shape.edges)

    def distance(self, X):
        return self.motion.factor * self.shape.distance(self.motion.back(as_points(X, self.dim)))

    def contains(self, X):
        # Some shapes know faster than their distance; but far from the origin rounding errors have grown.
        if self.round_off > 2 * self.motion.factor * self.shape.round_off:
            return self.distance(X) <= self.round_off
        return self.shape.contains(self.motion.back(as_points(X, self.dim)))

    def clustering(self, spacing, strength):
        return domain_nodes.shrunk_towards_boundary(self, spacing, strength)

    def moved(self, motion):
        return self.shape.moved(motion.after(self.motion))


# --------------------------------------------------------------------------------- the algebra of shapes


@dataclass(frozen=True)
class _Combination(Domain):
    """Two domains made into one; abstract.

    `distance` is a bound: of the right sign, zero on the boundary (and where boundaries coincide inside a
    union), nowhere larger than the true distance. `volume` is exact to round-off on the line and nearly so
    in the plane (an integral around the boundary), good to about 1e-3 in space (65 536 Sobol points).
    """

    left: Any  # Domains, which __post_init__ checks
    right: Any

    def __post_init__(self):
        for side in (self.left, self.right):
            if not isinstance(side, Domain):
                raise TypeError(f"shapes combine with shapes, got {type(side).__name__}")
            if side.manifold_dim < side.dim:
                raise TypeError("surfaces do not combine: combine the shapes first, mf.Surface(a | b)")
            if len(repeating(side.periods)) and not (isinstance(self, Difference) and side is self.left):
                raise ValueError(
                    f"{side} is periodic; it may only have another shape taken out, {type(side).__name__}"
                    "(..., periodic=...) - shape: combine the shapes that are not periodic first"
                )
        if self.left.dim != self.right.dim:
            raise ValueError(
                f"shapes combine in the same dimension, got {self.left} in {self.left.dim}-D and "
                f"{self.right} in {self.right.dim}-D"
            )

    @property
    def exact(self):
        return False

    @property
    def dim(self):
        return self.left.dim

    def moved(self, motion):
        return type(self)(self.left.moved(motion), self.right.moved(motion))

    @cached_property
    def leaves(self):
        return self.left.leaves + self.right.leaves

    @property
    def pieces(self):
        return tuple(piece for leaf in self.leaves for piece in leaf.pieces)

    @property
    def edges(self):
        return tuple(edge for leaf in self.leaves for edge in leaf.edges)

    @cached_property
    def volume(self):
        if self.dim == 1:
            return float(sum(b - a for a, b in plane_nodes.gaps(self, self.outline)))
        if self.dim == 2:
            return plane_outline.enclosed_area(self.outline)
        return sampled_volume(self)

    def clustering(self, spacing, strength):
        return domain_nodes.shrunk_towards_boundary(self, spacing, strength)


def sampled_volume(domain: Domain) -> float:
    """The volume of a domain, good to about 1e-3, from the share of 65 536 Sobol points of its box that it contains."""
    lower, upper = domain.bounds
    if not np.all(lower < upper):
        return 0.0
    U = sobol(2**16, domain.dim)
    return float(_holds(domain, lower + U * (upper - lower)).mean() * np.prod(upper - lower))


def _holds(domain: Domain, X: np.ndarray) -> np.ndarray:
    """Which points a domain contains, asked of its primitives: some know that faster than their distance."""
    if not isinstance(domain, _Combination):
        return domain.contains(X)
    left, right = _holds(domain.left, X), _holds(domain.right, X)
    if isinstance(domain, Union):
        return left | right
    return left & (right if isinstance(domain, Intersection) else ~right)


class Union(_Combination):
    """What lies in either of two domains: `left | right`."""

    @cached_property
    def bounds(self):
        (a, b), (c, d) = self.left.bounds, self.right.bounds
        return np.minimum(a, c), np.maximum(b, d)

    def contains(self, X):
        return _within(self, as_points(X, self.dim), self.round_off)

    def distance(self, X):
        X = as_points(X, self.dim)
        step = max(_PAIRS // len(self._members), 1)
        return np.concatenate([self._nearest(X[start : start + step]) for start in range(0, max(len(X), 1), step)])

    @cached_property
    def _members(self) -> tuple[Domain, ...]:
        """The domains that it is the union of, none of them a union."""
        sides = (side._members if isinstance(side, Union) else (side,) for side in (self.left, self.right))
        return tuple(itertools.chain(*sides))

    def _nearest(self, X: np.ndarray) -> np.ndarray:
        """The least of the members' distances; a member is asked only where its box is nearer than what is known."""
        lower, upper = (np.stack(ends) for ends in zip(*(member.bounds for member in self._members), strict=True))
        outside = np.maximum(np.maximum(lower[:, None] - X, X - upper[:, None]), 0.0)
        to_box = np.sqrt(np.sum(outside**2, axis=2))  # (members, points)
        first, found = np.argmin(to_box, axis=0), np.full(len(X), np.inf)
        for asked_first in (True, False):
            for k, member in enumerate(self._members):
                asked = first == k if asked_first else (first != k) & (to_box[k] <= found)
                if asked.any():
                    found[asked] = np.minimum(found[asked], member.distance(X[asked]))
        return found


def _within(domain: Domain, X: np.ndarray, tolerance: float) -> np.ndarray:
    """Which points lie in a domain or nearer to it than the tolerance; unions ask those sides only that are near."""
    lower, upper = domain.bounds
    near = np.flatnonzero(np.all((lower - tolerance <= X) & (X <= upper + tolerance), axis=1))
    found = np.zeros(len(X), dtype=bool)
    if not len(near):
        return found
    if isinstance(domain, Union):
        found[near] = _within(domain.left, X[near], tolerance)
        rest = near[~found[near]]
        found[rest] = _within(domain.right, X[rest], tolerance)
        return found
    found[near] = domain.contains(X[near])
    rest = near[~found[near]]
    found[rest] = domain.distance(X[rest]) <= tolerance
    return found


class Intersection(_Combination):
    """What lies in both of two domains: `left & right`."""

    @property
    def bounds(self):
        (a, b), (c, d) = self.left.bounds, self.right.bounds
        return np.maximum(a, c), np.minimum(b, d)

    def distance(self, X):
        return np.maximum(self.left.distance(X), self.right.distance(X))


class Difference(_Combination):
    """What lies in one domain and not in another: `left - right`; normals there point into `right`."""

    def __post_init__(self):
        super().__post_init__()
        axes = repeating(self.left.periods)
        if not len(axes):
            return
        (a, b), (c, d) = self.left.bounds, self.right.bounds
        if not (np.all(a < c) and np.all(d < b) and self._is_inside()):
            raise ValueError(
                f"{self.right} does not lie strictly inside of {self.left}, which is periodic: what is taken out of a "
                "periodic shape touches neither its sides, nor the seam where it repeats, nor another hole; move it, "
                "or combine the holes first, box - (hole | hole)"
            )

    def _is_inside(self) -> bool:
        """Whether what is taken out touches no earlier hole, judged on points of its boundary."""
        if not isinstance(self.left, Difference):
            return True
        border = domain_nodes.boundary_nodes(self.right, Spacing(self.right.extent / 32), np.random.default_rng(0))
        X = np.concatenate([part.points for part in border.values()])
        return bool(np.all(self.left.distance(X) < 0) and not self.right.contains(self.left.right.sample(100)).any())

    @property
    def exact(self):  # what is taken out of a periodic shape lies inside of it
        return bool(len(repeating(self.periods))) and self.left.exact and self.right.exact

    @property
    def periods(self):
        return self.left.periods

    @property
    def periodic_sides(self):
        return tuple(side for side in self.left.periodic_sides if side not in self.part_names)

    @property
    def unrolled(self):
        return self.left.unrolled - self.right if len(repeating(self.periods)) else self

    @cached_property
    def volume(self):
        if not len(repeating(self.periods)):
            return super().volume
        return self.left.volume - self.right.volume

    @cached_property
    def outline(self):
        if not len(repeating(self.periods)) or self.dim == 3:
            return super().outline
        return self.left.outline + tuple(_turned(one) for one in self.right.outline)

    def surface_nodes(self, spacing, rng):
        return joined_parts(
            domain_nodes.boundary_nodes(self.left, spacing, rng),
            turned_parts(domain_nodes.boundary_nodes(self.right, spacing, rng)),
        )

    @property
    def bounds(self):
        return self.left.bounds

    def contains(self, X):
        X = as_points(X, self.dim)
        if not len(repeating(self.periods)):
            return super().contains(X)
        return self.distance(X) <= self.round_off

    def distance(self, X):
        X = as_points(X, self.dim)
        axes = repeating(self.periods)
        if not len(axes):
            return np.maximum(self.left.distance(X), -self.right.distance(X))
        found = self.left.distance(X)
        inside = wrapped(X, self.bounds[0], self.periods)
        for turns in itertools.product((0, -1, 1), repeat=len(axes)):
            shift = np.zeros(self.dim)
            shift[axes] = turns * self.periods[axes]
            found = np.maximum(found, -self.right.distance(inside + shift))
        return found


def _turned(one: Any) -> Any:
    """The end or the stretch of a hole's boundary, the domain on its other side."""
    if isinstance(one, End):
        return replace(one, normal=-one.normal)
    return replace(one, sign=-one.sign)
