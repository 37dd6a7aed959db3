// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {Phase} from "../libraries/Phases.sol";
import {LedgerParameters} from "./LedgerParameters.sol";

/// @title What anybody may ask a ledger
abstract contract LedgerViews is LedgerParameters, IRoundLedger {
    function currentRound() external view returns (CurrentRound memory) {
        return _current;
    }

    function proposal() external view returns (Proposal memory) {
        return _proposal;
    }

    function participantOf(address participant) external view returns (Participant memory) {
        return _participants[participant];
    }

    function listingOf(address aggregator) external view returns (Listing memory) {
        return _lists[aggregator];
    }

    function aggregatorOf(address aggregator) external view returns (Aggregator memory) {
        return _aggregators[aggregator];
    }

    function payoutOf(address account) external view returns (uint256) {
        return _payouts[account];
    }

    function pot() external view returns (uint256) {
        return _pot;
    }

    function payrollOf(uint32 round) external view returns (Payroll memory) {
        return _payrolls[round];
    }

    function historyHash() external view returns (bytes32) {
        return _historyHash;
    }

    function parameters() external view returns (TaskParameters memory) {
        return TaskParameters({
            registry: address(_registry),
            disputes: _disputes,
            manifestDigest: _manifestDigest,
            manifestCidDigest: _manifestCidDigest,
            genesisDigest: _genesisDigest,
            genesisCidDigest: _genesisCidDigest,
            numRounds: _numRounds(),
            minUpdates: _minUpdates(),
            targetUpdates: _targetUpdates,
            maxWeight: _maxWeight(),
            collectSeconds: _collectSeconds(),
            aggregateSeconds: _aggregateSeconds(),
            challengeSeconds: _challengeSeconds,
            quorum: _quorum,
            bond: _bond(),
            headerChunks: _headerChunks,
            numValues: _numValues,
            fractionShift: _fractionShift,
            commitSeconds: _commitSeconds(),
            isOpen: _isOpen,
            listSeconds: _listSeconds,
            sampleRate: _sampleRate(),
            seedSeconds: _seedSeconds,
            reward: _reward,
            privacyCost: _privacyCost(),
            privacyBudget: _privacyBudget(),
            unmaskSeconds: _unmaskSeconds()
        });
    }

    function dispute() external view returns (Dispute memory) {
        return _dispute;
    }

    function committing() external view returns (Committing memory) {
        return _committing;
    }

    function unmasking() external view returns (Unmasking memory) {
        return _unmasking;
    }

    function privacySpentOf(address participant) external view returns (uint64) {
        return _privacySpent[participant];
    }

    function phaseOf(uint32 round) public view returns (Phase) {
        CurrentRound memory current = _current;
        if (round == current.round) return _phase(current);
        if (round > current.round) return Phase.NONE;
        return _models[round] == 0 ? Phase.ABORTED : Phase.FINALIZED;
    }

    function modelDigestOf(uint32 round) external view returns (bytes32) {
        return round == 0 || phaseOf(round) == Phase.FINALIZED ? _models[round] : bytes32(0);
    }
}
