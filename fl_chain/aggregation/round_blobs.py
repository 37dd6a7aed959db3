"""The blobs of a round: which headers and sizes they must have, and which values they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_chain.errors import MalformedBlob, Misplaced
from fl_chain.privacy.masking.masks import Lanes, choose_ring_bits
from fl_chain.privacy.sealing import (
    KeyRing,
    SealPlace,
    compute_sealed_bytes,
    decode_sealed,
    open_sealed,
)
from fl_chain.protocol.blob import (
    DTYPES,
    MODEL,
    UPDATE,
    BlobHeader,
    Layout,
    compute_header_bytes,
    count_values,
    decode_blob,
    encode_blob,
)
from fl_chain.protocol.constants import LEAF_CHUNK_BYTES, PACKED_LANE_BITS
from fl_chain.protocol.manifest import BLOCKS, Manifest
from fl_chain.protocol.measurement import Measurement
from fl_chain.protocol.optimizer import FIRST, SECOND
from fl_chain.protocol.packing import pack_lanes, unpack_lanes
from fl_chain.protocol.selection import count_lanes, select_values


def model_header(manifest: Manifest) -> BlobHeader:
    """Return the header that every model of a task must have, genesis included."""
    layout = manifest.model_layout
    return BlobHeader(MODEL, manifest.task_id, layout, is_measured=manifest.measurements)


def update_header(
    manifest: Manifest,
    round_number: int,
    base_model: str,
    participant: str,
    measurement: Measurement | None = None,
) -> BlobHeader:
    """Return the header that a participant's update of a round must have.

    What an update must have besides in a task with measurements, ``measurement``, is the
    participant's to say.
    """
    layout, is_masked = lay_out_update(manifest), manifest.privacy.is_masked
    place = UPDATE, manifest.task_id, layout, round_number, base_model, participant
    lane_bits = compute_ring_bits(manifest) if is_masked else manifest.encoding.lane_bits
    return BlobHeader(*place, manifest.measurements, measurement, lane_bits, is_masked)


def lay_out_update(manifest: Manifest) -> Layout:
    """Return the tensors of an update; masked lanes are not packed, however long they are."""
    one_block_in = manifest.encoding.one_block_in
    if not manifest.privacy.is_masked:
        return manifest.update_layout
    if one_block_in == 1:
        return manifest.layout
    return ((BLOCKS, (count_lanes(count_values(manifest.layout), one_block_in),)),)


def compute_ring_bits(manifest: Manifest) -> int:
    """Return the bits of a masked lane: 16 or 32, so that no sum of a group wraps."""
    most_members = 2 * manifest.privacy.group_size - 1
    return choose_ring_bits(most_members * manifest.rounds.max_weight * manifest.encoding.max_abs)


def encode_masked_update(
    manifest: Manifest, round_number: int, base_model: str, participant: str, lanes: Lanes
) -> bytes:
    """Return the canonical blob of a masked update.

    Parameters
    ----------
    manifest
        The task.
    round_number, base_model, participant
        Where the update belongs; see :func:`update_header`.
    lanes
        What :func:`fl_chain.privacy.masking.masks.mask_lanes` makes of all lanes of the update,
        those of :func:`hold_lanes`, in a ring of :func:`compute_ring_bits`.

    Raises
    ------
    MalformedBlob
        More or fewer lanes, or of another ring.
    """
    return encode_blob(update_header(manifest, round_number, base_model, participant), lanes)


def read_masked_lanes(manifest: Manifest, data: bytes) -> Lanes:
    """Return all lanes of a masked update, whatever its header says; a view of ``data``."""
    header = update_header(manifest, 0, "", "")
    header_bytes = compute_header_bytes(header.layout, is_masked=True)
    return np.frombuffer(data, header.dtype[1], offset=header_bytes)


def compute_blob_bytes(header: BlobHeader) -> int:
    """Return the exact size of a blob of this kind and layout: the cap to fetch it under."""
    _, dtype = header.dtype
    header_bytes = compute_header_bytes(header.layout, header.is_measured, header.is_masked)
    return header_bytes + dtype.itemsize * count_values(header.layout)


def compute_update_bytes(manifest: Manifest) -> int:
    """Return the exact size of every update of a task."""
    return compute_blob_bytes(update_header(manifest, 0, "", ""))


def compute_pinned_bytes(manifest: Manifest) -> int:
    """Return the exact size of what is pinned of an update; its CID's codec follows from it."""
    size = compute_update_bytes(manifest)
    is_sealed = manifest.privacy.is_sealed
    return compute_sealed_bytes(size, len(manifest.readers)) if is_sealed else size


