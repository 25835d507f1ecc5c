"""Shapes of the plane."""
