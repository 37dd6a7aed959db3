// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {ISampling} from "../interfaces/ISampling.sol";
import {Opening} from "../libraries/DigestTree.sol";
import {Question} from "../libraries/Questions.sol";

/// @title Hands the moves of a dispute, and the secrets of aggregators, to the code that decides about them
/// @notice The other contract's code runs on this one's storage, sender and money. Which contract that
/// is, is fixed when this one is created; docs/adr/0018 says why and how to check it.
abstract contract DisputeForwarder is IDisputes, ISampling {
    address private immutable _disputes;

    constructor(address disputes) {
        _disputes = disputes;
    }

    function challenge(uint32, Question, uint32) external payable {
        _forward();
    }

    function answerHeader(uint32, Opening calldata, Opening calldata) external {
        _forward();
    }

    function answerStatus(uint32, Opening calldata) external {
        _forward();
    }

    function answerValue(uint32, Opening calldata, Opening calldata, uint256[32] calldata) external {
        _forward();
    }

    function selectPart(uint32, uint32, uint256[32] calldata) external {
        _forward();
    }

    function splitPart(uint32, uint256[32] calldata) external {
        _forward();
    }

    function decideUpdate(uint32, UpdateRecord calldata, Opening calldata, Opening calldata) external {
        _forward();
    }

    function decideListedUpdate(
        uint32,
        ListRecord calldata,
        Opening calldata,
        Opening calldata,
        Opening calldata
    ) external {
        _forward();
    }

    function concludeDispute(uint32) external {
        _forward();
    }

    function proveOmission(uint32, uint32, Opening calldata) external {
        _forward();
    }

    function payRewards(uint32, bytes32, uint32, uint32, Opening calldata) external {
        _forward();
    }

    function commitSeeds(bytes32) external {
        _forward();
    }

    function revealSeed(uint32, bytes32) external {
        _forward();
    }

    function _forward() private {
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
