"""Tuning: gradient descent on the leaves of a pytree, through the solve."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jaxtyping import Float, PyTree

from ..internal.devices import gathered, map_over, mesh_over
from ..internal.expected import DEVICES, FUNCTION, INTEGER, Kind, came, expects
from ..internal.interrupts import deferred
from ..internal.tracing import as_jax
from ..internal.watched import key_of_static, settled, watch
from ..kernels import Kernel
from ..kernels.kernel import positive, unconstrained
from ..pde.linearity import depends_on_input
from ..pde.problem import Problem
from ..solving.frequencies import with_frequencies
from ..solving.newton import ConvergenceError
from .losses import own_loss
from .search import REACH, REFINED, SCANNED, outwards, search

if TYPE_CHECKING:
    import optax

FORWARD = 4  # parameters up to which forward mode is cheaper: one scale costs it 1.2 to 3 losses, reverse mode 4 to 11
DESCENT = 100  # steps
SEARCH = "search"
HALVINGS = 12  # of a step to where the loss is not finite
AUTO = "auto"
NO_LOSS = (ConvergenceError, ValueError, MemoryError)  # of a solve at a parameter that does not suit, but for the start
_NAMED = 8  # leaves in a message


def _optimizer(given: Any) -> Any:
    """Optax's are pairs of functions: to know them by that does not load it."""
    if isinstance(given, str):
        if given != SEARCH:
            raise TypeError
        return given
    if not (callable(getattr(given, "init", None)) and callable(getattr(given, "update", None))):
        raise TypeError
    return given


def _loss(given: Any) -> Any:
    if not (callable(given) or isinstance(given, Problem)):
        raise TypeError
    return given


def _scan(given: Any) -> Any:
    return given if given is None or given == AUTO else INTEGER.read(given)


_LOSS = Kind("a Problem, or a function of the tree,", _loss, anywhere=False)
_OPTIMIZER = Kind("an optimiser of Optax, as optax.adam(0.05), or 'search',", _optimizer)
_SCAN = Kind("an integer, None or 'auto',", _scan)


class History(eqx.Module):
    """What a tuning run saw, one entry an iterate, the start included; of a search, in the order of its losses.

    `loss`: (k,), as the loss returned it. `seconds`: (k,), since the start. `parameters`: what `where` names, stacked,
    (k,) or (k, …) for one leaf, a pytree of such arrays for several. `interrupted`: whether Ctrl-C ended it.
    `searched`: whether its entries are those of a search, in which one does not lead to the next. `scanned`: how many
    entries after the first are those of a scan; the descent goes on from the best of these and the first.
    """

    loss: Float[np.ndarray, " k"]
    seconds: Float[np.ndarray, " k"]
    parameters: PyTree
    interrupted: bool = False
    searched: bool = False
    scanned: int = 0

    @property
    def steps(self) -> int:
        """The steps of the descent, or the losses of the search after the first."""
        return len(self.loss) - 1 - self.scanned

    @property
    def best(self) -> int:
        """The index of the least loss."""
        return int(np.nanargmin(self.loss))


def kernel_scale(space: Any) -> Any:
    """The raw scale of a space's kernel: what `tune` moves by default. ValueError where there is none."""
    kernel: Any = getattr(space, "kernel", None)
    if not hasattr(kernel, "raw_scale"):
        lack = "has no kernel of its own" if kernel is None else f"has the kernel {kernel!r}, which has no scale"
        raise ValueError(
            f"tune moves the scale of a space's kernel by default, and {came(space)} {lack}: {_advice(space)}"
        )
    return kernel.raw_scale


