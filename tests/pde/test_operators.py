"""Operators on functions whose derivatives are written out by hand, on each other, and on kernel expansions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import meshfree as mf

POINTS = np.array([[0.3, -0.7], [1.1, 0.2], [0.0, 0.0]])


def u(x):
    """x₀³ x₁² + sin(2x₀ + x₁)."""
    return x[0] ** 3 * x[1] ** 2 + jnp.sin(2 * x[0] + x[1])


def F(x):
    """(x₀² x₁, x₀ + x₁³)."""
    return jnp.stack([x[0] ** 2 * x[1], x[0] + x[1] ** 3])


def G(x):
    """(x₀⁴, x₁⁵, x₀² x₁²): three components in the plane."""
    return jnp.stack([x[0] ** 4, x[1] ** 5, x[0] ** 2 * x[1] ** 2])


def by_hand(operator, x, y):
    """What the operator makes of u, F or G at (x, y)."""
    s, c, zero = np.sin(2 * x + y), np.cos(2 * x + y), 0 * x
    return {
        "gradient": [3 * x**2 * y**2 + 2 * c, 2 * x**3 * y + c],
        "hessian": [
            [6 * x * y**2 - 4 * s, 6 * x**2 * y - 2 * s],
            [6 * x**2 * y - 2 * s, 2 * x**3 - s],
        ],
        "laplacian": 6 * x * y**2 + 2 * x**3 - 5 * s,
        "biharmonic": 24 * x + 25 * s,  # Δ(6xy² + 2x³) = 12x + 12x
        "along a vector": 0.6 * (3 * x**2 * y**2 + 2 * c) - 1.5 * (2 * x**3 * y + c),
        "jacobian": [[2 * x * y, x**2], [1 + zero, 3 * y**2]],
        "divergence": 2 * x * y + 3 * y**2,
        "along an axis": [x**2, 3 * y**2],
        "laplacian of a vector": [12 * x**2, 20 * y**3, 2 * y**2 + 2 * x**2],
        "biharmonic of a vector": [24 + zero, 120 * y, 8 + zero],
        "jacobian of more components": [[4 * x**3, zero], [zero, 5 * y**4], [2 * x * y**2, 2 * x**2 * y]],
        "hessian of a vector": [[[2 * y, 2 * x], [2 * x, zero]], [[zero, zero], [zero, 6 * y]]],
    }[operator]


OPERATORS = {
    "gradient": [mf.gradient(u), mf.jacobian(u)],
    "hessian": [mf.hessian(u), mf.jacobian(mf.gradient(u))],
    "laplacian": [mf.laplacian(u), mf.divergence(mf.gradient(u))],
    "biharmonic": [
        mf.biharmonic(u),
        mf.laplacian(mf.laplacian(u)),
        mf.divergence(mf.gradient(mf.laplacian(u))),
    ],
    "along a vector": [mf.derivative(u, [0.6, -1.5]), lambda x: mf.gradient(u)(x) @ jnp.array([0.6, -1.5])],
    "jacobian": [mf.jacobian(F), mf.gradient(F)],
    "divergence": [mf.divergence(F)],
    "along an axis": [mf.derivative(F, 1), mf.derivative(F, np.int64(1)), mf.derivative(F, np.array([0, 1]))],
    "laplacian of a vector": [mf.laplacian(G)],
    "biharmonic of a vector": [mf.biharmonic(G)],
    "jacobian of more components": [mf.jacobian(G)],
    "hessian of a vector": [mf.hessian(F)],
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_against_formulas(name):
    """Every way to write an operator, differentiated under jit and vmap as a solver does."""
    exact = np.moveaxis(np.array(by_hand(name, *POINTS.T), dtype=float), -1, 0)
    found = jax.jit(jax.vmap(lambda x: [operator(x) for operator in OPERATORS[name]]))(jnp.asarray(POINTS))
    for values in found:
        np.testing.assert_allclose(values, exact, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dim", [1, 3])
def test_other_dimensions(dim):
    """|x|⁴: the gradient is 4|x|² x, the Laplacian 4(d + 2)|x|², its own Laplacian 8d(d + 2)."""
    x = np.array([0.4, -1.2, 0.7])[:dim]

    def quartic(x):
        return (x @ x) ** 2

    @jax.jit
    def found(x):
        operators = [mf.gradient, mf.hessian, mf.laplacian, mf.biharmonic]
        return *(operator(quartic)(x) for operator in operators), mf.divergence(lambda x: x * (x @ x))(x)

    gradient, hessian, laplacian, biharmonic, divergence = found(x)
    np.testing.assert_allclose(gradient, 4 * x @ x * x, rtol=1e-14)
    np.testing.assert_allclose(hessian, 4 * x @ x * np.eye(dim) + 8 * np.outer(x, x), rtol=1e-14)
    assert laplacian == pytest.approx(4 * (dim + 2) * x @ x, rel=1e-14)
    assert biharmonic == pytest.approx(8 * dim * (dim + 2), rel=1e-14)
    assert divergence == pytest.approx((dim + 2) * x @ x, rel=1e-14)


def test_points_of_other_types():
    def square(x):
        return x @ x

    assert mf.laplacian(square)([1, 2]) == 4.0
    assert mf.laplacian(square)(np.array([1, 2])).dtype == np.float64
    assert mf.laplacian(square)(jnp.ones(2, jnp.float32)).dtype == np.float32
    assert mf.derivative(square, [1, 0])(jnp.ones(2, jnp.float32)).dtype == np.float32


def test_a_direction_may_be_differentiated():
    """∂/∂v of v·∇u is ∇u, so that a normal may depend on a trained shape."""
    x = jnp.asarray(POINTS[0])
    found = jax.jit(jax.grad(lambda v: mf.derivative(u, v)(x)))(jnp.array([0.6, -1.5]))
    np.testing.assert_allclose(found, by_hand("gradient", *POINTS[0]), rtol=1e-14)


# ---------------------------------------------------------------------------------------- kernel expansions

CENTRES = np.random.default_rng(2).uniform(-1, 1, (7, 2))
COEFFICIENTS = np.random.default_rng(3).normal(size=7)


def expansion(x):
    """Σⱼ cⱼ k(x, yⱼ) of a Matérn-5/2 kernel of scale 1."""
    kernel = mf.Matern(2.5)
    values = jax.vmap(lambda y: kernel.eval(x, y))(jnp.asarray(CENTRES))
    return values @ jnp.asarray(COEFFICIENTS)


def test_a_kernel_expansion_at_its_centres():
    """f = (1 + z + z²/3) e^(−z), z = √5 r: f′ = −(5/3) r (1 + z) e^(−z), f″ = −(5/3) (1 + z − z²) e^(−z)."""
    difference = CENTRES[:, None] - CENTRES
    z = np.sqrt(5 * (difference**2).sum(-1))
    over_r, second = -5 / 3 * (1 + z) * np.exp(-z), -5 / 3 * (1 + z - z**2) * np.exp(-z)
    gradient, laplacian = jax.jit(jax.vmap(lambda x: (mf.gradient(expansion)(x), mf.laplacian(expansion)(x))))(
        jnp.asarray(CENTRES)
    )
    np.testing.assert_allclose(gradient, np.einsum("ij,ijk,j->ik", over_r, difference, COEFFICIENTS), rtol=1e-12)
    np.testing.assert_allclose(laplacian, (second + over_r) @ COEFFICIENTS, rtol=1e-12)


class WithLaplacian:
    """The function u, which knows its Laplacian."""

    asked = 0

    def __call__(self, x):
        return u(x)

    def laplacian(self, x):
        self.asked += 1
        return 6 * x[0] * x[1] ** 2 + 2 * x[0] ** 3 - 5 * jnp.sin(2 * x[0] + x[1])


def test_the_closed_laplacian_is_taken():
    field = WithLaplacian()
    both = jax.jit(lambda x: (mf.laplacian(field)(x), mf.biharmonic(field)(x)))
    np.testing.assert_allclose(both(POINTS[0]), [by_hand(name, *POINTS[0]) for name in ("laplacian", "biharmonic")])
    assert field.asked == 2


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["gradient", "jacobian", "hessian", "laplacian", "biharmonic", "divergence"])
@pytest.mark.parametrize("shape", [(4, 2), ()], ids=str)
def test_operators_take_one_point(name, shape):
    shown = str(shape).replace("(", r"\(").replace(")", r"\)")
    what = name if name != "biharmonic" else "laplacian"
    with pytest.raises(ValueError, match=rf"{what}\(u\) is a function of one point .* got shape {shown}.*jax\.vmap"):
        getattr(mf, name)(u)(jnp.zeros(shape))


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        (2, "axis 2 of a point with 2 coordinates; axes are 0 to 1"),
        (-1, "axis -1 of a point"),
        ([1.0, 0.0, 0.0], r"direction must be an axis or a vector of shape \(2,\); got shape \(3,\)"),
        (0.5, r"direction must be an axis or a vector of shape \(2,\); got shape \(\)"),
    ],
)
def test_directions_that_do_not_fit(direction, message):
    with pytest.raises(ValueError, match=message):
        mf.derivative(u, direction)(jnp.zeros(2))
    with pytest.raises(ValueError, match=r"derivative\(u\) is a function of one point"):
        mf.derivative(u, direction)(jnp.zeros((4, 2)))


@pytest.mark.parametrize(("field", "shape"), [(u, r"\(\)"), (G, r"\(3,\)")])
def test_divergence_takes_a_vector_field(field, shape):
    message = rf"divergence takes a vector field of shape \(2,\) at a point of shape \(2,\); got one of shape {shape}"
    with pytest.raises(ValueError, match=message):
        mf.divergence(field)(jnp.zeros(2))
