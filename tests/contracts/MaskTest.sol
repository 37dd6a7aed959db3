// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {CommitTest} from "./CommitTest.sol";
import {vm} from "./Vm.sol";

/// @notice What participants do in a task with masked updates; its seeds select everybody.
abstract contract MaskTest is CommitTest {
    uint32 internal constant SEEDS = 10;
    uint32 internal constant UNMASK = 40;
    address internal constant OUTSIDER = address(0x0475);

    function withMasks() internal view returns (ILedgerTypes.TaskParameters memory p) {
        p = withCommitments();
        (p.sampleRate, p.seedSeconds) = (type(uint32).max, SEEDS);
        (p.fractionShift, p.unmaskSeconds) = (type(uint32).max, UNMASK);
    }

    function begin(ILedgerTypes.TaskParameters memory p) internal {
        ledger = create(p);
        waitForOpening();
    }

    function waitForOpening() internal {
        uint40 time = openedAt();
        if (time > vm.getBlockTimestamp()) vm.warp(time);
    }

    function bundleOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("bundle", i));
    }

    function tellOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("tell", i));
    }

    function share(uint256 i) internal {
        uint32 number = round();
        vm.prank(participant(i));
        ledger.commitUpdate(number, bundleOf(i));
    }

    function mask(uint256 i, uint128 apart) internal {
        uint32 number = round();
        vm.prank(participant(i));
        ledger.submitMasked(number, digestOf(i), cidOf(i), WEIGHT, apart);
    }

    function unmask(uint256 i) internal {
        unmaskAs(participant(i), tellOf(i));
    }

    function unmaskAs(address who, bytes32 cid) internal {
        uint32 number = round();
        vm.prank(who);
        ledger.unmask(number, cid);
    }

    /// So many share their seeds, and committing ends.
    function shareFirst(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            share(i);
        }
        if (count < TARGET_UPDATES) vm.warp(commitUntil() + 1);
    }

    /// Of so many who shared so many submit, and collection ends.
    function collect(uint256 shared, uint256 masked) internal {
        shareFirst(shared);
        for (uint256 i = 0; i < masked; ++i) {
            mask(i, 0);
        }
        if (masked < shared) vm.warp(revealUntil() + 1);
    }

    function unmaskFirst(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            unmask(i);
        }
    }

    function unmaskUntil() internal view returns (uint256) {
        uint40 closedAt = ledger.currentRound().closedAt;
        return (closedAt == 0 ? revealUntil() : closedAt) + UNMASK;
    }

    function refuseMask(address who, uint32 number, bytes32 digest, bytes32 cid, uint32 weight, bytes memory reason)
        internal
    {
        vm.prank(who);
        vm.expectRevert(reason);
        ledger.submitMasked(number, digest, cid, weight, 1);
    }

    function refuseUnmask(address who, uint32 number, bytes32 cid, bytes memory reason) internal {
        vm.prank(who);
        vm.expectRevert(reason);
        ledger.unmask(number, cid);
    }

    function about(bytes4 selector, address who) internal view returns (bytes memory) {
        return abi.encodeWithSelector(selector, round(), who);
    }

    function eq(ILedgerTypes.Unmasking memory actual, uint32 number, uint32 numUnmasked, uint256 closedAt)
        internal
        pure
    {
        eq(abi.encode(actual), abi.encode(number, numUnmasked, closedAt));
    }
}
