// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "./ILedgerTypes.sol";

/// @title The secrets that decide who takes part in a round, in tasks with a sampleRate
/// @notice Aggregators commit to secrets before anybody sees one, and reveal one for each round before it
/// opens. Those of a round make its seed.
interface ISampling is ILedgerTypes {
    /// @notice Commits the sender to secrets, each the hash of the next, in place of those before. An
    /// aggregator, at any time but from when the secrets of a round can be revealed to when it opens.
    /// @param tip the hash of the first secret that will be revealed, not zero
    function commitSeeds(bytes32 tip) external;

    /// @notice Reveals the sender's secret of the current round while it is SCHEDULED. An aggregator with
    /// standing; one that has committed and does not reveal does not act in the round.
    /// @param secret what the sender's tip is the hash of; it is the tip from then on
    function revealSeed(uint32 round, bytes32 secret) external;
}