def _advice(tree: Any) -> str:
    """Which leaves `where` could name, those of kernels first and those of clouds last."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    names = [f"tree{jax.tree_util.keystr(path)}" for path, leaf in leaves if eqx.is_inexact_array_like(leaf)]
    names.sort(key=lambda name: (".raw_" not in name, ".cloud." in name))
    if not names:
        return "it has no number that can be tuned"
    more = ", ..." * (len(names) > _NAMED)
    return f"name a leaf, as in where=lambda tree: {names[0]}; there are {', '.join(names[:_NAMED])}{more}"


@settled
@expects(loss=_LOSS, where=FUNCTION, optimizer=_OPTIMIZER, steps=INTEGER, scan=_SCAN, devices=DEVICES)
def tune(
    loss: Callable[[Any], Any] | Problem,
    tree: Any,
    where: Callable[[Any], Any] = kernel_scale,
    *,
    optimizer: optax.GradientTransformation | str | None = None,
    steps: int | None = None,
    scan: int | str | None = AUTO,
    devices: int | Sequence[jax.Device] | None = None,
    progress: bool | None = None,
) -> tuple[Any, History]:
    """Minimise `loss(tree)` over the leaves that `where` names: (the best tree seen, its history).

    `mf.tune(problem, space)` needs no loss, no optimiser and no good start: the residual off the nodes, or without a
    domain leave-one-out, is minimised over positive parameters of the kernel by `search.search`, from 1/30 to 30 times
    what they are. `steps` bounds the losses after the first: 14 for one parameter, 60 more for each further one.
    `optimizer="search"` does the same with a loss of one's own. What a kernel asks of the problem
    (`SpectralMixture(frequency="auto")`) is found first.

    Otherwise it is gradient descent. `tree` is any pytree: a space, or `(space, problem)` to find a coefficient.
    `where` is that of `eqx.tree_at`; all that it does not name stays as it is, bit for bit. `optimizer`: any of Optax,
    `optax.lbfgs()` included; default `optax.adam(0.05)`, and `steps` 100. A problem in place of the loss means that of
    the search. `progress`: a bar; by default where standard error is a terminal.

    `scan`: the descent starts at the best of so many values of the one positive number that is tuned, even on its
    logarithm from 1/30 to 30 times what it is, itself among them; those without a finite loss and slope are left out.
    Along a scale a loss has several minima, and is flat far off: from 10 times the best scale a descent alone ends
    orders of magnitude short. Default "auto": 9 where one positive scalar alone is tuned, otherwise none; 0 and None:
    none.

    `devices`: so many of JAX's, or a list of them, compute the values of a scan side by side, that of a search too, in
    one program; by default all accelerators. What comes after is computed one after the other, on one device. For
    spaces with dense equations.

    Positive parameters of kernels, the `raw_` leaves, move by their logarithm, whatever the unit of length: a step of
    0.05 is one of 5 %. All other leaves move as they are.

    A step to where the loss or its gradient is not finite is halved until it is. Ctrl-C ends it after the step that
    runs, and returns the best so far; a second one at once.
    Raises ValueError for a loss that is no scalar, or not finite at the start (with a scan: at any of its values), for
    a scan where several numbers or no positive one are tuned, for `where` naming no float leaf, for leaves that the
    loss is not computed from, by default for a kernel without a scale, where no loss of a search is finite, and for
    `devices` without a scan, or with a sparse space.
    """
    from tqdm import tqdm  # here, so that importing meshfree stays light

    if steps is not None and steps < 0:
        raise ValueError(f"steps must be at least 0; got {steps}")
    if isinstance(scan, int) and scan < 0:
        raise ValueError(f"scan must be at least 0; got {scan}")
    run: _Search | _Descent
    with deferred() as interrupted:
        if isinstance(problem := getattr(loss, "problem", loss), Problem) and hasattr(tree, "cloud"):
            tree = with_frequencies(problem, tree, tree.cloud)
        if isinstance(loss, Problem):
            loss, optimizer = own_loss(loss, tree), optimizer or SEARCH
        mesh = _mesh_for(tree, devices)
        if isinstance(optimizer, str):
            if scan != AUTO:
                raise ValueError(f"a search makes a scan of its own, and scan={scan} is for gradient descent: drop it")
            run = _Search(loss, tree, where, steps, mesh)
        else:
            run = _Descent(loss, tree, where, optimizer or _adam(), steps, scan, mesh)
            if mesh is not None and devices is not None and not run.scan:
                raise ValueError("devices= share the values of a scan, and there is none: give scan=, or drop devices=")
        bar = tqdm(total=run.steps, desc="tune", disable=None if progress is None else not progress)
        with contextlib.closing(bar):

            def told() -> bool:
                bar.update()
                bar.set_postfix(loss=f"{run.losses[-1]:.3f}", best=f"{np.nanmin([np.inf, *run.losses]):.3f}")
                return interrupted()

            with contextlib.suppress(KeyboardInterrupt):  # the second, or where it cannot be deferred
                run.until(told)
            if interrupted() and not bar.disable:
                bar.write("interrupted: the best so far is kept", file=sys.stderr)
    return run.best_tree(), run.history(interrupted())


def _mesh_for(tree: Any, devices: int | Sequence[jax.Device] | None) -> Mesh | None:
    """The devices that share a scan; ValueError for a sparse space where they were asked for."""
    mesh = mesh_over(devices)
    spaces = jax.tree.leaves(tree, is_leaf=lambda one: hasattr(one, "local_basis"))
    sparse = [one.describe() for one in spaces if getattr(one, "local_basis", None) is not None]
    if mesh is None or not sparse:
        return mesh
    if devices is None:
        return None
    raise ValueError(
        f"devices share a scan where the equations are dense, and those of {sparse[0]} are sparse, solved on the CPU: "
        "drop devices="
    )


@functools.cache
def _adam() -> optax.GradientTransformation:
    """One for all runs: its compiled step serves every one."""
    import optax

    return optax.adam(0.05)


class _Run:
    """What was seen of a loss: the values, when they were known, and the leaves that move."""

    def __init__(self, loss, tree, where, mesh: Mesh | None):
        self.mesh = mesh
        if hasattr(loss, "refuse"):
            loss.refuse(tree)
        self.given, self.loss, self.tree, self.where = loss, watch(loss), tree, watch(where)
        if where is not kernel_scale:
            _check_where(where, tree)
        named = jax.tree.map(lambda leaf: as_jax(leaf) if eqx.is_inexact_array_like(leaf) else leaf, where(tree))
        floats = jax.tree.map(eqx.is_inexact_array, named)
        self.moving, self.fixed = eqx.partition(named, floats)
        self.logarithmic, _ = eqx.partition(where(_raw_leaves(tree)), floats)
        self.start = self.moving
        if not jax.tree.leaves(self.moving):
            raise ValueError("where names no array of floating type: there is nothing to tune")
        self.losses, self.times, self.iterates = list[float](), list[float](), list[Any]()
        self.scanned = 0
        self.began = time.perf_counter()

    def best_tree(self) -> Any:
        if not np.any(np.isfinite(self.losses)):
            raise ValueError("no loss of the search is finite: look at loss(tree) at the start, or use another kernel")
        return _placed(self.where, self.tree, self.iterates[int(np.nanargmin(self.losses))], self.fixed)

    def history(self, interrupted: bool) -> History:
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *self.iterates)
        searched = isinstance(self, _Search)
        return History(np.array(self.losses), np.array(self.times), stacked, interrupted, searched, self.scanned)

    def _moved(self, steps: Float[np.ndarray, " p"]) -> Any:
        """The leaves of the start, all positive numbers, with these steps of their logarithms."""
        leaves, structure = jax.tree.flatten(self.start)
        parts = np.split(steps, np.cumsum([leaf.size for leaf in leaves])[:-1])
        numbers = [
            np.logaddexp(0, np.asarray(leaf)) * np.exp(part.reshape(leaf.shape))
            for leaf, part in zip(leaves, parts, strict=True)
        ]
        return jax.tree.unflatten(structure, [as_jax(unconstrained(number, "a parameter")) for number in numbers])

    def _together(self, several: Float[np.ndarray, "k p"], of_one: Callable, mesh: Mesh) -> Any:
        """A function of the moving leaves for several steps at once, stacked, on all devices of a mesh."""
        moving = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(self._moved, several))
        reads = key_of_static(self.tree)
        found = _on_devices(moving, of_one, self.loss, self.tree, self.where, self.fixed, reads, mesh)
        return jax.tree.map(lambda leaf: leaf[: len(several)], gathered(found, mesh))

    def _record(self, value, moving) -> None:
        self.losses.append(float(value))
        self.times.append(time.perf_counter() - self.began)
        self.iterates.append(jax.tree.map(np.asarray, moving))


class _EnoughError(Exception):
    """All losses that were granted are used."""


class _Search(_Run):
    """Positive parameters of kernels, searched by their logarithms."""

    def __init__(self, loss, tree, where, steps: int | None, mesh: Mesh | None):
        super().__init__(loss, tree, where, mesh)
        self.ahead = dict[bytes, float]()  # losses that are known before they are asked for
        if not all(jax.tree.leaves(self.logarithmic)):
            raise ValueError(
                "a search is for positive parameters of kernels, and where names another leaf: give a loss and an "
                "optimizer, as in mf.tune(loss, tree, where, optimizer=optax.adam(0.05))"
            )
        self.count = sum(leaf.size for leaf in jax.tree.leaves(self.moving))
        self.steps = SCANNED + REFINED - 1 + 60 * (self.count - 1) if steps is None else steps
        self._known(self.moving, at_start=True)

    def until(self, told: Callable[[], bool]) -> None:
        def value(steps: Float[np.ndarray, " p"]) -> float:
            if not np.any(steps):
                return self.losses[0]
            if len(self.losses) > self.steps:
                raise _EnoughError
            if steps.tobytes() in self.ahead:
                self._record(self.ahead[steps.tobytes()], self._moved(steps))
            else:
                self._known(self._moved(steps))
            if told():
                raise _EnoughError
            return self.losses[-1]

        with contextlib.suppress(_EnoughError):
            search(value, self.count, self._look_ahead)

    def _look_ahead(self, several: Float[np.ndarray, "k p"]) -> None:
        asked = [steps for steps in several if np.any(steps)][: self.steps + 1 - len(self.losses)]
        if self.mesh is not None and asked:
            losses = self._together(np.array(asked), _objective, self.mesh)
            self.ahead |= {steps.tobytes(): float(loss) for steps, loss in zip(asked, losses, strict=True)}

    def _known(self, moving, at_start: bool = False) -> None:
        try:
            found = float(self.loss(_placed(self.where, self.tree, moving, self.fixed)))
        except NO_LOSS:
            if at_start:
                raise
            found = np.nan
        self._record(found, moving)


class _Descent(_Run):
    """Gradient descent: the iterate with its loss and gradient, and the optimiser's memory."""

    def __init__(self, loss, tree, where, optimizer, steps: int | None, scan: int | str | None, mesh: Mesh | None):
        super().__init__(loss, tree, where, mesh)
        self.reads = key_of_static(tree)  # the functions in the tree come back as they are
        self.scan = outwards(REACH, self._values(scan))[1:]
        self.optimizer, self.descent = optimizer, DESCENT if steps is None else steps
        self.steps = len(self.scan) + self.descent
        self.memory = _started(self.optimizer, self.moving, self.logarithmic)
        searches = _searches(self.optimizer, self.memory, self.moving)
        self.searched = (self.loss, tree, self.where, self.fixed, self.reads) if searches else None
        self.value, self.gradient = self._evaluated(self.moving)
        if not _finite(self.value, self.gradient):
            if not self.scan:
                raise ValueError(f"the loss or its gradient is not finite at the start: {self.value}, {self.gradient}")
            self.value = np.nan  # where the scan does not stay
        if not any(np.any(leaf) for leaf in jax.tree.leaves(self.gradient)):
            self._check_dependence()
        self._record(self.value, self.moving)

    def _values(self, scan: int | str | None) -> int:
        """How many values to scan, the start among them. ValueError for more than it where there is no one number."""
        alone = all(jax.tree.leaves(self.logarithmic)) and sum(map(np.size, jax.tree.leaves(self.moving))) == 1
        if isinstance(scan, str):
            return SCANNED if alone else 1
        if scan and not alone:
            raise ValueError(
                f"scan={scan} is for one positive scalar of a kernel, as its scale, and where names several numbers or "
                "another leaf: drop scan, or tune one scale"
            )
        return scan or 1

    def until(self, told: Callable[[], bool]) -> None:
        several = np.array(self.scan)[:, None]
        ahead = None if self.mesh is None or not self.scan else self._together(several, _slopes, self.mesh)
        for place, steps in enumerate(several):
            moving = self._moved(steps)
            self._look(
                moving,
                *(self._evaluated(moving) if ahead is None else jax.tree.map(lambda leaf: leaf[place], ahead)),  # noqa: B023
            )
            if told():
                return
        if self.scan:
            if not np.isfinite(self.value):
                raise ValueError(
                    f"the loss or its gradient is not finite at the start, nor at the {len(self.scan)} others of a scan"
                )
            self.memory = _started(self.optimizer, self.moving, self.logarithmic)
        for _ in range(self.descent):
            self.step()
            if told():
                break

    def _look(self, moving, value, gradient) -> None:
        """One value of the scan: go there where it is better."""
        finite = _finite(value, gradient)
        self._record(value if finite else np.nan, moving)
        self.scanned += 1
        if finite and not self.value <= value:
            self.moving, self.value, self.gradient = moving, value, gradient

    def _check_dependence(self) -> None:
        """ValueError for a loss that is not computed from the leaves; a slope may be zero by chance."""

        def objective(moving):
            return _objective(moving, self.loss, self.tree, self.where, self.fixed)

        if not depends_on_input(objective, self.moving):
            raise ValueError(
                "the loss is not computed from what where names, so that nothing can be tuned: let it use the tree "
                f"that it is given, loss(tree), or {_advice(self.tree)}"
            )

    def step(self) -> None:
        for halvings in range(HALVINGS):
            moving, memory = _stepped(
                self.optimizer,
                self.gradient,
                self.memory,
                self.moving,
                self.logarithmic,
                np.asarray(self.value),
                np.asarray(0.5**halvings),
                self.searched,
            )
            value, gradient = self._evaluated(moving)
            if _finite(value, gradient):
                self.moving, self.memory, self.value, self.gradient = moving, memory, value, gradient
                break
        self._record(self.value, self.moving)

    def _evaluated(self, moving):
        known = self._by_hand(moving)
        if known is not None:
            return known
        return jax.block_until_ready(
            _value_and_gradient(moving, self.loss, self.tree, self.where, self.fixed, self.reads)
        )

    def _by_hand(self, moving):
        """The value and the gradient of a loss that knows its slopes on the host, without a program for its size."""
        leaves, structure = jax.tree.flatten(moving)
        size = sum(np.size(leaf) for leaf in leaves)
        if size > FORWARD or not hasattr(self.given, "slopes"):
            return None
        tree, parameters = _placed(self.where, self.tree, moving, self.fixed), np.eye(size)
        places = np.split(parameters, np.cumsum([np.size(leaf) for leaf in leaves])[:-1], axis=1)

        def shaped(rows):
            return jax.tree.unflatten(
                structure, [row.reshape(np.shape(leaf)) for row, leaf in zip(rows, leaves, strict=True)]
            )

        directions = [_only(self.where, tree, shaped([part[k] for part in places])) for k in range(size)]
        try:
            found = self.given.slopes(tree, directions)
        except NO_LOSS:
            if not self.losses:
                raise
            return np.nan, moving  # a step too far
        if found is None:
            return None
        value, slopes = found
        return value, shaped([np.array(slopes) @ part for part in places])


