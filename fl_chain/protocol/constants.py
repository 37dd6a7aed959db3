"""Constants of the protocol. docs/spec.md lists the same table; a test compares the two."""

from __future__ import annotations

from typing import Final

FORMAT: Final = "fl_chain/1"
"""Version of every format below; written into every blob and manifest."""

CHUNK_BYTES: Final = 1024
"""Bytes of one leaf of the digest tree; the last leaf may be shorter."""

LEAF_CHUNK_BYTES: Final = 2**20
"""Bytes of one UnixFS leaf of the import profile unixfs-v1-2025."""

MAX_HEADER_BYTES: Final = 2**20
"""Upper bound of a blob's header, its length prefix and padding included."""

MAX_TENSORS: Final = 4096
"""Upper bound of the number of tensors in a layout."""

MAX_DIMENSIONS: Final = 8
"""Upper bound of the number of dimensions of a tensor."""

MAX_BLOB_BYTES: Final = 2**32
"""Upper bound of a blob. Larger models are split into tasks over parameter subsets."""

MAX_DOCUMENT_BYTES: Final = 2**20
"""Upper bound of a manifest: one raw leaf, so that its CID follows from its digest alone."""

MAX_UPDATES: Final = 2**24
"""Upper bound of the updates of a round: a report has a byte for each."""

MAX_ROBUST_UPDATES: Final = 2**12
"""Most updates of a round by any rule but ``mean``: these hold all of them at once."""

LANE_BITS: Final = 16
"""Bits of one lane of an update, two's complement, unless the task has shorter ones."""

SHORT_LANE_BITS: Final = 8
"""Bits of one lane of an update in a task with short ones."""

PACKED_LANE_BITS: Final = 12
"""Bits of one lane of an update in a task where two lanes are packed into three bytes."""

BLOCK_VALUES: Final = 16
"""Values of a model that an update holds together or leaves out together."""

MAX_BLOCKS: Final = 1024
"""Most blocks of which an update holds one."""

MODEL_BITS: Final = 32
"""Bits of one model parameter, two's complement, saturating."""

ACCUMULATOR_BITS: Final = 62
"""Magnitude that no scaled sum may reach, so that doubling a remainder stays within int64."""

NO_VALUES: Final = 2**32 - 1
"""Fraction shift of a task whose contract decides about no values: its rule is another one than
``mean``, or its updates are compressed."""
