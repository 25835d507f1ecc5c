"""What the placement of nodes asks of a shape."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from ..internal.expected import INTEGER, SEED, expects
from .boundary import BoundaryCurve
from .low_discrepancy import sobol_rule


class Shape(ABC):
    """A bounded set of points in 1, 2 or 3 dimensions, made of one or more primitive shapes; abstract.

    It stands below the placement of nodes, which is written for it alone, and `Domain` above, which adds what needs
    nodes: `cloud`, and the algebra whose volumes are integrals around outlines. As one class, shapes and nodes would
    import each other.
    """

    @property
    def exact(self) -> bool:
        """Whether `distance` is the distance itself, and not a bound."""
        return True

    @property
    @abstractmethod
    def dim(self) -> int:
        """The dimension d of space."""

    @property
    def manifold_dim(self) -> int:
        """The dimension of the shape itself: that of space but for the surface of a shape, whose is one less."""
        return self.dim

    @property
    @abstractmethod
    def bounds(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """Lower and upper corner of the bounding box."""

    @property
    @abstractmethod
    def volume(self) -> float:
        """Length, area or volume."""

    @abstractmethod
    def distance(self, X: ArrayLike) -> Float[np.ndarray, " n"]:
        """Signed distance of points (n, d) to the boundary, negative inside."""

    @property
    @abstractmethod
    def leaves(self) -> "tuple[Shape, ...]":
        """The primitive shapes it is made of; itself for a primitive."""

    @property
    @abstractmethod
    def pieces(self) -> tuple:
        """The boundaries of the primitives: `End`s, `BoundaryCurve`s or `BoundaryPatch`es, by dimension."""

    @property
    @abstractmethod
    def edges(self) -> tuple[BoundaryCurve, ...]:
        """The sharp edges of primitives in space, corners being their ends; otherwise empty."""

    @property
    @abstractmethod
    def part_names(self) -> tuple[str, ...]:
        """Names of the boundary's parts, in the order in which a cloud lists them."""

    @property
    def periods(self) -> Float[np.ndarray, " d"]:
        """The length after which the shape repeats along each axis, infinite along those where it does not."""
        return np.full(self.dim, np.inf)

    @property
    def periodic_sides(self) -> tuple[str, ...]:
        """The names that its sides would have along the axes where it repeats: there are none."""
        return ()

    @property
    def unrolled(self) -> "Shape":
        """The shape cut open where it repeats, with sides there."""
        return self

    @property
    def body(self) -> "Shape":
        """What is drawn: the shape; of the surface of a shape that shape."""
        return self

    @property
    @abstractmethod
    def outline(self) -> tuple:
        """The boundary of the whole: `End`s on the line, `Stretch`es in the plane; empty in space."""

    def contains(self, X: ArrayLike) -> Bool[np.ndarray, " n"]:
        """Which of the points (n, d) lie inside or, up to round-off, on the boundary."""
        return self.distance(X) <= self.round_off

    @cached_property
    def extent(self) -> float:
        """The longest side of the bounding boxes of the primitives."""
        return float(max(np.max(upper - lower) for lower, upper in (leaf.bounds for leaf in self.leaves)))

    @cached_property
    def round_off(self) -> float:
        """Distances up to this, some 50 rounding errors of the largest coordinate, count as zero."""
        return 1e-14 * float(max(np.max(np.abs(leaf.bounds)) for leaf in self.leaves) + self.extent)

    def quadrature(self) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
        """Points of the shape (m, d) and weights (m,), whose sums are integrals over it."""
        return sobol_rule(*self.bounds, self.contains)

    @expects(n=INTEGER, seed=SEED)
    def sample(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n independent random points, uniform in the interior.

        Raises ValueError for a shape that is empty, or fills less than a millionth of its bounding box.
        """
        if n < 0:
            raise ValueError(f"n is the number of points, at least 0; got {n}")
        rng = np.random.default_rng(seed)
        found = [np.empty((0, self.dim))]
        hits = tried = 0
        while hits < n:
            self._refuse_empty(hits, tried)
            batch = int(np.clip(1.2 * n * tried / max(hits, 1), max(n, 4096), 2**20))
            X = _uniform(*self.bounds, batch, rng)
            found.append(X[self.contains(X)])
            hits, tried = hits + len(found[-1]), tried + batch
        return np.concatenate(found)[:n]

    def _refuse_empty(self, hits: int = 0, tried: int = 0) -> None:
        """ValueError where the bounding box or the boundary is empty, or random points do not hit."""
        lower, upper = self.bounds
        unbounded = np.all(np.isfinite(self.periods))
        if np.any(lower >= upper) or not (self.part_names or unbounded) or tried > 1e6 * (hits + 1):
            raise ValueError(f"{self} is empty, or all but empty; check how its shapes overlap")


def as_points(X: ArrayLike, dim: int) -> Float[np.ndarray, "n d"]:
    """Points (n, d) as float64; on the line (n,) means n points. ValueError for other shapes."""
    points = np.asarray(X, dtype=np.float64)
    if dim == 1 and points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != dim:
        raise ValueError(f"expected points of shape (n, {dim}), one per row, got shape {np.shape(X)}")
    return points


def _uniform(lower: np.ndarray, upper: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return lower + rng.random((n, len(lower))) * (upper - lower)
