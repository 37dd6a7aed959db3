"""Code that draws at random, and yields the same when it is run again."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from fl_chain.training.seed import require_seed

__all__ = ["GENERATORS", "reproducible"]

GENERATORS = threading.RLock()
"""Held by whoever seeds the global generators: a process has one of each, for all its threads."""


@contextmanager
def reproducible(seed: int) -> Iterator[torch.Generator]:
    """Make what runs inside depend on the seed alone, then restore what was there.

    Threads of one process take turns, each until it is done. Each has one thread of PyTorch: how
    many there are changes the order in which a sum is rounded. The global generators of PyTorch,
    NumPy and Python are seeded too, because layers such as dropout, and code of users, draw from
    nothing else.

    Parameters
    ----------
    seed
        In [0, 2^32).

    Examples
    --------
    >>> with reproducible(7) as first, reproducible(7) as second:
    ...     bool(torch.rand(1, generator=first) == torch.rand(1, generator=second))
    True
    """
    with GENERATORS:
        num_threads = torch.get_num_threads()
        python_state, numpy_state = random.getstate(), np.random.get_state()
        torch.set_num_threads(1)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(require_seed(seed))
                np.random.seed(seed)
                random.seed(seed)
                yield torch.Generator().manual_seed(seed)
        finally:
            torch.set_num_threads(num_threads)
            random.setstate(python_state)
            np.random.set_state(numpy_state)
