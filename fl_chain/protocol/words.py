"""The types of a record's words, each with its name in the ABI."""

from __future__ import annotations

from typing import Annotated

Address = Annotated[str, "address"]
Bytes32 = Annotated[bytes, "bytes32"]
Uint8 = Annotated[int, "uint8"]
Uint32 = Annotated[int, "uint32"]
Int32 = Annotated[int, "int32"]
Uint40 = Annotated[int, "uint40"]
Uint64 = Annotated[int, "uint64"]
Uint96 = Annotated[int, "uint96"]
Uint128 = Annotated[int, "uint128"]
Bool = Annotated[bool, "bool"]
Parts = Annotated[tuple[int, ...], "uint256[32]"]
"""See :mod:`fl_chain.protocol.parts`."""
