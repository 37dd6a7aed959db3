"""A participant's update of one round: which seed trains it, and how training becomes bytes.

Both follow from the place alone, so that a participant that is killed makes the same update again,
and whoever has its data can do so later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import (
    decode_model,
    decode_update,
    encode_update,
    expand_words,
)
from fl_chain.aggregation.noised_update import add_noise, clip_and_round
from fl_chain.aggregation.round_blobs import (
    hold_lanes,
    select_round,
    take_parameters,
    update_header,
)
from fl_chain.chain.ledger import Ledger
from fl_chain.protocol.blob import count_values, encode_blob
from fl_chain.protocol.layout import flatten, unflatten
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.measurement import Measurement
from fl_chain.protocol.selection import count_lanes
from fl_chain.training.trainer import Memory, TrainingResult

Unsent = NDArray[np.float32] | None
"""What updates did not hold yet, flat; None where they hold every value."""
_UNSENT = "update/unsent"
_CHANCE: Final = "chance in updates"
"""What a secret is derived from a participant's key for."""
SECRET_DTYPE: Final = np.dtype("<i2")
"""Of the lanes of an update that is to be masked, as a participant keeps them."""


@dataclass(frozen=True, slots=True)
class UpdatePlace:
    """Where an update belongs."""

    manifest: Manifest
    round_number: int
    """The round that it is recorded in."""
    base_model: str
    """Digest of the model that training begins with, 64 hexadecimal digits."""
    participant: str
    training_round: int
    """See :func:`find_training_round`."""

    @property
    def seed(self) -> int:
        """Seed of the training: another one for every round of training and participant."""
        label = self._label("training", self.training_round)
        return int.from_bytes(hashlib.sha256(label).digest()[:4])

    def decode(self, model: NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
        """Return the parameters of the base model."""
        parameters = take_parameters(self.manifest, model)
        values = decode_model(parameters, self.manifest.encoding.model_fraction_bits)
        return unflatten(values, self.manifest.layout)

    def encode(
        self, result: TrainingResult, unsent: Unsent = None, secret: bytes = b""
    ) -> tuple[NDArray[Any], Unsent]:
        """Return lanes that stand for what was trained, and what they leave for the next update.

        Where an update holds a part of the values, what it does not hold is not lost: it is added
        to what is trained next (error feedback, Stich et al. 2018, arXiv:1809.07599, algorithm 1).

        Parameters
        ----------
        result
            What was trained.
        unsent
            What the update before left; None for nothing.
        secret
            Of :func:`derive_update_secret`.
        """
        encoding, layout = self.manifest.encoding, self.manifest.layout
        has_noise = self.manifest.privacy.has_noise
        delta = flatten(result.parameter_delta, layout)
        if unsent is not None:
            delta = delta + unsent
        selected = select_round(self.manifest, self.round_number)
        held = delta[selected]
        lanes = self._clip_and_round(held, secret) if has_noise else self._round(held, secret)
        rest = None
        if not isinstance(selected, slice):
            rest = delta.copy()
            # What clipping took away is gone: sent later, it would only be clipped again.
            sent = held if has_noise else decode_update(lanes, encoding.fraction_bits)
            rest[selected] = held - sent
        if has_noise:
            place = self._label(f"noise/{self.base_model}", self.round_number)
            lanes = add_noise(lanes, self.manifest.privacy.noise_variance, secret, place)
        return lanes, rest

    def to_blob(self, lanes: NDArray[Any], measurement: Measurement | None) -> bytes:
        """Return the canonical blob of an update with these lanes, and what it says of its work."""
        place = self.round_number, self.base_model, self.participant
        header = update_header(self.manifest, *place, measurement)
        return encode_blob(header, hold_lanes(self.manifest, lanes))

    def to_secret(self, lanes: NDArray[Any]) -> bytes:
        """Return all lanes of an update that is to be masked, as a participant keeps them."""
        return hold_lanes(self.manifest, lanes).astype(SECRET_DTYPE).tobytes()

    def _round(self, held: NDArray[np.float32], secret: bytes) -> NDArray[Any]:
        encoding = self.manifest.encoding
        words = None
        if encoding.rounding == "stochastic":
            words = expand_words(secret + self._label("rounding", self.round_number), held.size)
        form = encoding.fraction_bits, encoding.max_abs, words, encoding.lane_bits
        return encode_update(held, *form)

    def _clip_and_round(self, held: NDArray[np.float32], secret: bytes) -> NDArray[Any]:
        def draw_words(attempt: int) -> NDArray[np.uint32]:
            label = self._label(f"rounding/{attempt}", self.round_number)
            return expand_words(secret + label, held.size)

        manifest = self.manifest
        num_lanes = count_lanes(count_values(manifest.layout), manifest.encoding.one_block_in)
        return clip_and_round(held, manifest.encoding, manifest.privacy, num_lanes, draw_words)

    def _label(self, purpose: str, round_number: int) -> bytes:
        parts = (
            "fl_chain",
            purpose,
            str(self.manifest.recipe.seed),
            self.manifest.task_id,
            str(round_number),
            self.participant,
        )
        return "/".join(parts).encode()


def find_training_round(manifest: Manifest, round_number: int, base_round: int) -> int:
    """Return the round that training counts as that of, whichever round its update is recorded in.

    Where updates may be late this follows from the model that it began from, since nothing else on
    record tells when it was.
    """
    return base_round + 1 if manifest.max_staleness else round_number


def derive_update_secret(ledger: Ledger, manifest: Manifest) -> bytes:
    """Return what chance in a participant's updates of one task is drawn from, besides their place.

    That is 32 bytes which follow from the participant's key, where somebody who repeats rounding or
    noise would see more than is shown: in tasks with noise on updates, and in sealed ones, where
    the digest on record would tell whether a guess of the data is right. It is nothing in other
    tasks: everybody sees their updates, or sums alone.

    Raises
    ------
    UsageError
        The ledger was opened without a key.
    """
    privacy = manifest.privacy
    return ledger.derive_secret(_CHANCE, 0) if privacy.has_noise or privacy.is_sealed else b""


def add_unsent(memory: Memory, unsent: Unsent) -> Memory:
    """Return what training knows, with what its updates did not hold yet."""
    return memory if unsent is None else {**memory, _UNSENT: unsent}


def take_unsent(memory: Memory) -> Unsent:
    """Return what updates did not hold yet, of a memory."""
    unsent = memory.get(_UNSENT)
    return None if unsent is None else unsent.astype(np.float32)
