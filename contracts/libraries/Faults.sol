// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Why a bond is taken or a proposal rejected. Numbers are part of the protocol and never
/// reused.
enum Fault {
    NONE,
    /// A quorum of the committee attested to other results than the one proposed.
    OVERRULED,
    /// An aggregator signed two results for one round.
    EQUIVOCATION,
    /// The report of a proposal gives a submitted update no status.
    OMISSION,
    /// A value of the proposed model does not follow from the updates that its report includes.
    WRONG_MODEL,
    /// A party of a dispute let the time of its move pass; or an aggregator its turn, in a round that
    /// has a result, without attesting to it later.
    SILENCE,
    /// What was challenged was right.
    FALSE_CHALLENGE
}
