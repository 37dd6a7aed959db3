// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerState} from "./LedgerState.sol";

/// @title Which parameters a task can have
/// @notice Checked once, by the ledger's constructor.
abstract contract ParameterChecks is LedgerState {
    uint256 private constant MAX_AGGREGATORS = 64;
    uint256 private constant MAX_UPDATES = 2 ** 24;

    constructor(TaskParameters memory p, uint256 numAggregators) {
        _requirePositive("numRounds", p.numRounds);
        _requirePositive("minUpdates", p.minUpdates);
        _requirePositive("maxWeight", p.maxWeight);
        _requirePositive("collectSeconds", p.collectSeconds);
        _requirePositive("aggregateSeconds", p.aggregateSeconds);
        _requirePositive("headerChunks", p.headerChunks);
        _requirePositive("numValues", p.numValues);
        if (p.targetUpdates < p.minUpdates) revert ParameterOutOfRange("targetUpdates", p.targetUpdates);
        // INVARIANT P-162: whoever is left out of a list has time to submit, and no list is of commitments.
        if (p.listSeconds >= p.collectSeconds || (p.listSeconds != 0 && p.commitSeconds != 0)) {
            revert ParameterOutOfRange("listSeconds", p.listSeconds);
        }
        // INVARIANT P-283: a budget allows one update at least, and none enters that it does not see: not in a list.
        if (p.privacyBudget < p.privacyCost || (p.privacyBudget != 0 && p.privacyCost == 0)) {
            revert ParameterOutOfRange("privacyBudget", p.privacyBudget);
        }
        if (p.privacyBudget != 0 && p.listSeconds != 0) revert ParameterOutOfRange("listSeconds", p.listSeconds);
        // One list of each aggregator, and an update of each participant, are what a report has room for.
        if (p.listSeconds != 0 && (numAggregators + 1) * p.targetUpdates > MAX_UPDATES) {
            revert ParameterOutOfRange("targetUpdates", p.targetUpdates);
        }
        if (p.fractionShift > 30 && p.fractionShift != NO_VALUES) {
            revert ParameterOutOfRange("fractionShift", p.fractionShift);
        }
        if ((p.sampleRate == 0) != (p.seedSeconds == 0)) revert ParameterOutOfRange("seedSeconds", p.seedSeconds);
        // INVARIANT P-286: masks come with a seed that draws groups, a commitment that shares are on record by, and no
        // dispute about values that nobody can show.
        bool isMaskable = p.commitSeconds != 0 && p.sampleRate != 0 && p.fractionShift == NO_VALUES;
        if (p.unmaskSeconds != 0 && !isMaskable) revert ParameterOutOfRange("unmaskSeconds", p.unmaskSeconds);
        if (p.registry.code.length == 0) revert ParameterOutOfRange("registry", uint160(p.registry));
        // INVARIANT P-280: no ledger hands anything on to code that is not there yet, and could be anybody's later.
        if (p.disputes.code.length == 0) revert ParameterOutOfRange("disputes", uint160(p.disputes));
        if (numAggregators == 0 || numAggregators > MAX_AGGREGATORS) {
            revert ParameterOutOfRange("aggregators", numAggregators);
        }
        // INVARIANT P-91: two results never both have a quorum, and no single aggregator is one.
        bool isQuorum = p.quorum > 1 && p.quorum <= numAggregators && 2 * p.quorum > numAggregators;
        if (p.quorum != 0 && !isQuorum) revert ParameterOutOfRange("quorum", p.quorum);
        // INVARIANT P-260: what a round's updates earned is for a quorum to say, and for nobody alone.
        if (p.reward != 0 && p.quorum == 0) revert ParameterOutOfRange("reward", p.reward);
        _requireDigest(p.manifestDigest);
        _requireDigest(p.manifestCidDigest);
        _requireDigest(p.genesisDigest);
        _requireDigest(p.genesisCidDigest);
    }

    function _requirePositive(bytes32 name, uint256 value) private pure {
        if (value == 0) revert ParameterOutOfRange(name, value);
    }
}
