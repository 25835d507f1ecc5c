"""Shapes beyond boxes and balls."""

from .polygon import Polygon

__all__ = ["Polygon"]
