// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {History} from "../libraries/History.sol";
import {PrivacyBudgets} from "./PrivacyBudgets.sol";

/// @title How an update is recorded, whichever way it came
/// @notice Of the ledger's own code, and of the code for disputes as well, in which masked updates enter (Masks.sol).
abstract contract Entries is PrivacyBudgets {
    /// Counts the updates, and closes collection with the last one that can come.
    function _advance(CurrentRound memory current, uint32 numUpdates, uint32 target) internal {
        current.numUpdates = numUpdates;
        if (numUpdates == target) current.closedAt = _now();
        _current = current;
    }

    /// Records an update; the history and the count of the round are left to the caller.
    function _enter(
        Participant storage participant,
        uint32 round,
        address sender,
        uint32 sequence,
        bytes32 digest,
        bytes32 cidDigest,
        uint32 weight
    ) internal returns (bytes32 record) {
        if (_isLimited()) _limit(round, sender);
        // INVARIANT P-08: the sum of weights stays within targetUpdates * maxWeight.
        // Less one, 0 is the largest number there is.
        unchecked {
            if (weight - 1 >= _maxWeight()) revert WeightOutOfRange(weight, _maxWeight());
        }
        _requireDigest(digest);
        _requireDigest(cidDigest);
        uint40 timestamp = _now();
        bytes memory words =
            abi.encode(UpdateSubmitted.selector, round, sender, sequence, digest, cidDigest, weight, timestamp);
        record = History.emitRecord(2, words);
        // Gives the memory of the words back, so that a batch does not pay for more of it with each update.
        assembly ("memory-safe") {
            mstore(0x40, words)
        }
        _keep(participant, round, sequence, record);
    }

    /// Requires what only some tasks ask of whoever submits: that the seed selects it, and that its budget pays for it.
    function _limit(uint32 round, address sender) private {
        if (_sampleRate() != 0) _requireSelected(round, sender);
        if (_privacyCost() != 0) _charge(sender);
    }

    /// Writes what `participant = Participant(true, round, sequence, bytes23(word))` would, at once: the
    /// compiler writes the slot in pieces.
    function _keep(Participant storage participant, uint32 round, uint32 sequence, bytes32 word) internal {
        assembly ("memory-safe") {
            let tail := or(or(shl(40, sequence), shl(8, round)), 1)
            sstore(participant.slot, or(shl(72, shr(72, word)), tail))
        }
    }
}
