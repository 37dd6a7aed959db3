"""Experiments without chain and IPFS: the rules and the training of a task, in one process."""
