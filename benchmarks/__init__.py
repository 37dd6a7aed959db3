"""Measured comparisons; each module says how to run it. Results are in README.md."""
