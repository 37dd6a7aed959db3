// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TypedData} from "../libraries/TypedData.sol";
import {Commitments} from "../libraries/Commitments.sol";
import {SignedUpdate, SignedUpdates} from "../libraries/SignedUpdates.sol";
import {History} from "../libraries/History.sol";
import {Phase} from "../libraries/Phases.sol";
import {Committee} from "./Committee.sol";
import {Entries} from "./Entries.sol";
import {Sampling} from "./Sampling.sol";

/// @title How updates enter the current round: sent by participants, or signed by them and relayed, one by
/// one or as a list
abstract contract Submissions is Committee, Sampling, Entries {
    function submitUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight) external {
        CurrentRound memory current = _requireCollecting(round);
        Participant storage participant = _participants[msg.sender];
        // INVARIANT P-06: only admitted participants submit, and only for themselves.
        if (!participant.isAdmitted) revert NotAdmitted(msg.sender);
        // INVARIANT P-07: at most one update per participant and round.
        if (participant.lastRound == round) revert AlreadySubmitted(round, msg.sender);
        bytes32 record = _enter(participant, round, msg.sender, current.numUpdates, digest, cidDigest, weight);
        _advance(current, current.numUpdates + 1, _closingUpdates());
        _historyHash = History.append(_historyHash, record);
    }

    function submitBatch(uint32 round, SignedUpdate[] calldata updates) external {
        CurrentRound memory current = _requireCollecting(round);
        bytes32 history = _historyHash;
        bytes32 domain = TypedData.domain();
        uint32 sequence = current.numUpdates;
        uint32 target = _closingUpdates();
        uint256 end;
        uint256 next;
        assembly ("memory-safe") {
            next := updates.offset
            end := add(next, mul(updates.length, 0xa0))
        }
        // Without checks, since the calldata was found to have so many, and there is one number for each admitted
        // participant and each entry of a list.
        unchecked {
            // INVARIANT P-136: what comes after the target is reached, or from a participant that has submitted,
            // is passed over, so that nobody stops a batch by being faster.
            for (; next < end && sequence != target; next += 0xa0) {
                SignedUpdate calldata update;
                assembly ("memory-safe") {
                    update := next
                }
                // INVARIANT P-135: a relayed update is what an admitted participant signed for this round of this
                // ledger on this chain.
                address signer = SignedUpdates.signerIn(domain, round, update);
                Participant storage participant = _participants[signer];
                if (participant.lastRound == round) continue;
                if (!participant.isAdmitted) revert NotAdmitted(signer);
                bytes32 record =
                    _enter(participant, round, signer, sequence, update.digest, update.cidDigest, update.weight);
                history = History.append(history, record);
                ++sequence;
            }
        }
        // INVARIANT P-137: a batch that adds nothing is refused, so that its sender does not pay for it.
        if (sequence == current.numUpdates) revert NothingSubmitted(round);
        _advance(current, sequence, target);
        _historyHash = history;
    }

    function commitUpdate(uint32 round, bytes32 commitment) external {
        _requireCommitments();
        CurrentRound memory current = _current;
        // INVARIANT P-140: commitments enter the current round only, while it commits, one per admitted
        // participant.
        if (round != current.round || !_isCommitting(current)) _requirePhase(current, round, Phase.COMMITTING);
        Participant storage participant = _participants[msg.sender];
        if (!participant.isAdmitted) revert NotAdmitted(msg.sender);
        if (_sampleRate() != 0) _requireSelected(round, msg.sender);
        if (participant.lastRound == round) revert AlreadyCommitted(round, msg.sender);
        if (_privacyCost() != 0) _requireBudget(msg.sender);

        uint40 timestamp = _now();
        Committing memory committing_ = _committingOf(current);
        committing_.numCommitted += 1;
        if (committing_.numCommitted == _targetUpdates) committing_.closedAt = timestamp;
        _committing = committing_;
        _keep(participant, round, Commitments.PENDING, commitment);
        _record(2, abi.encode(UpdateCommitted.selector, round, msg.sender, commitment, timestamp));
    }

    function revealUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight, bytes32 salt) external {
        _requireCommitments();
        CurrentRound memory current = _current;
        // INVARIANT P-142: nothing is revealed while anybody can still commit, or after the deadline.
        if (round != current.round || !_isCollecting(current)) _requirePhase(current, round, Phase.COLLECTING);
        Participant storage participant = _participants[msg.sender];
        if (!participant.isAdmitted) revert NotAdmitted(msg.sender);
        if (participant.lastRound != round) revert NotCommitted(round, msg.sender);
        if (participant.lastSequence != Commitments.PENDING) revert AlreadySubmitted(round, msg.sender);
        // INVARIANT P-141: what is revealed is what the sender itself committed to, here and in this round.
        bytes32 commitment = Commitments.commitmentTo(round, msg.sender, digest, cidDigest, weight, salt);
        if (bytes23(commitment) != participant.lastRecord) revert WrongReveal(commitment);
        bytes32 record = _enter(participant, round, msg.sender, current.numUpdates, digest, cidDigest, weight);
        // Committing is over, so that nobody else can follow.
        _advance(current, current.numUpdates + 1, _committing.numCommitted);
        _historyHash = History.append(_historyHash, record);
    }

    function _requireCommitments() private view {
        if (_commitSeconds() == 0) revert NoCommitments();
    }

    function listUpdates(uint32 round, uint32 count, bytes32 digest, bytes32 cidDigest) external {
        CurrentRound memory current = _requireCollecting(round);
        // INVARIANT P-159: lists come in their own time, and only in tasks that have them.
        uint256 until = _listSeconds == 0 ? 0 : uint256(current.openedAt) + _listSeconds;
        if (block.timestamp > until) revert ListsOver(until);
        // INVARIANT P-160: only aggregators with standing list updates, once per round.
        _requireSeat(msg.sender);
        _requireStanding(_aggregators[msg.sender], round);
        _requireRevealed(msg.sender, round);
        if (_lists[msg.sender].round == round) revert AlreadyListed(round, msg.sender);
        if (count == 0 || count > _targetUpdates) revert ParameterOutOfRange("count", count);
        _requireDigest(digest);
        _requireDigest(cidDigest);

        uint40 timestamp = _now();
        bytes32 record = History.emitRecord(
            2,
            abi.encode(
                UpdatesListed.selector, round, msg.sender, current.numUpdates, count, digest, cidDigest, timestamp
            )
        );
        _lists[msg.sender] = Listing(round, bytes28(record));
        _advance(current, current.numUpdates + count, _closingUpdates());
        _historyHash = History.append(_historyHash, record);
    }

    function _requireCollecting(uint32 round) private view returns (CurrentRound memory current) {
        // INVARIANT P-139: where a commitment is asked for, no update enters without one.
        if (_commitSeconds() != 0) revert CommitmentsRequired();
        current = _current;
        // INVARIANT P-05: updates enter the current round only, while it collects.
        if (round != current.round || !_isOpenUntil(current, _collectSeconds())) {
            _requirePhase(current, round, Phase.COLLECTING);
        }
    }

    /// So many updates close collection.
    function _closingUpdates() private view returns (uint32) {
        // INVARIANT P-161: where there are lists, only time closes collection, so that no list keeps out whom
        // it leaves out: there are never so many updates.
        return _listSeconds == 0 ? _targetUpdates : type(uint32).max;
    }
}
