// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Attestations} from "../libraries/Attestations.sol";
import {Fault} from "../libraries/Faults.sol";
import {Committee} from "./Committee.sol";
import {LedgerViews} from "./LedgerViews.sol";

/// @title Who the aggregators are, and the money that they answer with
abstract contract Bonds is Committee, LedgerViews {
    /// Appoints the aggregators in the order in which they take turns.
    function _appoint(address[] memory aggregators) internal {
        uint40 timestamp = _now();
        for (uint32 i = 0; i < aggregators.length; ++i) {
            address aggregator = aggregators[i];
            if (aggregator == address(0) || _aggregators[aggregator].seat != 0) {
                revert ParameterOutOfRange("aggregators", uint160(aggregator));
            }
            _aggregators[aggregator].seat = i + 1;
            _seats[i + 1] = aggregator;
            _record(1, abi.encode(AggregatorAppointed.selector, aggregator, i + 1, timestamp));
        }
    }

    function depositBond() external payable {
        Aggregator storage aggregator = _aggregators[msg.sender];
        if (aggregator.seat == 0) revert NotAggregator(msg.sender);
        if (aggregator.barredIn == FOR_GOOD) revert AggregatorBarred(FOR_GOOD);
        uint256 bond = aggregator.bond + msg.value;
        if (msg.value == 0 || bond > type(uint96).max) revert ParameterOutOfRange("bond", bond);
        aggregator.bond = uint96(bond);
        uint40 timestamp = _now();
        _record(1, abi.encode(BondDeposited.selector, msg.sender, msg.value, timestamp));
    }

    function withdrawBond() external {
        CurrentRound memory current = _current;
        // INVARIANT P-92: a bond stays until nobody can need it any more.
        uint256 from = _isOver(current) ? uint256(current.closedAt) + _challengeSeconds : type(uint256).max;
        if (block.timestamp < from) revert BondLocked(from);
        Aggregator storage aggregator = _aggregators[msg.sender];
        uint96 amount = aggregator.bond;
        if (amount == 0) revert NothingToPay(msg.sender);
        aggregator.bond = 0;
        _payouts[msg.sender] += amount;
        uint40 timestamp = _now();
        _record(1, abi.encode(BondWithdrawn.selector, msg.sender, amount, timestamp));
    }

    function claimPayout() external {
        uint256 amount = _payouts[msg.sender];
        if (amount == 0) revert NothingToPay(msg.sender);
        // INVARIANT P-93: the books are closed before money leaves, so a payout cannot be claimed twice.
        _payouts[msg.sender] = 0;
        uint40 timestamp = _now();
        _record(1, abi.encode(PayoutClaimed.selector, msg.sender, amount, timestamp));
        (bool isPaid,) = msg.sender.call{value: amount}("");
        if (!isPaid) revert PayoutRefused(msg.sender);
    }

    function proveEquivocation(Attestation calldata one, Attestation calldata other) external {
        bytes32 result = Attestations.resultOf(one.round, one.modelDigest, one.reportDigest);
        bytes32 otherResult = Attestations.resultOf(other.round, other.modelDigest, other.reportDigest);
        address signer = Attestations.signerOf(result, one.signature);
        // INVARIANT P-94: only two different results that one aggregator signed for one round are a fault.
        if (
            one.round != other.round || result == otherResult || signer == address(0)
                || Attestations.signerOf(otherResult, other.signature) != signer
        ) revert NoEquivocation();
        _requireSeat(signer);
        // INVARIANT P-117: an equivocation is fined once: who is out for good can not be fined again.
        if (_aggregators[signer].barredIn == FOR_GOOD) revert AggregatorBarred(FOR_GOOD);
        _slashEquivocation(signer);
    }
}
