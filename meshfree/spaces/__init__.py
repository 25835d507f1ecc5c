"""Function spaces over a cloud."""

from .base import Expansion, GlobalSpace, LocalBasis, Space
from .collocation import Collocation
from .eigenbasis import Eigenbasis
from .enriched import Enriched
from .gaussian_process import GaussianProcess
from .multilevel import Multilevel
from .stencils import Stencils

__all__ = [
    "Collocation",
    "Eigenbasis",
    "Enriched",
    "Expansion",
    "GaussianProcess",
    "GlobalSpace",
    "LocalBasis",
    "Multilevel",
    "Space",
    "Stencils",
]
