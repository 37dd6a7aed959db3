// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The state of a round. Numbers are part of the protocol and never reused.
enum Phase {
    /// No round has this number yet.
    NONE,
    /// Participants submit updates.
    COLLECTING,
    /// Enough updates are in and collection is over; the aggregator proposes a model.
    AGGREGATING,
    /// A model is proposed; it becomes final when the challenge window has passed.
    PROPOSED,
    /// The model of the round is final. No action leaves this phase.
    FINALIZED,
    /// A deadline passed without what it asked for; anybody may abort the round.
    EXPIRED,
    /// The round ended without a model of its own. No action leaves this phase.
    ABORTED
}
