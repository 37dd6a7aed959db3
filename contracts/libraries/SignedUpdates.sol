// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature, TypedData} from "./TypedData.sol";

/// @notice An update as its participant signs it, for somebody else to hand in.
struct SignedUpdate {
    bytes32 digest;
    bytes32 cidDigest;
    uint32 weight;
    Signature signature;
}

/// @title What a participant signs when it does not send its update itself (EIP-712)
/// @notice The domain is that of attestations; the message names the round, so that a signature is worth
/// nothing in any other.
library SignedUpdates {
    bytes32 private constant MESSAGE_TYPE =
        keccak256("Update(uint32 round,bytes32 digest,bytes32 cidDigest,uint32 weight)");

    /// @return the address that signed an update of a round in a domain; 0 if none did
    function signerIn(bytes32 domain, uint32 round, SignedUpdate calldata update) internal pure returns (address) {
        bytes32 type_ = MESSAGE_TYPE;
        bytes32 message;
        // A message is the type, the round, and the first three words of what was handed in. It is hashed
        // behind the free memory, so that a batch does not pay for memory that grows with it.
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, type_)
            mstore(add(buffer, 0x20), round)
            calldatacopy(add(buffer, 0x40), update, 0x60)
            message := keccak256(buffer, 0xa0)
        }
        return TypedData.signerIn(domain, message, update.signature);
    }
}
