"""Sparse matrices of local spaces: their rows, and what solves with them."""

from .factors import KrylovError, SparseFactor, factor_sparse

__all__ = ["KrylovError", "SparseFactor", "factor_sparse"]
