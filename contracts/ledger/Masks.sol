// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMasks} from "../interfaces/IMasks.sol";
import {Commitments} from "../libraries/Commitments.sol";
import {History} from "../libraries/History.sol";
import {Phase} from "../libraries/Phases.sol";
import {Entries} from "./Entries.sol";

/// @title Masked updates, and the seeds that take the masks off their sum
/// @notice A ledger runs this code on its own storage, as that of disputes, for want of room. What the records are
/// about is in docs/masks-and-noise.md; the ledger looks at none of it.
abstract contract Masks is Entries, IMasks {
    function submitMasked(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight, uint128 apart) external {
        _requireMasks();
        CurrentRound memory current = _current;
        // INVARIANT P-288: no masked update enters while anybody can still share seeds, or after the deadline.
        _requirePhase(current, round, Phase.COLLECTING);
        Participant storage participant = _participants[msg.sender];
        if (!participant.isAdmitted) revert NotAdmitted(msg.sender);
        // INVARIANT P-289: no masked update enters without a share bundle of its sender on record, and one alone does.
        if (participant.lastRound != round) revert NotCommitted(round, msg.sender);
        if (participant.lastSequence != Commitments.PENDING) revert AlreadySubmitted(round, msg.sender);
        if (apart != 0) {
            uint40 timestamp = _now();
            _record(2, abi.encode(PeersApart.selector, round, msg.sender, apart, timestamp));
        }
        bytes32 record = _enter(participant, round, msg.sender, current.numUpdates, digest, cidDigest, weight);
        // Committing is over, so that nobody else can follow.
        _advance(current, current.numUpdates + 1, _committing.numCommitted);
        _historyHash = History.append(_historyHash, record);
    }

    function unmask(uint32 round, bytes32 cidDigest) external {
        _requireMasks();
        CurrentRound memory current = _current;
        // INVARIANT P-290: seeds are told in UNMASKING alone, by the key that an update of the round is on record
        // under, and once per update.
        _requirePhase(current, round, Phase.UNMASKING);
        Participant memory participant = _participants[msg.sender];
        // A successor has the round of the update, and no record.
        if (
            participant.lastRound != round || participant.lastSequence == Commitments.PENDING
                || participant.lastRecord == 0
        ) revert NotSubmitted(round, msg.sender);
        if (_unmaskedIn[msg.sender] == round) revert AlreadyUnmasked(round, msg.sender);
        _requireDigest(cidDigest);

        uint40 timestamp = _now();
        _unmaskedIn[msg.sender] = round;
        Unmasking memory unmasking_ = _unmaskingOf(current);
        unmasking_.numUnmasked += 1;
        if (unmasking_.numUnmasked == current.numUpdates) unmasking_.closedAt = timestamp;
        _unmasking = unmasking_;
        _record(2, abi.encode(UpdateUnmasked.selector, round, msg.sender, cidDigest, timestamp));
    }

    function _requireMasks() private view {
        if (_unmaskSeconds() == 0) revert NoMasks();
    }
}
