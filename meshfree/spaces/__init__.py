"""Function spaces over a cloud."""

from .base import Expansion, GlobalSpace, LocalBasis, Space
from .collocation import Collocation
from .eigenbasis import Eigenbasis
from .enriched import Enriched
from .multilevel import Multilevel
from .stencils import Stencils

__all__ = [
    "Collocation",
    "Eigenbasis",
    "Enriched",
    "Expansion",
    "GlobalSpace",
    "LocalBasis",
    "Multilevel",
    "Space",
    "Stencils",
]
