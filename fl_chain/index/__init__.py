"""A local index of one task's history: made from a chain node's logs, and at any time once more."""
