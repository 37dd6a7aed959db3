// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerParameters} from "./LedgerParameters.sol";

/// @title Hands on what a ledger does not do itself: the moves of a dispute, rewards, and the secrets of aggregators
/// @notice The code for disputes runs on this contract's storage, sender and money. Where it is, is a parameter of
/// the task; docs/adr/0018, 0040 and 0044 say why and how to check it.
abstract contract DisputeForwarder is LedgerParameters {
    // INVARIANT P-267: what neither of them knows is refused there, and money that comes without a call here.
    receive() external payable {
        revert UnexpectedDeposit(msg.value, 0);
    }

    fallback() external payable {
        address disputes = _disputes;
        assembly ("memory-safe") {
            let input := mload(0x40)
            calldatacopy(input, 0, calldatasize())
            let isDone := delegatecall(gas(), disputes, input, calldatasize(), 0, 0)
            returndatacopy(input, 0, returndatasize())
            if iszero(isDone) { revert(input, returndatasize()) }
            return(input, returndatasize())
        }
    }
}
