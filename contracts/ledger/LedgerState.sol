// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../interfaces/ILedgerTypes.sol";
import {History} from "../libraries/History.sol";
import {Phase} from "../libraries/Phases.sol";
import {Stage} from "../libraries/Questions.sol";
import {Seeds} from "../libraries/Seeds.sol";

/// @title Where a task stands: storage, phases, and what they follow from
/// @notice The only place where storage is laid out: the code for disputes runs on that of a ledger.
abstract contract LedgerState is ILedgerTypes {
    /// A fractionShift of a task whose values the contract does not decide about.
    uint32 internal constant NO_VALUES = type(uint32).max;

    /// What the code for disputes has to know of the parameters. It has no immutables, so that it is the same for
    /// every task; the ledger has the same values as immutables.
    struct Terms {
        uint32 numRounds;
        uint32 minUpdates;
        uint32 collectSeconds;
        uint32 aggregateSeconds;
        uint32 commitSeconds;
        uint32 sampleRate;
        uint32 seedSeconds;
        uint8 numAggregators;
        bool hasReward;
        // The next slot.
        uint32 challengeSeconds;
        uint32 maxWeight;
        uint32 headerChunks;
        uint32 numValues;
        uint32 fractionShift;
        uint96 bond;
        // The next slot.
        uint64 privacyCost;
        uint64 privacyBudget;
        uint32 unmaskSeconds;
    }

    // A submission reads and writes three slots, whatever the number of rounds and participants: the
    // current round, the history, and the sender's own.
    CurrentRound internal _current;
    bytes32 internal _historyHash;
    Proposal internal _proposal;
    Dispute internal _dispute;
    mapping(uint32 round => bytes32 digest) internal _models;
    mapping(address participant => Participant) internal _participants;
    mapping(address aggregator => Aggregator) internal _aggregators;
    mapping(uint256 seat => address aggregator) internal _seats;
    mapping(address account => uint256 wei_) internal _payouts;
    // Of its own, since the slot of the current round is full: only tasks with commitSeconds touch it.
    Committing internal _committing;
    /// Whether a later key than the first one of a line was admitted here.
    mapping(address origin => bool) internal _isSucceeded;
    mapping(address aggregator => Listing) internal _lists;
    /// Participants admitted now; counted in tasks with lists alone.
    uint32 internal _numAdmitted;
    // Only tasks with a sampleRate touch these.
    Seeding internal _seeding;
    mapping(address aggregator => SeedChain) internal _seedChains;
    mapping(address participant => Lot) internal _lots;
    // Only tasks with a reward touch these.
    uint256 internal _pot;
    mapping(uint32 round => Payroll) internal _payrolls;
    /// By round and part.
    mapping(uint256 place => bool) internal _isPaid;

    // Only tasks with a privacy budget touch this.
    mapping(address participant => uint64 units) internal _privacySpent;
    /// Written once, by the constructor of the ledger; read by the code for disputes alone.
    Terms internal _terms;
    // Only tasks with unmaskSeconds touch these.
    Unmasking internal _unmasking;
    mapping(address participant => uint32 round) internal _unmaskedIn;

    // What ledger and code for disputes have in common reads parameters here.

    function _numRounds() internal view virtual returns (uint32);

    function _minUpdates() internal view virtual returns (uint32);

    function _collectSeconds() internal view virtual returns (uint32);

    function _aggregateSeconds() internal view virtual returns (uint32);

    function _commitSeconds() internal view virtual returns (uint32);

    function _sampleRate() internal view virtual returns (uint32);

    function _numAggregators() internal view virtual returns (uint32);

    function _bond() internal view virtual returns (uint96);

    function _maxWeight() internal view virtual returns (uint32);

    function _privacyCost() internal view virtual returns (uint64);

    function _privacyBudget() internal view virtual returns (uint64);

    /// Whether a task asks anything of whoever submits that others do not: one question in place of one for each,
    /// since every submission asks it.
    function _isLimited() internal view virtual returns (bool);

    function _unmaskSeconds() internal view virtual returns (uint32);

    /// The phase of the current round, from data and block time alone.
    function _phase(CurrentRound memory current) internal view returns (Phase) {
        if (current.isStopped) return Phase.ABORTED;
        if (current.numFinalized == _numRounds()) return Phase.FINALIZED;
        if (block.timestamp < current.openedAt) return Phase.SCHEDULED;
        if (_proposal.round == current.round) {
            return _dispute.stage == Stage.NONE ? Phase.PROPOSED : Phase.CHALLENGED;
        }
        if (_isCommitting(current)) return Phase.COMMITTING;
        if (_isCollecting(current)) return Phase.COLLECTING;
        if (current.numUpdates < _minUpdates()) return Phase.EXPIRED;
        if (_isUnmasking(current)) return Phase.UNMASKING;
        return block.timestamp <= _turnOf(current, _numAggregators()) ? Phase.AGGREGATING : Phase.EXPIRED;
    }

    /// Whether updates enter now; says so without a look at the proposal, since none can exist before
    /// collection has closed.
    function _isCollecting(CurrentRound memory current) internal view returns (bool) {
        if (_commitSeconds() == 0) return _isOpenUntil(current, _collectSeconds());
        return _isCommitted(current) && current.closedAt == 0 && !current.isStopped
            && block.timestamp <= _collectUntil(current);
    }

    /// Whether nothing but time closes the current round, and so many seconds have not passed.
    function _isOpenUntil(CurrentRound memory current, uint256 duration) internal view returns (bool) {
        return block.timestamp >= current.openedAt && current.closedAt == 0 && !current.isStopped
            && block.timestamp <= current.openedAt + duration;
    }

    /// Whether commitments enter now; without a look at the proposal, for the same reason.
    function _isCommitting(CurrentRound memory current) internal view returns (bool) {
        return _commitSeconds() != 0 && _isOpenUntil(current, _commitSeconds()) && _committingOf(current).closedAt == 0;
    }

    /// Whether committing is over, with enough commitments for a model.
    function _isCommitted(CurrentRound memory current) private view returns (bool) {
        Committing memory committing_ = _committingOf(current);
        // INVARIANT P-143: a round with too few commitments expires at once, and collects nothing.
        return committing_.numCommitted >= _minUpdates()
            && (committing_.closedAt != 0 || block.timestamp > _commitUntil(current));
    }

    /// How far committing has got in the current round.
    function _committingOf(CurrentRound memory current) internal view returns (Committing memory committing_) {
        committing_ = _committing;
        if (committing_.round != current.round) return Committing(current.round, 0, 0);
    }

    /// Whether seeds of masks are told now, if enough updates are in and collection is over.
    function _isUnmasking(CurrentRound memory current) private view returns (bool) {
        // INVARIANT P-287: once unmasking is over it never comes back in its round, not after a rejection either: there
        // is one set of questions.
        return _unmaskSeconds() != 0 && _unmaskingOf(current).closedAt == 0 && block.timestamp <= _turnOf(current, 0);
    }

    /// How far unmasking has got in the current round.
    function _unmaskingOf(CurrentRound memory current) internal view returns (Unmasking memory unmasking_) {
        unmasking_ = _unmasking;
        if (unmasking_.round != current.round) return Unmasking(current.round, 0, 0);
    }

    /// The time from which the aggregator of a rank may propose.
    function _turnOf(CurrentRound memory current, uint256 rank) internal view returns (uint256) {
        uint256 from = current.closedAt == 0 ? _collectUntil(current) : current.closedAt;
        if (_unmaskSeconds() != 0) {
            // The first turn begins when unmasking ends.
            uint40 closedAt = _unmaskingOf(current).closedAt;
            from = closedAt == 0 ? from + _unmaskSeconds() : closedAt;
        }
        return from + rank * _aggregateSeconds();
    }

    function _collectUntil(CurrentRound memory current) private view returns (uint256) {
        if (_commitSeconds() == 0) return uint256(current.openedAt) + _collectSeconds();
        uint256 closedAt = _committingOf(current).closedAt;
        return (closedAt == 0 ? _commitUntil(current) : closedAt) + _collectSeconds();
    }

    function _commitUntil(CurrentRound memory current) private view returns (uint256) {
        return uint256(current.openedAt) + _commitSeconds();
    }

    /// The seed of the current round; 0 in a task without a sampleRate.
    function _seed(uint32 round) internal view returns (bytes32) {
        return _sampleRate() == 0 ? bytes32(0) : Seeds.seedOf(_seeding.formerSeed, round, _seeding.mix);
    }

    /// Whether a participant takes part in the current round.
    function _isSelected(uint32 round, address participant) internal view returns (bool) {
        if (_sampleRate() == 0) return true;
        Lot memory lot = _lots[participant];
        return round >= lot.from && Seeds.isSelected(_seed(round), lot.name, _sampleRate());
    }

    /// Requires that the seed of the current round selects a participant. Whether there is one is for the
    /// caller to ask: tasks without pay for a question, and not for a call.
    function _requireSelected(uint32 round, address participant) internal view {
        // INVARIANT P-176: in a task with a sampleRate only those take part whom the seed selects.
        if (!_isSelected(round, participant)) revert NotSelected(round, participant);
    }

    function _requirePhase(CurrentRound memory current, uint32 round, Phase expected) internal view {
        if (round != current.round) revert UnexpectedRound(round, current.round);
        Phase phase = _phase(current);
        if (phase != expected) revert UnexpectedPhase(round, phase, expected);
    }

    function _isOver(CurrentRound memory current) internal view returns (bool) {
        return current.isStopped || current.numFinalized == _numRounds();
    }

    /// Emits an event and appends it to the history; see libraries/History.sol.
    function _record(uint256 numIndexed, bytes memory record) internal {
        _historyHash = History.append(_historyHash, History.emitRecord(numIndexed, record));
    }

    /// Moves admission and round of the last update, and nothing else: a dispute may still open the record
    /// that stands under the former key. By words, since a second use of the structure's copy would keep
    /// the compiler from writing it into submitUpdate, where its gas counts.
    function _moveAdmission(Participant storage former, Participant storage successor) internal {
        assembly ("memory-safe") {
            let word := sload(former.slot)
            sstore(former.slot, and(word, not(0xff)))
            sstore(successor.slot, and(word, 0xffffffffff))
        }
    }

    function _now() internal view returns (uint40) {
        return uint40(block.timestamp);
    }

    function _requireDigest(bytes32 digest) internal pure {
        if (digest == 0) revert ZeroDigest();
    }
}
