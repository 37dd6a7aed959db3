// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../interfaces/ILedgerTypes.sol";

/// @title Integers of a blob, read from bytes of calldata
/// @notice Blobs hold lanes and parameters as little-endian integers in two's complement
/// (docs/spec.md, 5.4): an update `int16At`, a model `int32At`. Offsets count bytes from the start of
/// the slice; no alignment is asked for.
///
/// What does not lie wholly within the slice is no value, least of all zero: reading it reverts with
/// `BeyondEnd`. A caller to whom a slice that ends early means something compares its length first.
library LittleEndian {
    /// @notice The byte at `offset`.
    function uint8At(bytes calldata data, uint256 offset) internal pure returns (uint8) {
        return uint8(data[_within(data, offset, 1)]);
    }

    /// @notice The lane whose first byte is at `offset`.
    function int16At(bytes calldata data, uint256 offset) internal pure returns (int16) {
        bytes2 word = bytes2(data[_within(data, offset, 2):]);
        return int16(uint16(bytes2(word << 8 | word >> 8)));
    }

    /// @notice The parameter whose first byte is at `offset`.
    function int32At(bytes calldata data, uint256 offset) internal pure returns (int32) {
        bytes4 word = bytes4(data[_within(data, offset, 4):]);
        bytes4 swapped = word << 24 | (word & 0x0000ff00) << 8 | (word >> 8) & 0x0000ff00 | word >> 24;
        return int32(uint32(swapped));
    }

    /// @notice The word whose first byte is at `offset`; of rewards, which are words of the contract, and not little-endian.
    function wordAt(bytes calldata data, uint256 offset) internal pure returns (uint256) {
        return uint256(bytes32(data[_within(data, offset, 32):]));
    }

    /// Returns `offset`, from which `width` bytes can be read.
    function _within(bytes calldata data, uint256 offset, uint256 width) private pure returns (uint256) {
        // INVARIANT P-104: no integer is read from beyond the bytes that were shown.
        if (data.length < width || offset > data.length - width) revert ILedgerTypes.BeyondEnd(offset, width, data.length);
        return offset;
    }
}