def compute_fetch_bytes(pinned_bytes: int) -> int:
    """Return the cap to fetch an update under of which so much is pinned.

    It is larger, so that oversized content is read whole and its CID verified: a store could
    otherwise have any update left out by sending too much.
    """
    return 2 * pinned_bytes + 2 * LEAF_CHUNK_BYTES


def unseal(
    manifest: Manifest, round_number: int, participant: str, data: bytes, keys: KeyRing
) -> bytes:
    """Return the blob of an update from what is pinned of it: the same, unless it is sealed.

    Raises
    ------
    MalformedBlob
        Not a canonical container.
    Misplaced
        A container of another task, round or participant, or for more or fewer readers.
    CannotDecrypt
        None of the keys opens it.
    """
    if not manifest.privacy.is_sealed:
        return data
    sealed = decode_sealed(data)
    place = SealPlace(manifest.task_id, round_number, participant)
    if sealed.place != place or len(sealed.rows) != len(manifest.readers):
        raise Misplaced("the sealed update is of another place, or for other readers")
    return open_sealed(sealed, keys)


def decode_model_blob(data: bytes, expected: BlobHeader) -> NDArray[np.int32]:
    """Return the integers of a model's blob.

    Raises
    ------
    MalformedBlob
        Not canonical, or bound to another place than ``expected``.
    """
    header, values = decode_blob(data)
    if header != expected:
        raise MalformedBlob("the model's blob is bound to another place or layout")
    return values


def select_round(manifest: Manifest, round_number: int) -> slice | NDArray[np.int64]:
    """Return the positions of the values that the updates of a round hold, ascending."""
    num_values, one_block_in = count_values(manifest.layout), manifest.encoding.one_block_in
    return select_values(manifest.task_id, round_number, num_values, one_block_in)


def read_lanes(manifest: Manifest, round_number: int, data: bytes) -> NDArray[np.int16]:
    """Return the lanes of an update that stand for values, whatever its header says.

    Not of a masked one: nobody can tell them.
    """
    lane_bits = manifest.encoding.lane_bits
    _, dtype = DTYPES[lane_bits]
    header_bytes = compute_header_bytes(manifest.update_layout, manifest.measurements)
    lanes = np.frombuffer(data, dtype, offset=header_bytes)
    if lane_bits == PACKED_LANE_BITS:
        lanes = unpack_lanes(lanes)
    return lanes[: count_held(manifest, round_number)].astype(np.int16, copy=False)


def count_held(manifest: Manifest, round_number: int) -> int:
    """Return how many lanes of a round's updates stand for values: the first ones."""
    selected = select_round(manifest, round_number)
    return count_values(manifest.layout) if isinstance(selected, slice) else selected.size


def hold_lanes(manifest: Manifest, lanes: NDArray[Any]) -> NDArray[Any]:
    """Return the entries of an update's blob whose lanes that stand for values are these.

    Of a masked update, what is masked.
    """
    encoding = manifest.encoding
    num_lanes = count_lanes(count_values(manifest.layout), encoding.one_block_in)
    padded = np.pad(lanes, (0, num_lanes - lanes.size)) if lanes.size < num_lanes else lanes
    is_packed = encoding.lane_bits == PACKED_LANE_BITS and not manifest.privacy.is_masked
    return pack_lanes(padded) if is_packed else padded


def take_parameters(manifest: Manifest, model: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the parameters of a model, without what the optimizer remembers."""
    return model[: count_values(manifest.layout)]


def begin_model(manifest: Manifest, parameters: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return a genesis model: parameters, and what the optimizer begins with."""
    state = {FIRST: 0, SECOND: manifest.optimizer.tau}
    rest = [np.full_like(parameters, state[name]) for name in manifest.optimizer.state_names]
    return np.concatenate([parameters, *rest])
