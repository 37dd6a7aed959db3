"""What participants put on record in their first round, as an attacker without a key reads it.

Everything is the product's own: local training, with noise or without, encoding to lanes, the mean,
sealing, masks and the sum of a group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from math import isqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fl_chain.aggregation.fixed_point import encode_update
from fl_chain.lab.inversion import Seen
from fl_chain.lab.masked_group import PLACE, deal, mask, unmask
from fl_chain.lab.modes import CIPHERTEXT, GROUP_SUM, LANES, NOISED, NOISED_SUM, Exposure
from fl_chain.lab.noised_updates import GroupNoise, fit_noise
from fl_chain.privacy.masking.masks import centre
from fl_chain.privacy.sealing import (
    CONTENT_KEY_BYTES,
    TAG_BYTES,
    SealPlace,
    decode_sealed,
    seal_update,
)
from fl_chain.protocol.constants import PACKED_LANE_BITS, SHORT_LANE_BITS
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.encryption import SECRET_BYTES, derive_public_key
from fl_chain.protocol.layout import flatten, layout_of, unflatten
from fl_chain.protocol.packing import pack_lanes, unpack_lanes
from fl_chain.training.datasets import Dataset
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters, set_parameters
from fl_chain.training.private_sgd import PrivateSgd, PrivateSteps

FRACTION_BITS: Final = {8: 8, 12: 12, 16: 15}
"""As of a task that names its lanes alone."""
_NOISE_LABEL: Final = 0x6E6F697365


def show(exposure: Exposure, parts: Sequence[Dataset], chance: np.random.Generator) -> Seen:
    """Return what an attacker has of participants with these examples."""
    module = build_model(exposure.model, exposure.seed)
    received = get_parameters(module)
    deltas = _train_each(exposure, module, parts, chance)
    if exposure.shown == NOISED_SUM:
        lanes, bits = _sum_with_noise(exposure, list(deltas), chance)
    else:
        bits = FRACTION_BITS[exposure.lane_bits]
        lanes = _take_what_is_shown(exposure, _encode_each(exposure, deltas, chance))
    set_parameters(module, received)
    scale = len(parts) * 2.0**bits
    update = unflatten((lanes / scale).astype(np.float32), layout_of(received))
    labels = np.concatenate([part.labels for part in parts]).astype(np.int64)
    return Seen(module, update, labels, isqrt(parts[0].features.shape[1]))


def show_random_numbers(exposure: Exposure, parts: Sequence[Dataset]) -> Seen:
    """Return what an attacker has to whom random numbers are given in the place of an update."""
    module = build_model(exposure.model, exposure.seed)
    chance = np.random.default_rng((exposure.seed, _NOISE_LABEL))
    update = {
        name: chance.standard_normal(value.shape, np.float32)
        for name, value in get_parameters(module).items()
    }
    labels = np.concatenate([part.labels for part in parts]).astype(np.int64)
    return Seen(module, update, labels, isqrt(parts[0].features.shape[1]))


def _largest(exposure: Exposure) -> int:
    return int(2 ** (exposure.lane_bits - 1) - 1)


def _take_what_is_shown(exposure: Exposure, updates: Iterator[NDArray[Any]]) -> NDArray[np.float64]:
    """Return the sum of what is read of the updates, in lanes."""
    if exposure.shown == CIPHERTEXT:
        return _seal(exposure, next(updates)).astype(np.float64)
    if exposure.shown in (LANES, GROUP_SUM):
        group, largest = deal(exposure.group_size, exposure.seed), _largest(exposure)
        masked = [mask(group, i, lanes, largest) for i, lanes in enumerate(updates)]
        read = centre(masked[0]) if exposure.shown == LANES else unmask(group, masked, largest)
        return read.astype(np.float64)
    total = next(updates).astype(np.float64)
    for lanes in updates:
        total += lanes
    return total


def _train_each(
    exposure: Exposure, module: nn.Module, parts: Sequence[Dataset], chance: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    received = get_parameters(module)
    layout = layout_of(received)
    for number, part in enumerate(parts):
        trainer = _make_trainer(exposure, module, part, number)
        trained = trainer.train(received, seed=int(chance.integers(2**32)))
        yield flatten(trained.parameter_delta, layout)


def _encode_each(
    exposure: Exposure, deltas: Iterator[NDArray[np.float32]], chance: np.random.Generator
) -> Iterator[NDArray[Any]]:
    bits, largest = FRACTION_BITS[exposure.lane_bits], _largest(exposure)
    for delta in deltas:
        words = chance.integers(2**32, size=delta.size, dtype=np.uint32)
        yield encode_update(delta, bits, largest, words, exposure.lane_bits)


def _sum_with_noise(
    exposure: Exposure, deltas: Sequence[NDArray[np.float32]], chance: np.random.Generator
) -> tuple[NDArray[np.float64], int]:
    """Return the sum of a group whose members add noise, in lanes, and the bits of its fraction."""
    usual = Encoding(FRACTION_BITS[exposure.lane_bits], _largest(exposure), exposure.lane_bits)
    terms = GroupNoise(exposure.noise_multiplier, exposure.group_size)
    noise = fit_noise(deltas, terms, usual)

    def draw_words(_: int) -> NDArray[np.uint32]:
        return chance.integers(2**32, size=deltas[0].size, dtype=np.uint32)

    group = deal(exposure.group_size, exposure.seed)
    masked = []
    for i, delta in enumerate(deltas):
        noised = noise.add(delta, draw_words, f"{exposure.seed}/noise {i}", PLACE.encode())
        masked.append(mask(group, i, noised, usual.max_abs))
    lanes = unmask(group, masked, usual.max_abs)
    return lanes.astype(np.float64), noise.encoding.fraction_bits


def _make_trainer(exposure: Exposure, module: nn.Module, part: Dataset, number: int) -> LocalSgd:
    if exposure.shown != NOISED:
        return LocalSgd(
            module,
            part,
            num_epochs=exposure.num_epochs,
            batch_size=exposure.batch_size,
            learning_rate=exposure.learning_rate,
        )
    steps = PrivateSteps(
        exposure.noise_multiplier,
        exposure.max_grad_norm,
        min(1.0, exposure.batch_size / exposure.num_examples),
        exposure.steps_per_round,
    )
    secret = _draw(exposure, f"secret {number}", 32)
    return PrivateSgd(
        module, part, steps=steps, secret=secret, learning_rate=exposure.learning_rate
    )


def _seal(exposure: Exposure, lanes: NDArray[Any]) -> NDArray[Any]:
    """Return the lanes of a sealed update as they look to somebody without a key of a reader."""
    is_packed = exposure.lane_bits == PACKED_LANE_BITS
    blob = (pack_lanes(lanes) if is_packed else lanes).tobytes()
    public_key = derive_public_key(_draw(exposure, "reader", SECRET_BYTES))
    place = SealPlace(PLACE.task, PLACE.round, f"0x{1:040x}")
    content_key = _draw(exposure, "content", CONTENT_KEY_BYTES)
    content = decode_sealed(seal_update(place, blob, [public_key], content_key)).content
    read = content[:-TAG_BYTES]
    if is_packed:
        return unpack_lanes(np.frombuffer(read, np.uint8))[: lanes.size]
    return np.frombuffer(read, "<i1" if exposure.lane_bits == SHORT_LANE_BITS else "<i2")


def _draw(exposure: Exposure, name: str, count: int) -> bytes:
    return hashlib.shake_256(f"{exposure.seed}/{name}".encode()).digest(count)
