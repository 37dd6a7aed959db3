// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISampling} from "../interfaces/ISampling.sol";
import {Phase} from "../libraries/Phases.sol";
import {Seeds} from "../libraries/Seeds.sol";
import {Committee} from "./Committee.sol";

/// @title The secrets of the aggregators that decide who takes part in a round
/// @notice A ledger runs this code on its own storage, as that of disputes, for want of room.
abstract contract Secrets is Committee, ISampling {
    function commitSeeds(bytes32 tip) external {
        _requireSampling();
        _requireSeat(msg.sender);
        _requireDigest(tip);
        CurrentRound memory current = _current;
        if (_isOver(current)) revert TaskOver(current.round, _phase(current));
        uint40 timestamp = _now();
        bool isFixed = timestamp >= _seeding.revealsFrom;
        // INVARIANT P-170: nobody chooses a secret of a round once another one's could be seen, not even one
        // that waits to be mined.
        if (isFixed && timestamp < current.openedAt) revert SeedsFixed(current.round);
        SeedChain storage chain = _seedChains[msg.sender];
        if (chain.dueFrom == 0) {
            chain.dueFrom = isFixed ? current.round + 1 : current.round;
            _seeding.numCommitted += 1;
            // In the first round there is nothing to wait for once all have committed.
            if (!isFixed && _seeding.numCommitted == _numAggregators()) {
                _seeding.revealsFrom = timestamp;
                _opensFrom(current, timestamp + _terms.seedSeconds);
            }
        }
        chain.tip = tip;
        _record(1, abi.encode(SeedsCommitted.selector, msg.sender, tip, timestamp));
    }

    function revealSeed(uint32 round, bytes32 secret) external {
        _requireSampling();
        _requireSeat(msg.sender);
        CurrentRound memory current = _current;
        // INVARIANT P-171: secrets are revealed for the current round only, before it opens, and not while
        // anybody can still choose one.
        _requirePhase(current, round, Phase.SCHEDULED);
        uint40 timestamp = _now();
        if (timestamp < _seeding.revealsFrom) revert SeedsNotFixed(_seeding.revealsFrom);
        // INVARIANT P-172: who has no turn to lose has no influence, or withholding would be free.
        _requireStanding(_aggregators[msg.sender], round);
        SeedChain storage chain = _seedChains[msg.sender];
        if (chain.revealedIn == round) revert AlreadyRevealed(round, msg.sender);
        // INVARIANT P-173: what is revealed is the one secret that was fixed before, used once.
        if (keccak256(abi.encode(secret)) != chain.tip) revert WrongSecret(chain.tip);
        chain.tip = secret;
        chain.revealedIn = round;
        _seeding.mix ^= Seeds.contributionOf(round, msg.sender, secret);
        _seeding.numRevealed += 1;
        if (_seeding.numRevealed == _numAggregators()) _opensFrom(current, timestamp);
        _record(2, abi.encode(SeedRevealed.selector, round, msg.sender, secret, timestamp));
    }

    /// Lets the current round open at a time, unless it is paused beyond it.
    function _opensFrom(CurrentRound memory current, uint40 time) private {
        _seeding.opensFrom = time;
        current.openedAt = time < current.pausedUntil ? current.pausedUntil : time;
        _current = current;
    }

    function _requireSampling() private view {
        if (_sampleRate() == 0) revert NoSampling();
    }
}
