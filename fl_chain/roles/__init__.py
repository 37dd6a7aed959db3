"""Participant, aggregator, auditor, coordinator: where the core meets the edges."""
