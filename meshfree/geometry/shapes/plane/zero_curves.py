"""The closed curves along which a function of the plane is zero, with their corners, as polynomials on panels."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from meshfree.internal.pointwise import PointwiseGradient

from . import chebyshev_panels
from .chebyshev_panels import Panels, UnresolvedError

CELLS = 100_000  # of the lattice that shows where the function changes sign
_ASIDE = 0.171  # cells
_NEWTON = 60  # steps at most; six do but beside corners
_CLOSE = 0.3  # cells: closer vertices are one
_TURN = 0.03  # radians from vertex to vertex that may hide a corner
_CORNER = 1e-3  # radians within a millionth of a cell
_HALVINGS = 24


def zero_curves(
    f: PointwiseGradient, lower: Float[np.ndarray, " 2"], upper: Float[np.ndarray, " 2"]
) -> list[tuple[list[Panels], bool]]:
    """Each curve as spans from corner to corner, {f < 0} to their left, and whether it is smooth, without corners.

    What is smaller than a cell of a lattice of `CELLS` is not seen. Raises ValueError where f is nowhere negative,
    negative at the bounds, or has no gradient on its zero line, and where that line is not piecewise smooth.
    """
    cell = float(np.sqrt(np.prod(upper - lower) / CELLS))
    x, y = (_ticks(a, b, cell) for a, b in zip(lower, upper, strict=True))
    values = f.values(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(len(y), len(x))
    _refuse_bounds(values, x, y)
    lines = _zero_lines(x, y, values)
    found = [_traced(f, line[:-1], cell) for line in lines]
    _refuse_mistaken(found, lines, cell, np.sum(values < 0) * (x[2] - x[1]) * (y[2] - y[1]))
    return found


def _zero_lines(
    x: Float[np.ndarray, " p"], y: Float[np.ndarray, " q"], values: Float[np.ndarray, "q p"]
) -> Sequence[Float[np.ndarray, "_ 2"]]:
    """The lines where values, linear between lattice points, are zero; a closed one repeats its start."""
    from contourpy import contour_generator

    return [np.asarray(line, dtype=np.float64) for line in contour_generator(x, y, values).lines(0.0)]


def _ticks(a: float, b: float, cell: float) -> Float[np.ndarray, " n"]:
    """About a cell apart; none where symmetric shapes have their corners, but for the bounds themselves."""
    t = np.linspace(a, b, round((b - a) / cell) + 2)
    t[1:-1] += _ASIDE * (t[1] - t[0])
    return t


def _refuse_mistaken(found: list, lines: Sequence[np.ndarray], cell: float, negative: float) -> None:
    """The curves enclose what the lattice shows, up to a strip of one cell."""
    area = sum(span.area(lines[0][0]) for spans, _ in found for span in spans)
    length = sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines)
    if abs(area - negative) > length * cell:
        raise ValueError(
            f"SignedDistance: the zero line of function(x) encloses {area:.6g}, but the function is negative on "
            f"{negative:.6g}; is it negative on both sides of the line, or does the line cross itself?"
        )


def _refuse_bounds(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    if values.min() >= 0:
        raise ValueError(
            f"SignedDistance is empty: function(x) is nowhere negative between ({x[0]:g}, {y[0]:g}) and ({x[-1]:g}, "
            f"{y[-1]:g}), least {values.min():.3g}; it is to be negative inside the shape, and bounds= to hold that"
        )
    edge = values.copy()
    edge[1:-1, 1:-1] = 1
    if edge.min() <= 0:
        j, i = np.unravel_index(np.argmin(edge), edge.shape)
        raise ValueError(
            f"SignedDistance touches its bounds: function(x) is {edge.min():.3g} at ({x[i]:g}, {y[j]:g}); widen bounds="
        )


def _traced(f: PointwiseGradient, X: np.ndarray, cell: float) -> tuple[list[Panels], bool]:
    X, N = _onto(f, X, cell)
    X, N = _thinned(X, N, cell)
    corners, after = _corners(f, X, N, cell)
    spans = [_fitted(f, line, cell, closed=not len(after)) for line in _split(X, corners, after, cell)]
    middle = np.array([(spans[0].breaks[0] + spans[0].breaks[-1]) / 2])
    (vx, vy), g = spans[0].derivative()(middle)[0], f.gradients(spans[0](middle))[0]
    if g @ (vy, -vx) < 0:
        spans = [span.reversed() for span in spans[::-1]]
    return spans, not len(after)


def _onto(f: PointwiseGradient, X: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn onto f = 0 along its gradient, and unit normals; without those that hop about a corner."""
    X, step, N = _newton(f, X, cell)
    settled = step <= 1e-9 * cell
    if settled.mean() < 0.5:
        x = X[np.argmax(step)]
        raise ValueError(
            f"SignedDistance: no zero of function(x) is found along its gradient near ({x[0]:g}, {x[1]:g}); the "
            "gradient is to be finite and not zero where the function is zero"
        )
    return X[settled], N[settled]