def _placed(where, tree, moving, fixed):
    return eqx.tree_at(where, tree, eqx.combine(moving, fixed))


def _only(where, tree, moving):
    """The moving leaves in a tree that has None for all others."""
    nothing = jax.tree.map(lambda _: None, tree)
    return eqx.tree_at(where, nothing, moving, is_leaf=lambda leaf: leaf is None)


def _objective(moving, loss, tree, where, fixed):
    value = loss(_placed(where, tree, moving, fixed))
    if not eqx.is_array_like(value) or jnp.shape(value) != ():
        raise ValueError(f"the loss must return one number; it returns {came(value)}")
    return value


def _check_where(where: Callable[[Any], Any], tree: Any) -> None:
    """ValueError where it names anything but leaves of the tree."""
    try:
        eqx.tree_at(where, tree, replace_fn=lambda leaf: leaf)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"where must name leaves of the tree, and not what is computed from them ({reason}): {_advice(tree)}"
        ) from error


@eqx.filter_jit
def _value_and_gradient(moving, loss, tree, where, fixed, reads):
    return _slopes(moving, loss, tree, where, fixed)


@eqx.filter_jit
def _on_devices(moving, of_one: Callable, loss, tree, where, fixed, reads, mesh: Mesh):
    """`_objective` or `_slopes` of every entry of stacked leaves."""
    return map_over(lambda one: of_one(one, loss, tree, where, fixed), moving, mesh)


