"""Evidence in, findings out. Pure: runs without torch and without a network."""
