"""The equations of a problem as functionals that a Gaussian process is given: symmetric collocation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..internal.plain import Plain
from ..internal.tracing import AnyArray, is_traced, module_of
from ..pde.multi_indices import total_degree
from ..pde.problem import Problem
from ..spaces.gaussian_process import GaussianProcess, Observed
from .conditions import Group, along_normals, check_residual, match_conditions, sample_of
from .residual_jets import at_jets, elsewhere_of, facts_of, jets_of_function
from .row_weights import size_on_waves, weights_by_size
from .system import point_weights


class SymmetricSystem(Plain):
    """The residuals of a problem at the points of a space's cloud, through the jets of u there."""

    space: GaussianProcess
    fields: int = eqx.field(static=True)
    groups: list[Group]
    orders: list[int] = eqx.field(static=True)
    affine: bool = eqx.field(static=True)
    components: list[int] = eqx.field(static=True)  # of each group's residual
    noise: Float[AnyArray, " rows"]  # variances

    @property
    def order(self) -> int:
        """Of the highest derivative in any residual."""
        return max(self.orders)

    @property
    def points(self) -> Float[AnyArray, "m d"]:
        """Of all groups, one after the other."""
        points = [group.points for group in self.groups]
        return module_of(*points).concatenate(points)

    def zero_jets(self) -> Float[np.ndarray, "m J *f"]:
        """Of u = 0 at the points."""
        count = len(total_degree(self.points.shape[1], self.order))
        return np.zeros((len(self.points), count, *([] if self.fields == 1 else [self.fields])))

    def jets_of(self, function: Callable) -> Float[np.ndarray, "m J *f"]:
        """Of any function at the points; ValueError unless it has the problem's fields."""
        found = jets_of_function(function, self.points, self.order)
        if found.shape[2:] != self.zero_jets().shape[2:]:
            shapes = found.shape[2:], self.zero_jets().shape[2:]
            raise ValueError(f"initial has values of shape {shapes[0]}; the problem's u(x) has shape {shapes[1]}")
        return found if is_traced(found) else np.asarray(found)

    def linearised(self, jets: Float[AnyArray, "m J *f"]) -> tuple[Float[AnyArray, " rows"], Observed]:
        """The residuals r at jets of u, without weights, and their functionals there; ValueError where u is not seen,
        or where a residual uses it elsewhere.
        """
        values, points, gradients, start = [], [], [], 0
        most = len(total_degree(self.points.shape[1], self.order))
        for group, order in zip(self.groups, self.orders, strict=True):
            stop, count = start + len(group.points), len(total_degree(group.points.shape[1], order))
            value, gradient = at_jets(group, jets[start:stop, :count], order)
            if not is_traced(value, gradient):
                self._check(group, order, value, gradient)
            array = module_of(value, gradient)
            m, c = value.shape
            values.append(value.reshape(m * c))
            points.append(array.repeat(group.points, c, axis=0))
            gradient = gradient.reshape(m * c, *gradient.shape[2:])
            gradients.append(array.pad(gradient, ((0, 0), (0, 0), (0, most - count))))
            start = stop
        array = module_of(*values, *points)
        observed = Observed(array.concatenate(points), module_of(*gradients).concatenate(gradients), self.noise)
        return array.concatenate(values), observed

    def data(self, jets: Float[AnyArray, "m J *f"], residual, observed: Observed) -> Float[AnyArray, " rows"]:
        """What the functionals of the solution are: y = L u − r(u) of the linearisation at u."""
        array, start, found = module_of(jets, observed.gradient), 0, []
        jets = jets if jets.ndim == 3 else jets[..., None]
        for group, count in zip(self.groups, self.components, strict=True):
            found.append(array.repeat(jets[start : start + len(group.points)], count, axis=0))
            start += len(group.points)
        return array.einsum("nfj,njf->n", observed.gradient, array.concatenate(found)) - residual

    def row_weights(self, observed: Observed) -> dict[str, Float[AnyArray, " c"]]:
        """Those of other spaces, which losses and `off_nodes` measure with; the solution itself has none."""
        spacing, array, sizes, start = self.space.cloud.spacing, module_of(observed.gradient), dict[str, Any](), 0
        for group, components in zip(self.groups, self.components, strict=True):
            stop = start + len(group.points) * components
            gradient = observed.gradient[start:stop].reshape(
                len(group.points), components, *observed.gradient.shape[1:]
            )
            size = size_on_waves(gradient[sample_of(group.points)], spacing, group.points.shape[1], array)
            sizes |= {name: size for name, _ in group.parts}
            start = stop
        return weights_by_size(sizes, array)[0]

    def weights(self, observed: Observed) -> Float[AnyArray, " rows"]:
        """The row weights in the order of the rows."""
        of_parts = self.row_weights(observed)
        found = [point_weights(group, of_parts).reshape(-1) for group in self.groups]
        return module_of(*found).concatenate(found)

    def per_part(self, residual: Float[AnyArray, " rows"]) -> dict[str, Any]:
        """The root mean square of each part's residual."""
        array, norms, start = module_of(residual), {}, 0
        for group, components in zip(self.groups, self.components, strict=True):
            for name, count in group.parts:
                stop = start + count * components
                norms[name], start = array.sqrt(array.mean(residual[start:stop] ** 2)), stop
        return norms

    def _check(self, group: Group, order: int, values, gradient) -> None:
        name = group.parts[0][0]
        if not (np.all(np.isfinite(values)) and np.all(np.isfinite(gradient))):
            where = elsewhere_of(group, self.fields, order)
            if where is not None:
                raise ValueError(
                    f"the residual of {name!r} is not local: at x = {_shown(where)} it uses u at another point than x, "
                    "and a GaussianProcess takes functionals of u at one point each: use Collocation or Eigenbasis"
                )
            raise ValueError(
                "the residual is not finite at the initial guess, or on the way: check the residuals and the data of "
                f"{name!r}, or give initial= a function at which they are finite"
            )
        seen = np.any(gradient != 0, axis=(2, 3))
        if not seen.all():
            at = int(np.argmin(seen.all(axis=1)))
            raise ValueError(
                f"the equation of {name!r} at x = {_shown(group.points[at])} does not contain u"
                + ("" if self.affine else ", linearised where Newton's method stands")
                + ": does its residual use u? "
                + ("Drop the point" if self.affine else "Give initial= a function nearer to the solution")
            )


