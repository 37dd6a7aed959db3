// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The state of a round. Numbers are part of the protocol and never reused.
enum Phase {
    /// No round has this number yet.
    NONE,
    /// Participants submit updates.
    COLLECTING,
    /// Enough updates are in and collection is over; an aggregator whose turn has come proposes a
    /// model.
    AGGREGATING,
    /// A model is proposed; it becomes final once a quorum attests to it or the challenge window has
    /// passed, unless somebody challenges it.
    PROPOSED,
    /// The model of the round is final. No action leaves this phase.
    FINALIZED,
    /// A deadline passed without what it asked for; anybody may abort the round.
    EXPIRED,
    /// The round ended without a model of its own. No action leaves this phase.
    ABORTED,
    /// The proposed model is in dispute; whoever does not move in time loses.
    CHALLENGED,
    /// The round opens at a time that has not come yet, because the coordinator paused the task, or its
    /// aggregators make its seed.
    SCHEDULED,
    /// Participants commit to updates that nobody sees yet; only in tasks with commitSeconds.
    COMMITTING,
    /// Enough masked updates are in and collection is over; their senders tell the seeds that the sum of
    /// them needs. Only in tasks with unmaskSeconds.
    UNMASKING
}
