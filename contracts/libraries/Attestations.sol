// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature, TypedData} from "./TypedData.sol";

/// @title What an aggregator signs when it has derived a round itself
/// @notice A signature is bound to chain and ledger by the domain, to its round by the message.
library Attestations {
    bytes32 private constant MESSAGE_TYPE =
        keccak256("Attestation(uint32 round,bytes32 modelDigest,bytes32 reportDigest)");

    /// @return the result of a round as one word: the EIP-712 hash of the message
    function resultOf(uint32 round, bytes32 modelDigest, bytes32 reportDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(MESSAGE_TYPE, round, modelDigest, reportDigest));
    }

    /// @return the address that signed `result` for this contract on this chain; 0 if none did
    function signerOf(bytes32 result, Signature calldata signature) internal view returns (address) {
        return TypedData.signerOf(result, signature);
    }
}
