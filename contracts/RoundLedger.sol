// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bonds} from "./ledger/Bonds.sol";
import {DisputeForwarder} from "./ledger/DisputeForwarder.sol";
import {LedgerParameters} from "./ledger/LedgerParameters.sol";
import {ParameterChecks} from "./ledger/ParameterChecks.sol";
import {Submissions} from "./ledger/Submissions.sol";
import {Attestations} from "./libraries/Attestations.sol";
import {Signature} from "./libraries/TypedData.sol";
import {Fault} from "./libraries/Faults.sol";
import {History} from "./libraries/History.sol";
import {Phase} from "./libraries/Phases.sol";

/// @title One training task; the manual is ILedger
contract RoundLedger is ParameterChecks, Bonds, Submissions, DisputeForwarder {
    address public immutable coordinator;

    constructor(TaskParameters memory p, address[] memory aggregators)
        ParameterChecks(p, aggregators.length)
        LedgerParameters(p, aggregators.length)
    {
        coordinator = msg.sender;
        _models[0] = p.genesisDigest;
        uint40 timestamp = _now();
        _historyHash = History.start();
        _record(1, abi.encode(TaskCreated.selector, msg.sender, p, timestamp));
        _appoint(aggregators);
        CurrentRound memory genesis;
        _openRound(genesis, 0);
    }

    function admit(address[] calldata participants) external {
        // INVARIANT P-158: only the coordinator decides who is admitted, unless the task is open.
        if (!_isOpen) _requireCoordinator();
        _requireThawed();
        bytes32 history = _historyHash;
        uint40 timestamp = _now();
        for (uint256 i = 0; i < participants.length; ++i) {
            address participant = participants[i];
            // INVARIANT P-03: only whom the registry lists is admitted.
            if (!_registry.isEnrolled(participant)) revert NotEnrolled(participant);
            if (_participants[participant].isAdmitted) revert AlreadyAdmitted(participant);
            _requireNewLine(participant);
            _participants[participant].isAdmitted = true;
            _drawLot(participant, timestamp);
            bytes memory record = abi.encode(ParticipantAdmitted.selector, participant, timestamp);
            history = History.append(history, History.emitRecord(1, record));
        }
        _historyHash = history;
        if (_listSeconds != 0) _countAdmitted(_numAdmitted + participants.length);
    }

    function remove(address participant) external {
        if (!_participants[participant].isAdmitted) revert NotAdmitted(participant);
        _requireThawed();
        // INVARIANT P-04: nobody loses standing unless the registry revoked it.
        if (_registry.isEnrolled(participant)) revert StillEnrolled(participant);
        address successor = _registry.successorOf(participant);
        if (successor != address(0)) revert SuccessionDue(participant, successor);
        _participants[participant].isAdmitted = false;
        if (_listSeconds != 0) --_numAdmitted;
        uint40 timestamp = _now();
        _record(1, abi.encode(ParticipantRemoved.selector, participant, timestamp));
    }

    function succeed(address participant) external {
        if (!_participants[participant].isAdmitted) revert NotAdmitted(participant);
        _requireThawed();
        address successor = _registry.successorOf(participant);
        if (successor == address(0)) revert NoSuccessor(participant);
        if (_participants[successor].isAdmitted) revert SuccessorAdmitted(participant, successor);
        _moveAdmission(_participants[participant], _participants[successor]);
        _moveLot(participant, successor);
        if (_privacyCost() != 0) _moveSpent(participant, successor);
        _isSucceeded[_registry.originOf(participant)] = true;
        uint40 timestamp = _now();
        _record(2, abi.encode(ParticipantSucceeded.selector, participant, successor, timestamp));
    }

    function propose(
        uint32 round,
        bytes32 modelDigest,
        bytes32 modelCidDigest,
        bytes32 reportDigest,
        bytes32 reportCidDigest
    ) external {
        // INVARIANT P-09: only aggregators propose, with a bond, and only when their turn has come.
        uint32 seat = _requireSeat(msg.sender);
        CurrentRound memory current = _current;
        // INVARIANT P-10: a model is proposed after collection, before the last turn is over, and not
        // while another one is proposed.
        _requirePhase(current, round, Phase.AGGREGATING);
        Aggregator memory aggregator = _aggregators[msg.sender];
        _requireStanding(aggregator, round);
        _requireRevealed(msg.sender, round);
        uint256 from = _turnOf(current, _rankOf(seat, round));
        if (block.timestamp < from) revert OutOfTurn(msg.sender, from);
        _requireDigest(modelDigest);
        _requireDigest(modelCidDigest);
        _requireDigest(reportDigest);
        _requireDigest(reportCidDigest);
        bytes32 result = Attestations.resultOf(round, modelDigest, reportDigest);
        // INVARIANT P-98: nobody proposes what it attested against.
        if (aggregator.attestedIn == round && aggregator.result != result) revert AlreadyAttested(round, msg.sender);

        uint40 timestamp = _now();
        _aggregators[msg.sender] = Aggregator(seat, round, timestamp, aggregator.barredIn, aggregator.bond, result);
        _models[round] = modelDigest;
        _proposal = Proposal({
            round: round,
            proposer: msg.sender,
            proposedAt: timestamp,
            numFor: 1,
            numAgainst: 0,
            reportDigest: reportDigest
        });
        _record(
            2,
            abi.encode(
                ModelProposed.selector,
                round,
                msg.sender,
                modelDigest,
                modelCidDigest,
                reportDigest,
                reportCidDigest,
                timestamp
            )
        );
    }

    function attest(uint32 round, bytes32 modelDigest, bytes32 reportDigest, Signature[] calldata signatures) external {
        CurrentRound memory current = _current;
        // INVARIANT P-128: a quorum decides in a dispute as well, so a challenge stops no honest committee.
        if (round != current.round || _phase(current) != Phase.CHALLENGED) {
            _requirePhase(current, round, Phase.PROPOSED);
        }
        bytes32 result = Attestations.resultOf(round, modelDigest, reportDigest);
        bool isFor = result == _proposedResult();
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = Attestations.signerOf(result, signatures[i]);
            uint32 seat = _requireSeat(signer);
            Aggregator memory aggregator = _aggregators[signer];
            _requireStanding(aggregator, round);
            _requireRevealed(signer, round);
            // INVARIANT P-97: an aggregator counts once per proposal, and not at all if it said two things
            // in one round.
            if (aggregator.attestedIn == round && aggregator.result != result) {
                _slashEquivocation(signer);
                continue;
            }
            if (_isCounted(aggregator, round)) revert AlreadyAttested(round, signer);
            uint40 timestamp = _now();
            _aggregators[signer] = Aggregator(seat, round, timestamp, aggregator.barredIn, aggregator.bond, result);
            _record(2, abi.encode(ModelAttested.selector, round, signer, modelDigest, reportDigest, timestamp));
            // INVARIANT P-95: a quorum decides a proposal, for or against, and nothing less does before
            // the window has passed.
            uint8 votes = isFor ? ++_proposal.numFor : ++_proposal.numAgainst;
            if (votes == _quorum) {
                if (isFor) _finalize(current);
                else _reject(current, Fault.OVERRULED, address(0));
                return;
            }
        }
    }

    function finalize(uint32 round) external {
        CurrentRound memory current = _current;
        _requirePhase(current, round, Phase.PROPOSED);
        uint40 until = _proposal.proposedAt + _challengeSeconds;
        // After a challenge that failed, the window began again.
        if (_dispute.round == round && _dispute.until > until) until = _dispute.until;
        // INVARIANT P-11: without a quorum a model becomes final only after its challenge window.
        if (block.timestamp < until) revert ChallengeWindowOpen(round, until);
        _finalize(current);
    }

    function abort(uint32 round) external {
        CurrentRound memory current = _current;
        // INVARIANT P-13: only an expired round is aborted, and then by anybody.
        _requirePhase(current, round, Phase.EXPIRED);
        _recordAbort(round);
        _openRound(current, current.baseRound);
    }

    function pause(uint32 pauseSeconds) external {
        _requireCoordinator();
        CurrentRound memory current = _current;
        if (_isOver(current)) revert TaskOver(current.round, _phase(current));
        uint40 timestamp = _now();
        uint40 until = timestamp + pauseSeconds;
        // INVARIANT P-96: a pause delays rounds that have not opened, and no deadline of an open one.
        // INVARIANT P-175: nor does it take time from the aggregators' secrets.
        uint40 opensFrom = _seeding.opensFrom;
        if (timestamp < current.openedAt) current.openedAt = until < opensFrom ? opensFrom : until;
        current.pausedUntil = until;
        _current = current;
        _record(0, abi.encode(TaskPaused.selector, until, timestamp));
    }

    function stop() external {
        _requireCoordinator();
        CurrentRound memory current = _current;
        // INVARIANT P-14: stopping never alters a finished round.
        if (_isOver(current)) revert TaskOver(current.round, _phase(current));
        uint40 timestamp = _now();
        if (_proposal.round == current.round) _dropProposal(current.round);
        current.isStopped = true;
        current.closedAt = timestamp;
        _current = current;
        _recordAbort(current.round);
        _record(0, abi.encode(TaskStopped.selector, timestamp));
    }

    function fundPot() external payable {
        // INVARIANT P-261: money goes into a pot alone that can pay it out.
        if (_reward == 0 || _isOver(_current)) revert NoRewards();
        uint256 amount = _pot + msg.value;
        if (msg.value == 0 || amount > type(uint96).max) revert ParameterOutOfRange("pot", amount);
        _pot = amount;
        uint40 timestamp = _now();
        _record(1, abi.encode(PotFunded.selector, msg.sender, msg.value, timestamp));
    }

    function reclaimPot() external {
        _requireCoordinator();
        CurrentRound memory current = _current;
        // INVARIANT P-262: a pot is there for rounds to come until there are none.
        if (!_isOver(current)) revert UnexpectedPhase(current.round, _phase(current), Phase.FINALIZED);
        uint256 amount = _pot;
        if (amount == 0) revert NothingToPay(msg.sender);
        _pot = 0;
        _payouts[msg.sender] += amount;
        uint40 timestamp = _now();
        _record(1, abi.encode(PotReclaimed.selector, msg.sender, amount, timestamp));
    }

    /// Sets the reward of a round that becomes final aside, if the pot has it.
    function _reserveReward(CurrentRound memory current) private {
        if (_reward == 0 || _pot < _reward) return;
        _pot -= _reward;
        bytes32 content = keccak256(abi.encode(_proposal.reportDigest, current.numUpdates));
        // Parts of 32 updates, at most 2^27 of them.
        uint32 numParts = uint32((uint256(current.numUpdates) + 31) / 32);
        _payrolls[current.round] = Payroll(content, _reward, numParts);
    }

    /// Makes the proposed model final and opens the next round.
    function _finalize(CurrentRound memory current) private {
        _endDispute();
        _slashSilent(current.round);
        uint40 timestamp = _now();
        // INVARIANT P-12: the model of a round is written once; round numbers only grow.
        bytes32 digest = _models[current.round];
        _reserveReward(current);
        current.numFinalized += 1;
        _record(1, abi.encode(RoundFinalized.selector, current.round, digest, timestamp));
        if (current.numFinalized == _numRounds()) {
            current.closedAt = timestamp;
            _current = current;
        } else {
            _openRound(current, current.round);
        }
    }

    /// Requires that no other key of the participant's line was admitted here, and remembers that one is.
    function _requireNewLine(address participant) private {
        address origin = _registry.originOf(participant);
        if (origin == participant) return;
        // INVARIANT P-157: a line has one admission, which only moves: so it has one update a round.
        if (_participants[origin].isAdmitted || _isSucceeded[origin]) revert SuccessionDue(origin, participant);
        _isSucceeded[origin] = true;
    }

    function _requireThawed() private view {
        if (_listSeconds == 0) return;
        CurrentRound memory current = _current;
        Phase phase = _phase(current);
        // INVARIANT P-163: where there are lists, nobody is admitted, removed or succeeded while a model is
        // derived, proposed or disputed: which entries count depends on who is admitted.
        if (phase == Phase.AGGREGATING || phase == Phase.PROPOSED || phase == Phase.CHALLENGED) {
            revert AdmissionsFrozen(current.round, phase);
        }
    }

    function _countAdmitted(uint256 numAdmitted) private {
        // INVARIANT P-164: where there are lists, at most targetUpdates are admitted, so that the sum of
        // weights stays within targetUpdates * maxWeight, each of them counting once.
        if (numAdmitted > _targetUpdates) revert TooManyParticipants(_targetUpdates);
        _numAdmitted = uint32(numAdmitted);
    }

    function _requireCoordinator() private view {
        if (msg.sender != coordinator) revert NotCoordinator(msg.sender, coordinator);
    }

    function _recordAbort(uint32 round) private {
        uint40 timestamp = _now();
        _record(1, abi.encode(RoundAborted.selector, round, timestamp));
    }

    /// Writes the next round over `current`.
    function _openRound(CurrentRound memory current, uint32 baseRound) private {
        uint40 timestamp = _now();
        uint32 round = current.round + 1;
        uint40 opensFrom = _openSeeding(round, timestamp);
        uint40 opensAt = opensFrom < current.pausedUntil ? current.pausedUntil : opensFrom;
        _current = CurrentRound({
            round: round,
            baseRound: baseRound,
            numUpdates: 0,
            numFinalized: current.numFinalized,
            openedAt: opensAt,
            closedAt: 0,
            pausedUntil: current.pausedUntil,
            isStopped: false
        });
        _record(1, abi.encode(RoundOpened.selector, round, baseRound, opensAt, timestamp));
    }
}