def _slopes(moving, loss, tree, where, fixed):
    """The loss and its gradient."""

    def objective(moving):
        return _objective(moving, loss, tree, where, fixed)

    flat, unflatten = ravel_pytree(moving)
    if flat.size > FORWARD:
        return jax.value_and_grad(objective)(moving)

    def along(direction):
        return jax.jvp(lambda flat: objective(unflatten(flat)), (flat,), (direction,))

    value, slopes = jax.vmap(along, out_axes=(None, 0))(jnp.eye(flat.size, dtype=flat.dtype))
    return value, unflatten(slopes)


@eqx.filter_jit
def _started(optimizer, moving, logarithmic):
    """The optimiser's memory before the first step."""
    with jax.numpy_dtype_promotion("standard"):  # Optax mixes dtypes
        return optimizer.init(_to_steps(moving, logarithmic))


def _searches(optimizer, memory, position) -> bool:
    """Whether the optimiser asks for the loss elsewhere, as a line search does."""
    import optax

    asked = []

    def loss(position):
        asked.append(position)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(position))

    def update(memory, position):
        with jax.numpy_dtype_promotion("standard"):
            return optax.with_extra_args_support(optimizer).update(
                position, memory, position, value=loss(position), grad=position, value_fn=loss
            )

    jax.eval_shape(update, memory, position)
    return len(asked) > 1


