"""A participant's update of one round: which seed trains it, and how training becomes bytes.

Both follow from the place alone, so that a participant that is killed makes the same update again,
and whoever has its data can do so later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.derive import update_header
from fl_chain.aggregation.fixed_point import decode_model, encode_update, expand_words
from fl_chain.protocol.blob import count_values, encode_blob
from fl_chain.protocol.layout import flatten, unflatten
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.measurement import Measurement
from fl_chain.training.trainer import TrainingResult


@dataclass(frozen=True, slots=True)
class UpdatePlace:
    """Where an update belongs."""

    manifest: Manifest
    round_number: int
    base_model: str
    """Digest of the model that training begins with, 64 hexadecimal digits."""
    participant: str

    @property
    def seed(self) -> int:
        """Seed of the training: another one for every round and participant."""
        return int.from_bytes(hashlib.sha256(self._label("training")).digest()[:4])

    def decode(self, model: NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
        """Return the parameters of the base model."""
        values = decode_model(model, self.manifest.encoding.model_fraction_bits)
        return unflatten(values, self.manifest.layout)

    def encode(self, result: TrainingResult, measurement: Measurement | None) -> bytes:
        """Return the canonical blob of what was trained."""
        encoding, layout = self.manifest.encoding, self.manifest.layout
        words = None
        if encoding.rounding == "stochastic":
            words = expand_words(self._label("rounding"), count_values(layout))
        delta = flatten(result.parameter_delta, layout)
        lanes = encode_update(delta, encoding.fraction_bits, encoding.max_abs, words)
        place = self.round_number, self.base_model, self.participant
        return encode_blob(update_header(self.manifest, *place, measurement), lanes)

    def _label(self, purpose: str) -> bytes:
        parts = (
            "fl_chain",
            purpose,
            str(self.manifest.recipe.seed),
            self.manifest.task_id,
            str(self.round_number),
            self.participant,
        )
        return "/".join(parts).encode()
