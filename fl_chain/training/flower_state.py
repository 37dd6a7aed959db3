"""What a Flower app keeps in ``context.state``, as arrays that a journal can hold."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from fl_chain.errors import TrainingError
from fl_chain.training.trainer import Memory

_STATE: Final = "state"
"""What records there are, as JSON in bytes; the arrays in them follow by number."""


def remember_state(state: Any) -> Memory:
    """Return the records of a ``RecordDict``.

    It is not empty if there are none: whoever trains again has to know that an app may keep some.
    """
    from flwr.app import ArrayRecord, ConfigRecord

    memory: dict[str, np.ndarray[Any, Any]] = {}
    listed = []
    for name, record in state.items():
        if isinstance(record, ArrayRecord):
            entries: Any = []
            for key, array in record.items():
                place = f"{_STATE}/{len(memory)}"
                memory[place] = np.frombuffer(array.data, np.uint8)
                entries.append([key, place, array.dtype, list(array.shape), array.stype])
            listed.append([name, "arrays", entries])
        else:
            kind = "config" if isinstance(record, ConfigRecord) else "metrics"
            listed.append([name, kind, [[key, _to_json(value)] for key, value in record.items()]])
    memory[_STATE] = np.frombuffer(json.dumps(listed).encode(), np.uint8)
    return memory


def recall_state(memory: Memory) -> Any:
    """Return the ``RecordDict`` of a memory; an empty one if it has none.

    Raises
    ------
    TrainingError
        The memory is not one that :func:`remember_state` made.
    """
    from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

    state = RecordDict()
    if _STATE not in memory:
        return state
    try:
        for name, kind, entries in json.loads(memory[_STATE].tobytes()):
            if kind == "arrays":
                state[name] = ArrayRecord(
                    {
                        key: Array(dtype, tuple(shape), stype, memory[place].tobytes())
                        for key, place, dtype, shape, stype in entries
                    }
                )
            else:
                values = {key: _from_json(value) for key, value in entries}
                state[name] = ConfigRecord(values) if kind == "config" else MetricRecord(values)
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError("what the app remembers of former rounds is damaged") from error
    return state


def _to_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_json(each) for each in value]
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(each) for each in value]
    return bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value