@eqx.filter_jit
def _stepped(optimizer, gradient, memory, moving, logarithmic, value, share, searched):
    """The leaves after a share of the optimiser's step, and its memory; a step of size 0 changes nothing.

    `searched`: the loss and what it takes, of an optimiser that may ask for it; None spares a program for every size.
    """
    import optax

    def elsewhere(position):
        loss, tree, where, fixed, _ = searched
        return _objective(_from_steps(position, logarithmic), loss, tree, where, fixed)

    position = _to_steps(moving, logarithmic)
    gradient = jax.vjp(lambda position: _from_steps(position, logarithmic), position)[1](gradient)[0]
    with jax.numpy_dtype_promotion("standard"):
        updates, memory = optax.with_extra_args_support(optimizer).update(
            gradient, memory, position, value=value, grad=gradient, value_fn=elsewhere
        )

    def stepped(leaf, position, update):
        return jnp.where(update == 0, leaf, position)

    position = jax.tree.map(lambda p, u: p + (share * u).astype(p.dtype), position, updates)
    return jax.tree.map(stepped, moving, _from_steps(position, logarithmic), updates), memory


def _to_steps(moving, logarithmic):
    """The leaves as the optimiser moves them: the logarithm of the positive parameters."""
    return jax.tree.map(lambda leaf, is_raw: jnp.log(positive(leaf)) if is_raw else leaf, moving, logarithmic)


def _from_steps(position, logarithmic):
    def leaf(p, is_raw):
        return unconstrained(jnp.exp(p), "a parameter") if is_raw else p

    return jax.tree.map(leaf, position, logarithmic)


def _raw_leaves(tree):
    """The tree with True for the raw leaf of every positive parameter of a kernel, False for every other leaf."""

    def is_raw(path, leaf):
        return bool(path) and str(getattr(path[-1], "name", "")).startswith("raw_")

    def marked(node):
        return jax.tree_util.tree_map_with_path(is_raw, node) if isinstance(node, Kernel) else False

    return jax.tree.map(marked, tree, is_leaf=lambda node: isinstance(node, Kernel))


def _finite(value, gradient) -> bool:
    return all(bool(np.all(np.isfinite(leaf))) for leaf in jax.tree.leaves((value, gradient)))
