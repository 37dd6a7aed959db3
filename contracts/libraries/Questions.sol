// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What a challenge asks the proposer to show. Numbers are part of the protocol and never
/// reused.
enum Question {
    NONE,
    /// That a chunk of the model's header is that of the genesis model's header.
    HEADER,
    /// That a value of the model follows from the updates that the report includes.
    VALUE,
    /// That the report gives an update a status.
    STATUS
}

/// @notice Whose move it is in a dispute. Numbers are part of the protocol and never reused.
enum Stage {
    /// Nothing is in dispute.
    NONE,
    /// The proposer answers what was asked.
    ASKED,
    /// The challenger selects the part that it takes for wrong.
    SPLIT,
    /// The proposer splits the selected part.
    SELECTED,
    /// One update is left: the proposer, or anybody, shows what it contributes.
    SINGLE
}
