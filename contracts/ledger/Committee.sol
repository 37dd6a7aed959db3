// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Attestations} from "../libraries/Attestations.sol";
import {Fault} from "../libraries/Faults.sol";
import {Stage} from "../libraries/Questions.sol";
import {LedgerState} from "./LedgerState.sol";

/// @title The aggregators of a task and their bonds
abstract contract Committee is LedgerState {
    /// In place of a round: barred from all of them.
    uint32 internal constant FOR_GOOD = type(uint32).max;

    /// Takes an equivocator's bond for the sender, takes back its attestation if it counts now, and
    /// bars it for good.
    function _slashEquivocation(address account) internal {
        Aggregator storage aggregator = _aggregators[account];
        if (_proposal.round == _current.round && _isCounted(aggregator, _current.round)) {
            if (aggregator.result == _proposedResult()) --_proposal.numFor;
            else --_proposal.numAgainst;
        }
        _slash(account, msg.sender, FOR_GOOD, Fault.EQUIVOCATION);
    }

    /// Takes an aggregator's bond and bars it from a round.
    function _slash(address account, address beneficiary, uint32 barredIn, Fault fault) internal {
        Aggregator storage aggregator = _aggregators[account];
        uint96 amount = aggregator.bond;
        aggregator.bond = 0;
        // INVARIANT P-99: who is barred for good stays so, whatever else it is found to have done.
        if (aggregator.barredIn != FOR_GOOD) aggregator.barredIn = barredIn;
        // The rest stays here for good: with all of it paid out, one's own second account could get
        // the whole bond back.
        if (beneficiary != address(0)) _payouts[beneficiary] += amount / 2;
        uint40 timestamp = _now();
        _record(2, abi.encode(BondSlashed.selector, account, beneficiary, amount, fault, timestamp));
    }

    /// Takes the bonds of those who let their turn pass and did not attest either, although the round
    /// has a result, as the model that becomes final shows.
    function _slashSilent(uint32 round) internal {
        if (_bond() == 0) return;
        uint256 proposer = _aggregators[_proposal.proposer].seat;
        uint256 seat = 1 + (round - 1) % _numAggregators();
        while (seat != proposer) {
            address account = _seats[seat];
            Aggregator memory aggregator = _aggregators[account];
            // INVARIANT P-129: only who could act, or withheld its secret so that it could not, and did nothing in
            // its turn or after, is silent.
            bool isSilent = aggregator.attestedIn != round && aggregator.barredIn != round;
            if (isSilent && aggregator.bond >= _bond()) _slash(account, address(0), round, Fault.SILENCE);
            seat = seat % _numAggregators() + 1;
        }
    }

    /// Drops the proposal, takes its proposer's bond, and lets the turns begin again.
    function _reject(CurrentRound memory current, Fault fault, address beneficiary) internal {
        uint40 timestamp = _now();
        address proposer = _proposal.proposer;
        _dropProposal(current.round);
        // A second later, so that no attestation to this proposal passes for one to the next.
        current.closedAt = timestamp + 1;
        _current = current;
        if (_unmaskSeconds() != 0) {
            _unmasking = Unmasking(current.round, _unmaskingOf(current).numUnmasked, current.closedAt);
        }
        _record(2, abi.encode(ProposalRejected.selector, current.round, proposer, fault, timestamp));
        _slash(proposer, beneficiary, current.round, fault);
    }

    /// Leaves no trace of a model that did not become final.
    function _dropProposal(uint32 round) internal {
        _endDispute();
        _models[round] = 0;
        _proposal.round = 0;
    }

    /// Gives the deposit of a challenge back: it was right, or is beside the point now.
    function _endDispute() internal {
        if (_dispute.round == 0) return;
        if (_dispute.stage != Stage.NONE) _payouts[_dispute.challenger] += _bond();
        delete _dispute;
    }

    /// The result that the standing proposal claims.
    function _proposedResult() internal view returns (bytes32) {
        return Attestations.resultOf(_proposal.round, _models[_proposal.round], _proposal.reportDigest);
    }

    /// Whether an attestation of a round is one to its standing proposal: those of before it was made,
    /// to a rejected one, are older, since turns begin again a second after a rejection.
    function _isCounted(Aggregator memory aggregator, uint32 round) internal view returns (bool) {
        return aggregator.attestedIn == round && aggregator.attestedAt >= _proposal.proposedAt;
    }

    /// The seat of an aggregator, from 1.
    function _requireSeat(address account) internal view returns (uint32 seat) {
        seat = _aggregators[account].seat;
        if (seat == 0) revert NotAggregator(account);
    }

    /// Requires that an aggregator may act in a round: it has its bond and committed no fault there.
    function _requireStanding(Aggregator memory aggregator, uint32 round) internal view {
        if (aggregator.barredIn == round || aggregator.barredIn == FOR_GOOD) {
            revert AggregatorBarred(aggregator.barredIn);
        }
        if (aggregator.bond < _bond()) revert BondTooLow(aggregator.bond, _bond());
    }

    /// The rank of a seat in a round: the first turn goes around, one seat further each round.
    function _rankOf(uint32 seat, uint32 round) internal view returns (uint256) {
        return (uint256(seat) + _numAggregators() - 1 - (round - 1) % _numAggregators()) % _numAggregators();
    }
}
