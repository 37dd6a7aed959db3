// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerState} from "./LedgerState.sol";

/// @title The parameters of a task, as the code for disputes finds them in the ledger's storage
abstract contract StoredParameters is LedgerState {
    function _numRounds() internal view override returns (uint32) {
        // INVARIANT P-134: in storage that nobody wrote, there are none, and as many are finalized: the task is over,
        // every move is refused, and no deposit is stranded here.
        return _terms.numRounds;
    }

    function _minUpdates() internal view override returns (uint32) {
        return _terms.minUpdates;
    }

    function _collectSeconds() internal view override returns (uint32) {
        return _terms.collectSeconds;
    }

    function _aggregateSeconds() internal view override returns (uint32) {
        return _terms.aggregateSeconds;
    }

    function _commitSeconds() internal view override returns (uint32) {
        return _terms.commitSeconds;
    }

    function _sampleRate() internal view override returns (uint32) {
        return _terms.sampleRate;
    }

    function _numAggregators() internal view override returns (uint32) {
        return _terms.numAggregators;
    }

    function _bond() internal view override returns (uint96) {
        return _terms.bond;
    }

    function _maxWeight() internal view override returns (uint32) {
        return _terms.maxWeight;
    }

    function _privacyCost() internal view override returns (uint64) {
        return _terms.privacyCost;
    }

    function _privacyBudget() internal view override returns (uint64) {
        return _terms.privacyBudget;
    }

    function _isLimited() internal view override returns (bool) {
        return _terms.sampleRate != 0 || _terms.privacyCost != 0;
    }

    function _unmaskSeconds() internal view override returns (uint32) {
        return _terms.unmaskSeconds;
    }
}
