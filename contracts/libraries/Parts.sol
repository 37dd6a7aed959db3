// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../interfaces/ILedgerTypes.sol";

/// @title Claims about the parts of a range of updates
/// @notice What the updates of a range contribute to one value of a model is a pair: their weights
/// added up, and their weights times lanes added up. A claim about a range is split into claims about
/// its parts, until a part is a single update and can be looked at.
///
/// A range of `count` updates has parts of ceil(count / 32) consecutive updates, the last one perhaps
/// of fewer. A part is one word: its weight in the upper 64 bits, its sum in the lower 192, in two's
/// complement. Words beyond the last part are zero.
library Parts {
    uint256 internal constant MOST = 32;

    /// @notice The number of updates of every part but the last.
    function widthOf(uint256 count) internal pure returns (uint256) {
        return (count + MOST - 1) / MOST;
    }

    /// @notice The number of parts of a range.
    function numberOf(uint256 count) internal pure returns (uint256) {
        uint256 width = widthOf(count);
        return (count + width - 1) / width;
    }

    /// @notice The weight of a part.
    function weightOf(uint256 part) internal pure returns (uint64) {
        return uint64(part >> 192);
    }

    /// @notice The sum of a part.
    function sumOf(uint256 part) internal pure returns (int192) {
        return int192(uint192(part));
    }

    /// @notice What all parts of a range of `count` updates add up to.
    /// @dev 32 weights and sums cannot leave their types. Reverts where a word beyond the last part is
    /// not zero.
    function total(uint256[32] calldata parts, uint256 count) internal pure returns (uint256 weight, int256 sum) {
        uint256 number = numberOf(count);
        for (uint256 i = 0; i < MOST; ++i) {
            uint256 part = parts[i];
            // INVARIANT P-118: a claim about a range says nothing about other updates.
            if (i >= number && part != 0) revert ILedgerTypes.PartsOutOfRange(i);
            weight += weightOf(part);
            sum += sumOf(part);
        }
    }
}