def _newton(f: PointwiseGradient, X: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points moved by Newton's method along the gradient, the length of the last step, and unit gradients."""
    X, length, N = X.copy(), np.full(len(X), np.inf), np.zeros_like(X)
    open_ = np.arange(len(X))
    for _ in range(_NEWTON):
        g = f.gradients(X[open_])
        slope = np.linalg.norm(g, axis=1)
        if not np.all(np.isfinite(slope) & (slope > 0)):
            x = X[open_[np.argmin(np.where(np.isfinite(slope), slope, -1))]]
            raise ValueError(f"SignedDistance: function(x) has no gradient at ({x[0]:g}, {x[1]:g}), near its zero line")
        N[open_] = g / slope[:, None]
        step = np.clip(f.values(X[open_]) / slope, -cell, cell)
        X[open_] -= step[:, None] * N[open_]
        length[open_] = np.abs(step)
        open_ = open_[length[open_] > 1e-15 * (cell + np.abs(X[open_]).max(axis=1))]
        if len(open_) == 0:
            break
    return X, length, N


def _thinned(X: np.ndarray, N: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of a closed line without those that follow closely."""
    kept = [0]
    for i in range(1, len(X)):
        if min(np.linalg.norm(X[i] - X[kept[-1]]), np.linalg.norm(X[i] - X[0])) > _CLOSE * cell:
            kept.append(i)
    return X[kept], N[kept]


def _corners(f: PointwiseGradient, X: np.ndarray, N: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a closed line, and the numbers of the vertices that they come after.

    Where the normal turns much from vertex to vertex, the half in which it turns more is halved again; a corner is
    left, where the tangents from either side meet.
    """
    after = np.flatnonzero(np.linalg.norm(np.roll(N, -1, axis=0) - N, axis=1) > _TURN)
    a, b, na, nb = X[after], np.roll(X, -1, axis=0)[after], N[after], np.roll(N, -1, axis=0)[after]
    for _ in range(_HALVINGS):
        middle, _, n = _newton(f, (a + b) / 2, cell)
        left = (np.linalg.norm(n - na, axis=1) > np.linalg.norm(nb - n, axis=1))[:, None]
        a, na, b, nb = (np.where(left, *pair) for pair in ((a, middle), (na, n), (middle, b), (n, nb)))
    sharp = np.linalg.norm(nb - na, axis=1) > _CORNER
    center, normals = (a + b) / 2, np.stack([na, nb], axis=1)
    offsets = np.stack([np.einsum("nd,nd->n", n, x - center) for n, x in ((na, a), (nb, b))], axis=1)
    meeting = center + np.einsum("nij,nj->ni", np.linalg.pinv(normals, rcond=1e-6), offsets)
    return meeting[sharp], after[sharp]


def _split(X: np.ndarray, corners: np.ndarray, after: np.ndarray, cell: float) -> list[np.ndarray]:
    """The vertices from corner to corner; a line without corners repeats its first at the end."""
    if not len(after):
        return [np.concatenate([X, X[:1]])]
    lines = []
    for k in range(len(after)):
        start, end, following = after[k] + 1, after[(k + 1) % len(after)], corners[(k + 1) % len(corners)]
        inner = np.take(
            X, np.arange(start, end + 1 + (len(X) if end < start - 1 or len(after) == 1 else 0)), axis=0, mode="wrap"
        )
        ends = np.array([corners[k], following])
        far = np.min(np.linalg.norm(inner[:, None] - ends, axis=2), axis=1) > _CLOSE * cell
        lines.append(np.concatenate([ends[:1], inner[far], ends[1:]]))
    return lines


def _fitted(f: PointwiseGradient, X: np.ndarray, cell: float, closed: bool) -> Panels:
    """Polynomials for the points of a spline through the vertices, drawn onto f = 0."""
    from scipy.interpolate import CubicSpline  # here, as it takes 50 ms to import

    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(X, axis=0), axis=1))])
    spline = CubicSpline(s, X, bc_type="periodic" if closed else "not-a-knot")
    try:
        return chebyshev_panels.fit(lambda t: _newton(f, spline(t), cell)[0], s)
    except UnresolvedError as error:
        x = spline(error.at)
        raise ValueError(
            f"SignedDistance: the zero line of function(x) is not smooth near ({x[0]:g}, {x[1]:g}), nor a single "
            "corner; its gradient is not to vanish there"
        ) from None
