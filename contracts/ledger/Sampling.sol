// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerViews} from "./LedgerViews.sol";

/// @title Who takes part in a round, by the seed that the secrets of the aggregators make (Secrets.sol)
/// @notice Tasks without a sampleRate read and write none of this. docs/adr/0022 says why it is as it is.
abstract contract Sampling is LedgerViews {
    function seeding() external view returns (Seeding memory) {
        return _seeding;
    }

    function seedChainOf(address aggregator) external view returns (SeedChain memory) {
        return _seedChains[aggregator];
    }

    function lotOf(address participant) external view returns (Lot memory) {
        return _lots[participant];
    }

    function seedOf(uint32 round) external view returns (bytes32) {
        CurrentRound memory current = _current;
        return round != current.round || block.timestamp < current.openedAt ? bytes32(0) : _seed(round);
    }

    /// Begins the secrets of a round, and returns when it opens at the latest.
    function _openSeeding(uint32 round, uint40 timestamp) internal returns (uint40) {
        if (_sampleRate() == 0) return timestamp;
        bool isFirst = round == 1;
        _seeding.formerSeed = isFirst ? _manifestDigest : _seed(round - 1);
        _seeding.mix = 0;
        _seeding.numRevealed = 0;
        // Nobody can have committed before the first round, so it gives as much time for that.
        uint40 revealsFrom = isFirst ? timestamp + _seedSeconds : timestamp;
        _seeding.revealsFrom = revealsFrom;
        return _seeding.opensFrom = revealsFrom + _seedSeconds;
    }

    /// Writes who was admitted under its own name, from which round on it takes part.
    function _drawLot(address participant, uint40 timestamp) internal {
        if (_sampleRate() == 0) return;
        uint32 round = _current.round;
        // INVARIANT P-177: nobody is admitted to a round whose secrets may be known, or its name could have
        // been chosen by them.
        _lots[participant] = Lot(participant, timestamp < _seeding.revealsFrom ? round : round + 1);
    }

    /// Moves a lot along with an admission.
    function _moveLot(address participant, address successor) internal {
        // INVARIANT P-178: who changes its key draws no second lot.
        if (_sampleRate() != 0) _lots[successor] = _lots[participant];
    }

    /// Requires that an aggregator has revealed its secret of a round, if it was to.
    function _requireRevealed(address account, uint32 round) internal view {
        if (_sampleRate() == 0) return;
        SeedChain storage chain = _seedChains[account];
        uint32 dueFrom = chain.dueFrom;
        // INVARIANT P-174: who withholds its secret of a round does not act in it; another tip changes nothing.
        if (dueFrom != 0 && dueFrom <= round && chain.revealedIn != round) revert SeedWithheld(round, account);
    }
}
