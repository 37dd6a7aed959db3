// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../interfaces/ILedgerTypes.sol";

/// @title Hands on what a ledger does not do itself: the moves of a dispute, rewards, and the secrets of aggregators
/// @notice The other contract's code runs on this one's storage, sender and money. Which contract that
/// is, is fixed when this one is created; docs/adr/0018 and 0040 say why and how to check it.
abstract contract DisputeForwarder {
    address private immutable _disputes;

    constructor(address disputes) {
        _disputes = disputes;
    }

    // INVARIANT P-267: what neither of them knows is refused there, and money that comes without a call here.
    receive() external payable {
        revert ILedgerTypes.UnexpectedDeposit(msg.value, 0);
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
