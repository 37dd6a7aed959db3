// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a participant commits to before anybody shows an update
library Commitments {
    /// In place of a sequence number: committed, and not revealed. No update has this number, since no
    /// round has 2^32 updates.
    uint32 internal constant PENDING = type(uint32).max;

    /// @notice Binds an update to this ledger on this chain, to a round and to its sender, so that what
    /// somebody else committed to can not be revealed.
    /// @param salt random, or whoever guesses the update could tell that it was guessed right
    function commitmentTo(
        uint32 round,
        address participant,
        bytes32 digest,
        bytes32 cidDigest,
        uint32 weight,
        bytes32 salt
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(block.chainid, address(this), round, participant, digest, cidDigest, weight, salt)
        );
    }
}
