"""Plumbing: tracing, batching, the compile cache, optional packages, memory, and files that are whole or not there."""
