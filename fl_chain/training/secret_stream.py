"""Randomness that only who has a secret can repeat: which examples come, and noise.

ChaCha20 (RFC 8439) under a key that HKDF-SHA256 (RFC 5869) makes of the secret and of what it is
for. PyTorch's own generator would not do: who sees some of its numbers can tell the others.

Normal numbers are made of four by the inverse of the distribution function, each from 53 random
bits: the sum of four leaves no trace of which floats one alone can take (Holohan and Braghin 2021,
https://arxiv.org/abs/2107.10138, section 4).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["SecretStream"]

_SALT = b"fl_chain/secret stream/1"
_UNIT = 2.0**-53


class SecretStream:
    """A stream of random numbers.

    Parameters
    ----------
    secret
        At least 32 bytes.
    label
        What the numbers are for: others for every label.

    Examples
    --------
    >>> bool(0 <= SecretStream(bytes(32), b"").uniform(1)[0] < 1)
    True
    """

    def __init__(self, secret: bytes, label: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=_SALT, info=label).derive(secret)
        self._stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()

    def uniform(self, count: int) -> npt.NDArray[np.float64]:
        """Return numbers in [0, 1), multiples of 2^-53."""
        return self._bits(count).astype(np.float64) * _UNIT

    def normal(self, count: int) -> torch.Tensor:
        """Return standard normal numbers, float64."""
        total = torch.zeros(count, dtype=torch.float64)
        for _ in range(4):
            # Halves of a unit, so that neither end of (-1, 1) is reached.
            uniform = torch.from_numpy(self._bits(count).astype(np.float64)).add_(0.5).mul_(_UNIT)
            total += torch.special.ndtri(uniform)
        return total / math.sqrt(4)

    def _bits(self, count: int) -> npt.NDArray[np.uint64]:
        words = np.frombuffer(self._stream.update(bytes(8 * count)), "<u8")
        return words >> np.uint64(11)
