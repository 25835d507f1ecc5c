"""Lines along which a function given on a lattice is zero."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def zero_lines(
    x: Float[np.ndarray, " p"], y: Float[np.ndarray, " q"], values: Float[np.ndarray, "q p"]
) -> Sequence[Float[np.ndarray, "_ 2"]]:
    """The lines where values, linear between lattice points, are zero; a closed one repeats its start."""
    from contourpy import contour_generator

    return [np.asarray(line, dtype=np.float64) for line in contour_generator(x, y, values).lines(0.0)]
