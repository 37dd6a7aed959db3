"""Masked rounds: the sum of a group comes out, and no update that is in it. Pure and exact."""
