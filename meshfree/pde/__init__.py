"""Operators, problems and conditions, and what is read off a residual: its order, and whether it is linear."""
