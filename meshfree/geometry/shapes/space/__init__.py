"""Shapes in space."""
