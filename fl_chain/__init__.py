"""Federated learning whose every global model anyone can re-derive, byte for byte."""

__version__ = "0.1.0"
