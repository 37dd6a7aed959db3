"""Bytes to CID, and CID to verified bytes."""
