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
    uint32 private immutable MAX_WEIGHT;
    uint64 private immutable PRIVACY_COST;
    uint64 private immutable PRIVACY_BUDGET;
    bool private immutable IS_LIMITED;
    uint32 private immutable UNMASK_SECONDS;

    IParticipantRegistry internal immutable _registry;
    address internal immutable _disputes;
    bytes32 internal immutable _manifestDigest;
    bytes32 internal immutable _manifestCidDigest;
    bytes32 internal immutable _genesisDigest;
    bytes32 internal immutable _genesisCidDigest;
    uint32 internal immutable _targetUpdates;
    uint32 internal immutable _challengeSeconds;
    uint32 internal immutable _quorum;
    uint32 internal immutable _headerChunks;
    uint32 internal immutable _numValues;
    uint32 internal immutable _fractionShift;
    bool internal immutable _isOpen;
    uint32 internal immutable _listSeconds;
    uint32 internal immutable _seedSeconds;
    uint96 internal immutable _reward;

    constructor(TaskParameters memory p, uint256 numAggregators) {
        NUM_ROUNDS = p.numRounds;
        MIN_UPDATES = p.minUpdates;
        COLLECT_SECONDS = p.collectSeconds;
        AGGREGATE_SECONDS = p.aggregateSeconds;
        COMMIT_SECONDS = p.commitSeconds;
        SAMPLE_RATE = p.sampleRate;
        NUM_AGGREGATORS = uint32(numAggregators);
        BOND = p.bond;
        MAX_WEIGHT = p.maxWeight;
        PRIVACY_COST = p.privacyCost;
        PRIVACY_BUDGET = p.privacyBudget;
        IS_LIMITED = p.sampleRate != 0 || p.privacyCost != 0;
        UNMASK_SECONDS = p.unmaskSeconds;
        _registry = IParticipantRegistry(p.registry);
        _disputes = p.disputes;
        _manifestDigest = p.manifestDigest;
        _manifestCidDigest = p.manifestCidDigest;
        _genesisDigest = p.genesisDigest;
        _genesisCidDigest = p.genesisCidDigest;
        _targetUpdates = p.targetUpdates;
        _challengeSeconds = p.challengeSeconds;
        _quorum = p.quorum;
        _headerChunks = p.headerChunks;
        _numValues = p.numValues;
        _fractionShift = p.fractionShift;
        _isOpen = p.isOpen;
        _listSeconds = p.listSeconds;
        _seedSeconds = p.seedSeconds;
        _reward = p.reward;
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
            bond: p.bond,
            privacyCost: p.privacyCost,
            privacyBudget: p.privacyBudget,
            unmaskSeconds: p.unmaskSeconds
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

    function _maxWeight() internal view override returns (uint32) {
        return MAX_WEIGHT;
    }

    function _privacyCost() internal view override returns (uint64) {
        return PRIVACY_COST;
    }

    function _privacyBudget() internal view override returns (uint64) {
        return PRIVACY_BUDGET;
    }

    function _isLimited() internal view override returns (bool) {
        return IS_LIMITED;
    }

    function _unmaskSeconds() internal view override returns (uint32) {
        return UNMASK_SECONDS;
    }
}
