"""What checks the signatures of meshfree under pytest: beartype, with an int where a float is asked for (PEP 484).

ArrayLike, which refuses next to nothing, takes more time than all others and is left out.
"""

from beartype import BeartypeConf, FrozenDict, beartype
from numpy.typing import ArrayLike

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({ArrayLike: object})))
