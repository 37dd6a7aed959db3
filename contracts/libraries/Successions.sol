// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature, TypedData} from "./TypedData.sol";

/// @title What a key signs that is to take the place of another
library Successions {
    bytes32 private constant MESSAGE_TYPE = keccak256("Succession(address participant,address successor)");

    /// @return whether `successor` signed, for this contract on this chain, that it succeeds `participant`
    function isAccepted(address participant, address successor, Signature calldata acceptance)
        internal
        view
        returns (bool)
    {
        bytes32 message = keccak256(abi.encode(MESSAGE_TYPE, participant, successor));
        return TypedData.signerOf(message, acceptance) == successor;
    }
}
