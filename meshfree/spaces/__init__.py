"""Function spaces over a cloud."""

from .base import Expansion, Space
from .collocation import Collocation
from .eigenbasis import Eigenbasis

__all__ = ["Collocation", "Eigenbasis", "Expansion", "Space"]