def symmetric_system(problem: Problem, space: GaussianProcess) -> SymmetricSystem:
    """The equations at the points of the space's cloud; ValueError for residuals of a wrong shape, and for a kernel
    that is too rough for them.
    """
    if problem.mean is not None:
        raise ValueError(
            "mean= is no condition at a point, as a GaussianProcess takes them: use Collocation, Eigenbasis or Stencils"
        )
    cloud, fields = space.cloud, problem.fields
    groups = match_conditions(problem, cloud, data_alone=True)
    if cloud.surface_normals is not None:
        groups = [*groups, along_normals(cloud)]
    if not groups:
        raise ValueError("the problem has neither an equation nor conditions nor data: nothing is known of u")
    known = [facts_of(group, fields) for group in groups]
    orders, affine = [fact.order for fact in known], all(fact.affine for fact in known)
    space.check_order(max(orders))
    components = [check_residual(group, fields) for group in groups]
    noise = [  # rows of data are over theirs
        np.full(c * len(group.points), float(group.is_data)) for c, group in zip(components, groups, strict=True)
    ]
    return SymmetricSystem(space, fields, groups, orders, affine, components, np.concatenate(noise))


class Between(Plain):
    """The interior residual of a function of a process at other points than the nodes, as `off_nodes` asks for it."""

    system: SymmetricSystem
    space: GaussianProcess
    weight: Float[AnyArray, " c"]

    def elsewhere(self, points: Float[np.ndarray, "m d"], coefficients: Float[AnyArray, " n"]) -> Any:
        """With its row weights, (m, c)."""
        inside, order = self.system.groups[0], self.system.orders[0]
        group = Group((), inside.residual, points, np.zeros_like(points))
        return self.weight * at_jets(group, self.space.jets(points, order, coefficients), order)[0]


def _shown(point) -> str:
    return "(" + ", ".join(f"{coordinate:.6g}" for coordinate in np.asarray(point)) + ")"
