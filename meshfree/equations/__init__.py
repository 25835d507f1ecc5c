"""A problem in a space on a cloud: the weighted residuals r(c) and their matrix dr/dc."""
