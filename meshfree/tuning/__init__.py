"""Losses, and gradient descent on any leaves through the solve."""
