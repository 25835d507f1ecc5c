"""Newton's method and its derivative, solutions, and what is asked of them."""
