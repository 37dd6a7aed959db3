// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";
import {LedgerState} from "./LedgerState.sol";

/// @title What a task is: its parameters, as the ledger's own code has them
abstract contract LedgerParameters is LedgerState {
    // What the code for disputes knows as well is read through the functions below.
    uint32 private immutable NUM_ROUNDS;
    uint32 private immutable MIN_UPDATES;
    uint32 private immutable COLLECT_SECONDS;
    uint32 private immutable AGGREGATE_SECONDS;
    uint32 private immutable COMMIT_SECONDS;
    uint32 private immutable SAMPLE_RATE;
    uint32 private immutable NUM_AGGREGATORS;
    uint96 private immutable BOND;

    IParticipantRegistry internal immutable _registry;
    address internal immutable _disputes;
    bytes32 internal immutable _manifestDigest;
    bytes32 internal immutable _manifestCidDigest;
    bytes32 internal immutable _genesisDigest;
    bytes32 internal immutable _genesisCidDigest;
    uint32 internal immutable _targetUpdates;
    uint32 internal immutable _maxWeight;
    uint32 internal immutable _challengeSeconds;
    uint32 internal immutable _quorum;
    uint32 internal immutable _headerChunks;
    uint32 internal immutable _numValues;
    uint32 internal immutable _fractionShift;
    bool internal immutable _isOpen;
    uint32 internal immutable _listSeconds;
    uint32 internal immutable _seedSeconds;
    uint96 internal immutable _reward;
    uint64 internal immutable _privacyCost;
    uint64 internal immutable _privacyBudget;
    /// Whether a task asks anything of whoever submits that others do not: one question in place of one for each,
    /// since every submission asks it.
    bool internal immutable _isLimited;

    constructor(TaskParameters memory p, uint256 numAggregators) {
        NUM_ROUNDS = p.numRounds;
        MIN_UPDATES = p.minUpdates;
        COLLECT_SECONDS = p.collectSeconds;
        AGGREGATE_SECONDS = p.aggregateSeconds;
        COMMIT_SECONDS = p.commitSeconds;
        SAMPLE_RATE = p.sampleRate;
        NUM_AGGREGATORS = uint32(numAggregators);
        BOND = p.bond;
        _registry = IParticipantRegistry(p.registry);
        _disputes = p.disputes;
        _manifestDigest = p.manifestDigest;
        _manifestCidDigest = p.manifestCidDigest;
        _genesisDigest = p.genesisDigest;
        _genesisCidDigest = p.genesisCidDigest;
        _targetUpdates = p.targetUpdates;
        _maxWeight = p.maxWeight;
        _challengeSeconds = p.challengeSeconds;
        _quorum = p.quorum;
        _headerChunks = p.headerChunks;
        _numValues = p.numValues;
        _fractionShift = p.fractionShift;
        _isOpen = p.isOpen;
        _listSeconds = p.listSeconds;
        _seedSeconds = p.seedSeconds;
        _reward = p.reward;
        _privacyCost = p.privacyCost;
        _privacyBudget = p.privacyBudget;
        _isLimited = p.sampleRate != 0 || p.privacyCost != 0;
        // INVARIANT P-279: the code for disputes works with the same parameters as the ledger.
        _terms = Terms({
            numRounds: p.numRounds,
            minUpdates: p.minUpdates,
            collectSeconds: p.collectSeconds,
            aggregateSeconds: p.aggregateSeconds,
            commitSeconds: p.commitSeconds,
            sampleRate: p.sampleRate,
            seedSeconds: p.seedSeconds,
            // There are 64 at most (ParameterChecks).
            numAggregators: uint8(numAggregators),
            hasReward: p.reward != 0,
            challengeSeconds: p.challengeSeconds,
            maxWeight: p.maxWeight,
            headerChunks: p.headerChunks,
            numValues: p.numValues,
            fractionShift: p.fractionShift,
            bond: p.bond
        });
    }

    function _numRounds() internal view override returns (uint32) {
        return NUM_ROUNDS;
    }

    function _minUpdates() internal view override returns (uint32) {
        return MIN_UPDATES;
    }

    function _collectSeconds() internal view override returns (uint32) {
        return COLLECT_SECONDS;
    }

    function _aggregateSeconds() internal view override returns (uint32) {
        return AGGREGATE_SECONDS;
    }

    function _commitSeconds() internal view override returns (uint32) {
        return COMMIT_SECONDS;
    }

    function _sampleRate() internal view override returns (uint32) {
        return SAMPLE_RATE;
    }

    function _numAggregators() internal view override returns (uint32) {
        return NUM_AGGREGATORS;
    }

    function _bond() internal view override returns (uint96) {
        return BOND;
    }
}
