// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {IRoundLedger} from "./interfaces/IRoundLedger.sol";
import {History} from "./libraries/History.sol";
import {Phase} from "./libraries/Phases.sol";

/// @title One training task; the manual is IRoundLedger
contract RoundLedger is IRoundLedger {
    struct Proposal {
        bytes32 modelDigest;
        bytes32 reportDigest;
    }

    address public immutable coordinator;

    IParticipantRegistry private immutable _registry;
    address private immutable _aggregator;
    bytes32 private immutable _manifestDigest;
    bytes32 private immutable _manifestCidDigest;
    bytes32 private immutable _genesisDigest;
    bytes32 private immutable _genesisCidDigest;
    uint32 private immutable _numRounds;
    uint32 private immutable _minUpdates;
    uint32 private immutable _targetUpdates;
    uint32 private immutable _maxWeight;
    uint32 private immutable _collectSeconds;
    uint32 private immutable _aggregateSeconds;
    uint32 private immutable _challengeSeconds;

    // Four slots are all that a round reads and writes, whatever its number: the current round, the
    // history, the sender's own, and one for the model that stays.
    CurrentRound private _current;
    bytes32 public historyHash;
    Proposal public proposal;
    mapping(uint32 round => bytes32 digest) public modelDigestOf;
    mapping(address participant => Participant) private _participants;

    constructor(TaskParameters memory p) {
        _requirePositive("numRounds", p.numRounds);
        _requirePositive("minUpdates", p.minUpdates);
        _requirePositive("maxWeight", p.maxWeight);
        _requirePositive("collectSeconds", p.collectSeconds);
        _requirePositive("aggregateSeconds", p.aggregateSeconds);
        if (p.targetUpdates < p.minUpdates) revert ParameterOutOfRange("targetUpdates", p.targetUpdates);
        if (p.registry.code.length == 0) revert ParameterOutOfRange("registry", uint160(p.registry));
        if (p.aggregator == address(0)) revert ParameterOutOfRange("aggregator", 0);
        _requireDigest(p.manifestDigest);
        _requireDigest(p.manifestCidDigest);
        _requireDigest(p.genesisDigest);
        _requireDigest(p.genesisCidDigest);

        coordinator = msg.sender;
        _registry = IParticipantRegistry(p.registry);
        _aggregator = p.aggregator;
        _manifestDigest = p.manifestDigest;
        _manifestCidDigest = p.manifestCidDigest;
        _genesisDigest = p.genesisDigest;
        _genesisCidDigest = p.genesisCidDigest;
        _numRounds = p.numRounds;
        _minUpdates = p.minUpdates;
        _targetUpdates = p.targetUpdates;
        _maxWeight = p.maxWeight;
        _collectSeconds = p.collectSeconds;
        _aggregateSeconds = p.aggregateSeconds;
        _challengeSeconds = p.challengeSeconds;

        modelDigestOf[0] = p.genesisDigest;
        uint40 timestamp = uint40(block.timestamp);
        bytes32 history = History.append(
            History.start(), keccak256(abi.encode(TaskCreated.selector, msg.sender, p, timestamp))
        );
        emit TaskCreated(msg.sender, p, timestamp);
        CurrentRound memory genesis;
        historyHash = _openRound(genesis, 0, history, timestamp);
    }

    function admit(address[] calldata participants) external {
        _requireCoordinator();
        bytes32 history = historyHash;
        uint40 timestamp = uint40(block.timestamp);
        for (uint256 i = 0; i < participants.length; ++i) {
            address participant = participants[i];
            // INVARIANT P-03: only whom the registry lists is admitted.
            if (!_registry.isEnrolled(participant)) revert NotEnrolled(participant);
            if (_participants[participant].isAdmitted) revert AlreadyAdmitted(participant);
            _participants[participant].isAdmitted = true;
            history =
                History.append(history, keccak256(abi.encode(ParticipantAdmitted.selector, participant, timestamp)));
            emit ParticipantAdmitted(participant, timestamp);
        }
        historyHash = history;
    }

    function remove(address participant) external {
        if (!_participants[participant].isAdmitted) revert NotAdmitted(participant);
        // INVARIANT P-04: nobody loses standing unless the registry revoked it.
        if (_registry.isEnrolled(participant)) revert StillEnrolled(participant);
        _participants[participant].isAdmitted = false;
        uint40 timestamp = uint40(block.timestamp);
        historyHash = History.append(
            historyHash, keccak256(abi.encode(ParticipantRemoved.selector, participant, timestamp))
        );
        emit ParticipantRemoved(participant, timestamp);
    }

    function submitUpdate(uint32 round, bytes32 digest, bytes32 cidDigest, uint32 weight) external {
        CurrentRound memory current = _current;
        // INVARIANT P-05: updates enter the current round only, while it collects.
        _requirePhase(current, round, Phase.COLLECTING);
        Participant memory participant = _participants[msg.sender];
        // INVARIANT P-06: only admitted participants submit, and only for themselves.
        if (!participant.isAdmitted) revert NotAdmitted(msg.sender);
        // INVARIANT P-07: at most one update per participant and round.
        if (participant.lastRound == round) revert AlreadySubmitted(round, msg.sender);
        // INVARIANT P-08: the sum of weights stays within targetUpdates * maxWeight.
        if (weight == 0 || weight > _maxWeight) revert WeightOutOfRange(weight, _maxWeight);
        _requireDigest(digest);
        _requireDigest(cidDigest);

        uint40 timestamp = uint40(block.timestamp);
        uint32 sequence = current.numUpdates;
        bytes32 record = keccak256(
            abi.encode(UpdateSubmitted.selector, round, msg.sender, sequence, digest, cidDigest, weight, timestamp)
        );
        current.numUpdates = sequence + 1;
        _current = current;
        _participants[msg.sender] = Participant(true, round, sequence, bytes23(record));
        historyHash = History.append(historyHash, record);
        emit UpdateSubmitted(round, msg.sender, sequence, digest, cidDigest, weight, timestamp);
    }

    function propose(
        uint32 round,
        bytes32 modelDigest,
        bytes32 modelCidDigest,
        bytes32 reportDigest,
        bytes32 reportCidDigest,
        uint32 reportBytes
    ) external {
        // INVARIANT P-09: only the aggregator proposes.
        if (msg.sender != _aggregator) revert NotAggregator(msg.sender, _aggregator);
        CurrentRound memory current = _current;
        // INVARIANT P-10: a model is proposed once, after collection and before its deadline.
        _requirePhase(current, round, Phase.AGGREGATING);
        _requireDigest(modelDigest);
        _requireDigest(modelCidDigest);
        _requireDigest(reportDigest);
        _requireDigest(reportCidDigest);

        uint40 timestamp = uint40(block.timestamp);
        current.proposedAt = timestamp;
        _current = current;
        proposal = Proposal(modelDigest, reportDigest);
        historyHash = History.append(
            historyHash,
            keccak256(
                abi.encode(
                    ModelProposed.selector,
                    round,
                    modelDigest,
                    modelCidDigest,
                    reportDigest,
                    reportCidDigest,
                    reportBytes,
                    timestamp
                )
            )
        );
        emit ModelProposed(round, modelDigest, modelCidDigest, reportDigest, reportCidDigest, reportBytes, timestamp);
    }

    function finalize(uint32 round) external {
        CurrentRound memory current = _current;
        _requirePhase(current, round, Phase.PROPOSED);
        uint40 timestamp = uint40(block.timestamp);
        uint40 until = current.proposedAt + _challengeSeconds;
        // INVARIANT P-11: a model becomes final only after its challenge window.
        if (timestamp < until) revert ChallengeWindowOpen(round, until);

        bytes32 digest = proposal.modelDigest;
        // INVARIANT P-12: the model of a round is written once; round numbers only grow.
        modelDigestOf[round] = digest;
        current.numFinalized += 1;
        bytes32 history =
            History.append(historyHash, keccak256(abi.encode(RoundFinalized.selector, round, digest, timestamp)));
        emit RoundFinalized(round, digest, timestamp);
        if (current.numFinalized == _numRounds) {
            _current = current;
            historyHash = history;
        } else {
            historyHash = _openRound(current, round, history, timestamp);
        }
    }

    function abort(uint32 round) external {
        CurrentRound memory current = _current;
        // INVARIANT P-13: only an expired round is aborted, and then by anybody.
        _requirePhase(current, round, Phase.EXPIRED);
        uint40 timestamp = uint40(block.timestamp);
        bytes32 history = History.append(historyHash, keccak256(abi.encode(RoundAborted.selector, round, timestamp)));
        emit RoundAborted(round, timestamp);
        historyHash = _openRound(current, current.baseRound, history, timestamp);
    }

    function stop() external {
        _requireCoordinator();
        CurrentRound memory current = _current;
        Phase phase = _phase(current);
        // INVARIANT P-14: stopping never alters a finished round.
        if (phase == Phase.FINALIZED || phase == Phase.ABORTED) revert TaskOver(current.round, phase);
        current.isStopped = true;
        _current = current;
        uint40 timestamp = uint40(block.timestamp);
        bytes32 history =
            History.append(historyHash, keccak256(abi.encode(RoundAborted.selector, current.round, timestamp)));
        emit RoundAborted(current.round, timestamp);
        historyHash = History.append(history, keccak256(abi.encode(TaskStopped.selector, timestamp)));
        emit TaskStopped(timestamp);
    }

    function phaseOf(uint32 round) external view returns (Phase) {
        CurrentRound memory current = _current;
        if (round == current.round) return _phase(current);
        if (round > current.round) return Phase.NONE;
        return modelDigestOf[round] == 0 ? Phase.ABORTED : Phase.FINALIZED;
    }

    function currentRound() external view returns (CurrentRound memory) {
        return _current;
    }

    function participantOf(address participant) external view returns (Participant memory) {
        return _participants[participant];
    }

    function parameters() external view returns (TaskParameters memory) {
        return TaskParameters({
            registry: address(_registry),
            aggregator: _aggregator,
            manifestDigest: _manifestDigest,
            manifestCidDigest: _manifestCidDigest,
            genesisDigest: _genesisDigest,
            genesisCidDigest: _genesisCidDigest,
            numRounds: _numRounds,
            minUpdates: _minUpdates,
            targetUpdates: _targetUpdates,
            maxWeight: _maxWeight,
            collectSeconds: _collectSeconds,
            aggregateSeconds: _aggregateSeconds,
            challengeSeconds: _challengeSeconds
        });
    }

    /// Writes the next round over `current` and returns the history with its opening.
    function _openRound(CurrentRound memory current, uint32 baseRound, bytes32 history, uint40 timestamp)
        private
        returns (bytes32)
    {
        uint32 round = current.round + 1;
        _current = CurrentRound({
            round: round,
            baseRound: baseRound,
            numUpdates: 0,
            numFinalized: current.numFinalized,
            openedAt: timestamp,
            proposedAt: 0,
            isStopped: false
        });
        emit RoundOpened(round, baseRound, timestamp);
        return History.append(history, keccak256(abi.encode(RoundOpened.selector, round, baseRound, timestamp)));
    }

    /// The phase of the current round, from data and block time alone.
    function _phase(CurrentRound memory current) private view returns (Phase) {
        if (current.isStopped) return Phase.ABORTED;
        if (current.numFinalized == _numRounds) return Phase.FINALIZED;
        if (current.proposedAt != 0) return Phase.PROPOSED;
        uint256 collectUntil = uint256(current.openedAt) + _collectSeconds;
        if (current.numUpdates < _targetUpdates && block.timestamp <= collectUntil) return Phase.COLLECTING;
        if (current.numUpdates >= _minUpdates && block.timestamp <= collectUntil + _aggregateSeconds) {
            return Phase.AGGREGATING;
        }
        return Phase.EXPIRED;
    }

    function _requirePhase(CurrentRound memory current, uint32 round, Phase expected) private view {
        if (round != current.round) revert UnexpectedRound(round, current.round);
        Phase phase = _phase(current);
        if (phase != expected) revert UnexpectedPhase(round, phase, expected);
    }

    function _requireCoordinator() private view {
        if (msg.sender != coordinator) revert NotCoordinator(msg.sender, coordinator);
    }

    function _requireDigest(bytes32 digest) private pure {
        if (digest == 0) revert ZeroDigest();
    }

    function _requirePositive(bytes32 name, uint256 value) private pure {
        if (value == 0) revert ParameterOutOfRange(name, value);
    }
}
