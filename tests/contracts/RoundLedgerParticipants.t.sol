// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

contract RoundLedgerParticipantsTest is LedgerTest {
    address private constant NEWCOMER = address(0x5E3C0);

    ILedger private fresh;

    function setUp() public override {
        super.setUp();
        fresh = ILedger(address(new RoundLedger(parameters(), committee())));
    }

    function test_Whom_The_Registry_Lists_Can_Be_Admitted() public {
        vm.warp(START + 3);
        vm.expectEmit(address(fresh));
        emit ILedgerTypes.ParticipantAdmitted(participant(0), START + 3);
        fresh.admit(one(participant(0)));
        ok(fresh.participantOf(participant(0)).isAdmitted, "admitted");
        ok(!fresh.participantOf(participant(1)).isAdmitted, "nobody else is");
    }

    function test_Nobody_But_The_Coordinator_Admits(address sender) public {
        vm.assume(sender != address(this));
        vm.expectRevert(refusal(ILedgerTypes.NotCoordinator.selector, sender, address(this)));
        vm.prank(sender);
        fresh.admit(one(participant(0)));
    }

    function test_A_Participant_Cannot_Admit_Itself() public {
        registry.enrol(one(NEWCOMER));
        vm.expectRevert(refusal(ILedgerTypes.NotCoordinator.selector, NEWCOMER, address(this)));
        vm.prank(NEWCOMER);
        fresh.admit(one(NEWCOMER));
    }

    function test_Nobody_Is_Admitted_Without_Enrolment() public {
        vm.expectRevert(refusal(ILedgerTypes.NotEnrolled.selector, NEWCOMER));
        fresh.admit(one(NEWCOMER));
    }

    function test_Nobody_Is_Admitted_After_Revocation() public {
        registry.revoke(one(participant(0)));
        vm.expectRevert(refusal(ILedgerTypes.NotEnrolled.selector, participant(0)));
        fresh.admit(one(participant(0)));
    }

    function test_Nobody_Is_Admitted_Twice() public {
        vm.expectRevert(refusal(ILedgerTypes.AlreadyAdmitted.selector, participant(0)));
        ledger.admit(one(participant(0)));
    }

    function test_Admission_Is_All_Or_None() public {
        address[] memory list = new address[](2);
        (list[0], list[1]) = (participant(0), NEWCOMER);
        bytes32 before = fresh.historyHash();
        vm.expectRevert(refusal(ILedgerTypes.NotEnrolled.selector, NEWCOMER));
        fresh.admit(list);
        ok(!fresh.participantOf(participant(0)).isAdmitted, "none is admitted");
        eq(fresh.historyHash(), before);
    }

    function test_An_Empty_Admission_Changes_Nothing() public {
        bytes32 before = fresh.historyHash();
        vm.recordLogs();
        fresh.admit(new address[](0));
        eq(vm.getRecordedLogs().length, 0);
        eq(fresh.historyHash(), before);
    }

    function test_A_Newcomer_Can_Join_A_Running_Round() public {
        submitFirst(1);
        registry.enrol(one(NEWCOMER));
        ledger.admit(one(NEWCOMER));
        vm.prank(NEWCOMER);
        ledger.submitUpdate(1, digestOf(9), cidOf(9), 1);
        eq(ledger.currentRound().numUpdates, 2);
    }

    function test_Anybody_Removes_A_Participant_Whom_The_Registry_Revoked() public {
        registry.revoke(one(participant(0)));
        vm.warp(START + 9);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ParticipantRemoved(participant(0), START + 9);
        vm.prank(ANYBODY);
        ledger.remove(participant(0));
        ok(!ledger.participantOf(participant(0)).isAdmitted, "removed");
        ok(ledger.participantOf(participant(1)).isAdmitted, "the others stay");
    }

    function test_Nobody_Loses_Standing_While_The_Registry_Lists_It(address sender) public {
        vm.expectRevert(refusal(ILedgerTypes.StillEnrolled.selector, participant(0)));
        vm.prank(sender);
        ledger.remove(participant(0));
    }

    function test_Nobody_Is_Removed_Who_Was_Not_Admitted() public {
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, NEWCOMER));
        ledger.remove(NEWCOMER);
        registry.revoke(one(participant(0)));
        ledger.remove(participant(0));
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, participant(0)));
        ledger.remove(participant(0));
    }

    function test_A_Removed_Participant_Cannot_Submit() public {
        registry.revoke(one(participant(0)));
        ledger.remove(participant(0));
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, participant(0)));
        vm.prank(participant(0));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 1);
    }

    function test_A_Removed_Participant_Keeps_Its_Updates_And_Never_Returns() public {
        submit(0);
        ILedgerTypes.Participant memory before = ledger.participantOf(participant(0));
        registry.revoke(one(participant(0)));
        ledger.remove(participant(0));
        ILedgerTypes.Participant memory removed = ledger.participantOf(participant(0));
        eq(removed.lastRound, before.lastRound);
        eq(bytes32(removed.lastRecord), bytes32(before.lastRecord));
        eq(ledger.currentRound().numUpdates, 1);
        vm.expectRevert(refusal(ILedgerTypes.NotEnrolled.selector, participant(0)));
        ledger.admit(one(participant(0)));
    }

    /// bool, uint32, uint32 and 23 bytes of the record hash, from the low end of one slot.
    function test_A_Participant_Takes_One_Slot() public {
        submit(5);
        vm.warp(START + 1);
        vm.recordLogs();
        submit(0);
        Vm.Log memory log = vm.getRecordedLogs()[0];
        bytes32 record = keccak256(bytes.concat(log.topics[0], log.topics[1], log.topics[2], log.data));
        uint256 slot = uint256(vm.load(address(ledger), keccak256(abi.encode(participant(0), uint256(9)))));
        eq(slot & 0xff, 1);
        eq(uint32(slot >> 8), 1);
        eq(uint32(slot >> 40), 1);
        eq(slot >> 72, uint256(record) >> 72);

        ILedgerTypes.Participant memory standing = ledger.participantOf(participant(0));
        ok(standing.isAdmitted, "admitted");
        eq(standing.lastRound, 1);
        eq(standing.lastSequence, 1);
        eq(bytes32(standing.lastRecord), bytes32(bytes23(record)));
    }
}
