"""Export a model of a task as float32 safetensors, for anybody's tools.

The pinned model is safetensors already, but holds fixed-point integers; the export is the float
view that training starts from.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.fixed_point import decode_model
from fl_chain.aggregation.round_blobs import take_parameters
from fl_chain.errors import UsageError
from fl_chain.protocol.blob import Layout, count_values
from fl_chain.protocol.phases import Phase
from fl_chain.roles.follower import TaskFollower
from fl_chain.whole_file import check_place, write_whole


def find_final_round(follower: TaskFollower, round_number: int | None) -> int:
    """Return the number of a round with a final model, of the latest for None; 0 is genesis.

    Raises
    ------
    UsageError
        The round has none.
    """
    task = follower.task
    latest = max((n for n, history in task.rounds.items() if history.finalized), default=0)
    number = latest if round_number is None else round_number
    if number != 0 and (
        number not in task.rounds or task.phase_of(number, follower.now) != Phase.FINALIZED
    ):
        raise UsageError(f"round {number} has no final model", f"the latest is round {latest}")
    return number


def export_model(follower: TaskFollower, round_number: int | None, path: Path) -> int:
    """Write the model of a finalized round, the latest for None, and return the round's number.

    Raises
    ------
    UsageError
        The round has no final model, or ``path`` is no place for a file.
    ProtocolError
        The pinned model is not the one on record.
    LocalStateError
        The file cannot be written.
    """
    check_place(path)
    task, number = follower.task, find_final_round(follower, round_number)
    manifest = follower.manifest
    parameters = take_parameters(manifest, follower.model(number))
    values = decode_model(parameters, manifest.encoding.model_fraction_bits)
    data = encode_float_safetensors(
        manifest.layout,
        values,
        {
            "model": task.model_digest(number).hex(),
            "round": str(number),
            "task": manifest.task_id,
        },
    )
    write_whole(path, data)
    return number


def encode_float_safetensors(
    layout: Layout, values: NDArray[np.float32], metadata: dict[str, str]
) -> bytes:
    """Return a safetensors file of float32 tensors from one flat vector."""
    entries: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name, shape in layout:
        end = offset + 4 * count_values(((name, shape),))
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # readers map the data in place when it is aligned
    return len(header).to_bytes(8, "little") + header + values.astype("<f4").tobytes()
