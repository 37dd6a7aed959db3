"""Noise that hides a participant in a sum: how it is drawn, and what it costs. Pure."""
