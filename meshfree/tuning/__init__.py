"""Losses, search for scales, and gradient descent on any leaves through the solve."""
