// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What decides who takes part in a round
library Seeds {
    /// @notice What a revealed secret adds to the mix of its round. Bound to its aggregator, so that two with
    /// the same secret do not cancel each other out.
    function contributionOf(uint32 round, address aggregator, bytes32 secret) internal pure returns (bytes32) {
        return keccak256(abi.encode(round, aggregator, secret));
    }

    /// @notice The seed of a round, from that of the round before and from the mix of its own.
    function seedOf(bytes32 formerSeed, uint32 round, bytes32 mix) internal pure returns (bytes32) {
        return keccak256(abi.encode(formerSeed, round, mix));
    }

    /// @notice Whether a seed selects whoever was admitted under a name.
    /// @param sampleRate of 2^32, so many are selected on average
    function isSelected(bytes32 seed, address name, uint32 sampleRate) internal pure returns (bool) {
        return uint32(bytes4(keccak256(abi.encode(seed, name)))) < sampleRate;
    }
}
