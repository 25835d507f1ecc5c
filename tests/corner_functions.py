"""Functions that are singular at a corner of the plane, as tests of several rooms enrich spaces with them."""

import jax.numpy as jnp

import meshfree as mf

# three unit squares about the re-entrant corner (0, 0)
ELL = mf.Box((-1.0, -1.0), (1.0, 1.0)) - mf.Box((0.0, 0.0), (1.0, 1.0))


def polar(x, corner, edge):
    """r² and θ ∈ [−0.3π, 1.7π) about a corner, θ counter-clockwise from the direction of an edge; (0, 0) there."""
    offset = x - jnp.array(corner)
    along, across = offset @ jnp.array(edge), offset @ jnp.array([-edge[1], edge[0]])
    away = (along != 0) | (across != 0)
    theta = jnp.arctan2(jnp.where(away, across, 0.0), jnp.where(away, along, 1.0))
    return jnp.where(away, along**2 + across**2, 0.0), jnp.where(theta < -0.3 * jnp.pi, theta + 2 * jnp.pi, theta)


def power(exponent, cosine=False):
    """r^p sin pθ or r^p cos pθ about the corner of ELL, θ from the edge x₀ = 0."""

    def function(x):
        r2, theta = polar(x, (0.0, 0.0), (0.0, 1.0))
        return r2 ** (exponent / 2) * (jnp.cos if cosine else jnp.sin)(exponent * theta)

    return function


def logarithmic(corner, edge):
    """Im z² log z about a corner, which a source term makes where two edges meet at a right angle."""

    def function(x):
        r2, theta = polar(x, corner, edge)
        log_r = jnp.log(jnp.where(r2 > 0, r2, 1.0)) / 2
        return r2 * (log_r * jnp.sin(2 * theta) + theta * jnp.cos(2 * theta))

    return function
