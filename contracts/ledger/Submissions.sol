// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Attestations} from "../libraries/Attestations.sol";
import {SignedUpdate, SignedUpdates} from "../libraries/SignedUpdates.sol";
import {History} from "../libraries/History.sol";
import {Phase} from "../libraries/Phases.sol";
import {LedgerViews} from "./LedgerViews.sol";

/// @title How updates enter the current round: sent by participants, or signed by them and relayed
/// @notice Both end in the same record.
abstract contract Submissions is LedgerViews {
    function submitUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight) external {
        CurrentRound memory current = _requireCollecting(round);
        Participant storage participant = _participants[msg.sender];
        // INVARIANT P-06: only admitted participants submit, and only for themselves.
        if (!participant.isAdmitted) revert NotAdmitted(msg.sender);
        // INVARIANT P-07: at most one update per participant and round.
        if (participant.lastRound == round) revert AlreadySubmitted(round, msg.sender);
        bytes32 record = _enter(participant, round, msg.sender, current.numUpdates, digest, cidDigest, weight);
        _advance(current, current.numUpdates + 1);
        _historyHash = History.append(_historyHash, record);
    }

    function submitBatch(uint32 round, SignedUpdate[] calldata updates) external {
        CurrentRound memory current = _requireCollecting(round);
        bytes32 history = _historyHash;
        bytes32 domain = Attestations.domain();
        uint32 sequence = current.numUpdates;
        // INVARIANT P-136: what comes after the target is reached, or from a participant that has submitted,
        // is passed over, so that nobody stops a batch by being faster.
        for (uint256 i = 0; i < updates.length; ++i) {
            if (sequence == _targetUpdates) break;
            SignedUpdate calldata update = updates[i];
            // INVARIANT P-135: a relayed update is what an admitted participant signed for this round of this
            // ledger on this chain.
            address signer = SignedUpdates.signerIn(domain, round, update);
            Participant storage participant = _participants[signer];
            if (participant.lastRound == round) continue;
            if (!participant.isAdmitted) revert NotAdmitted(signer);
            bytes32 record =
                _enter(participant, round, signer, sequence, update.digest, update.cidDigest, update.weight);
            history = History.append(history, record);
            unchecked {
                ++sequence; // at most targetUpdates
            }
        }
        // INVARIANT P-137: a batch that adds nothing is refused, so that its sender does not pay for it.
        if (sequence == current.numUpdates) revert NothingSubmitted(round);
        _advance(current, sequence);
        _historyHash = history;
    }

    function _requireCollecting(uint32 round) private view returns (CurrentRound memory current) {
        current = _current;
        // INVARIANT P-05: updates enter the current round only, while it collects.
        if (round != current.round || !_isCollecting(current)) _requirePhase(current, round, Phase.COLLECTING);
    }

    /// Counts the updates, and closes collection with the last one.
    function _advance(CurrentRound memory current, uint32 numUpdates) private {
        current.numUpdates = numUpdates;
        if (numUpdates == _targetUpdates) current.closedAt = _now();
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
    ) private returns (bytes32 record) {
        // INVARIANT P-08: the sum of weights stays within targetUpdates * maxWeight.
        if (weight == 0 || weight > _maxWeight) revert WeightOutOfRange(weight, _maxWeight);
        _requireDigest(digest);
        _requireDigest(cidDigest);
        uint40 timestamp = _now();
        bytes memory words =
            abi.encode(UpdateSubmitted.selector, round, sender, sequence, digest, cidDigest, weight, timestamp);
        record = History.emitRecord(2, words);
        // Gives the memory of the words back, so that a batch does not pay for more of it with each update, and
        // writes what `participant = Participant(true, round, sequence, bytes23(record))` would, at once: the
        // compiler writes the slot in pieces.
        assembly ("memory-safe") {
            mstore(0x40, words)
            let tail := or(or(shl(40, sequence), shl(8, round)), 1)
            sstore(participant.slot, or(shl(72, shr(72, record)), tail))
        }
    }
}
