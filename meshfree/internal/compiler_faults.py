"""XLA's wrong programs on the CPU, kept from being made.

From jaxlib 0.10.2 on sums, maxima and products are left to the library YNNPACK, which gets some wrong without a sign:

- 0.10.2: the sum of a matrix times a vector, squared, over more than 16 384 points: the last value is wrong
  (github.com/jax-ml/jax/issues/39103);
- 0.11.1 and 0.11.2: v/|v| beside 1/|v|, at 4096 points and more: 1/√(a sum or a maximum) is infinite. Stencils are
  scaled so, and a solution was NaN at two thousand points.

0.10.1, 0.11.0 and 0.12.0.1 are right. In the others XLA computes as it did before 0.10.2 where its flag is empty. The
flag is read once, when JAX first computes.
"""

import os
import warnings

import jax
import jaxlib

FAULTY = ("0.10.2", "0.11.1", "0.11.2")
FLAG = "--xla_cpu_experimental_ynn_fusion_type"


def avoid_wrong_programs() -> None:
    """Switch YNNPACK off where it is wrong, unless XLA_FLAGS names it; a warning where JAX has computed already."""
    flags = os.environ.get("XLA_FLAGS", "")
    if jaxlib.__version__ not in FAULTY or FLAG in flags:
        return
    from jax._src import xla_bridge  # of these versions; others may have none

    is_file = bool(flags.strip()) and not flags.strip().startswith("-")  # it is the name of one, which is read instead
    if is_file or (xla_bridge.backends_are_initialized() and jax.default_backend() == "cpu"):
        warnings.warn(
            f"jaxlib {jaxlib.__version__} computes some sums and quotients wrongly on the CPU, and it is too late to "
            f"switch that off: import meshfree before JAX computes anything, or set XLA_FLAGS={FLAG}= before "
            "Python starts, or use another version of jaxlib",
            stacklevel=3,
        )
    else:
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}=".strip()
