// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Acceptances} from "./RegistryTest.sol";
import {vm} from "./Vm.sol";

/// @notice A registry that gives every participant the successor of its choice, as none of ours does.
contract LyingRegistry {
    address private immutable _successor;

    constructor(address successor) {
        _successor = successor;
    }

    function isEnrolled(address) external pure returns (bool) {
        return true;
    }

    function successorOf(address) external view returns (address) {
        return _successor;
    }

    function originOf(address participant) external pure returns (address) {
        return participant;
    }
}

contract RoundLedgerSuccessionTest is LedgerTest, Acceptances {
    uint256 private constant SECOND_KEY = 0x5EC0;
    uint256 private constant THIRD_KEY = 0x741D;

    address private _first;
    address private _second;
    address private _third;

    function setUp() public override {
        super.setUp();
        _first = participant(0);
        _second = vm.addr(SECOND_KEY);
        _third = vm.addr(THIRD_KEY);
    }

    function test_Anybody_Moves_An_Admission_To_The_Successor() public {
        _rotate(_first, SECOND_KEY);
        vm.warp(START + 4);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ParticipantSucceeded(_first, _second, START + 4);
        vm.prank(ANYBODY);
        ledger.succeed(_first);
        ok(!ledger.participantOf(_first).isAdmitted, "the old key is not admitted");
        ok(ledger.participantOf(_second).isAdmitted, "the new key is");
        _submit(_second, 1);
    }

    function test_A_Participant_That_Changes_Its_Key_Submits_Once_A_Round() public {
        _submit(_first, 1);
        _rotate(_first, SECOND_KEY);
        ledger.succeed(_first);
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, _first));
        _submit(_first, 1);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, _second));
        _submit(_second, 1);
        _rotate(_second, THIRD_KEY);
        ledger.succeed(_second);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, _third));
        _submit(_third, 1);
        vm.warp(collectUntil() + 1);
        ledger.abort(1);
        _submit(_third, 2);
        eq(ledger.participantOf(_third).lastRound, 2);
    }

    function test_The_Old_Slot_Keeps_What_A_Dispute_May_Open() public {
        _submit(_first, 1);
        ILedgerTypes.Participant memory before = ledger.participantOf(_first);
        _rotate(_first, SECOND_KEY);
        ledger.succeed(_first);
        ILedgerTypes.Participant memory old = ledger.participantOf(_first);
        eq(old.lastRound, before.lastRound);
        eq(old.lastSequence, before.lastSequence);
        eq(bytes32(old.lastRecord), bytes32(before.lastRecord));
        ILedgerTypes.Participant memory successor = ledger.participantOf(_second);
        eq(successor.lastRound, before.lastRound);
        eq(successor.lastSequence, 0);
        eq(bytes32(successor.lastRecord), 0);
    }

    function test_A_Line_Of_Keys_Is_Followed_Step_By_Step() public {
        _rotate(_first, SECOND_KEY);
        _rotate(_second, THIRD_KEY);
        ledger.succeed(_first);
        ledger.succeed(_second);
        ok(ledger.participantOf(_third).isAdmitted, "the last key is admitted");
        ok(!ledger.participantOf(_second).isAdmitted, "the key between is not");
    }

    function test_Nobody_Succeeds_Whom_The_Registry_Gave_No_Successor() public {
        vm.expectRevert(refusal(ILedgerTypes.NoSuccessor.selector, _first));
        ledger.succeed(_first);
        registry.revoke(one(_first));
        vm.expectRevert(refusal(ILedgerTypes.NoSuccessor.selector, _first));
        ledger.succeed(_first);
    }

    function test_Nobody_Succeeds_Who_Was_Not_Admitted_Or_Twice() public {
        ILedger fresh = ILedger(address(new RoundLedger(parameters(), committee())));
        _rotate(_first, SECOND_KEY);
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, _first));
        fresh.succeed(_first);
        ledger.succeed(_first);
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, _first));
        ledger.succeed(_first);
    }

    function test_A_Successor_That_Is_Admitted_Is_Refused() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.registry = address(new LyingRegistry(participant(1)));
        ILedger fooled = create(p);
        vm.expectRevert(refusal(ILedgerTypes.SuccessorAdmitted.selector, _first, participant(1)));
        fooled.succeed(_first);
    }

    function test_No_Two_Keys_Of_A_Line_Are_Admitted() public {
        _rotate(_first, SECOND_KEY);
        _expectDue(_first, _second);
        ledger.admit(one(_second));
        _rotate(_second, THIRD_KEY);
        _expectDue(_first, _third);
        ledger.admit(one(_third));
        ledger.succeed(_first);
        _expectDue(_first, _third);
        ledger.admit(one(_third));
    }

    function test_A_Line_That_Enters_Late_Has_One_Admission_As_Well() public {
        ILedger fresh = ILedger(address(new RoundLedger(parameters(), committee())));
        _rotate(_first, SECOND_KEY);
        fresh.admit(one(_second));
        ok(fresh.participantOf(_second).isAdmitted, "a successor whose line is new here is admitted");
        _rotate(_second, THIRD_KEY);
        _expectDue(_first, _third);
        fresh.admit(one(_third));
        fresh.succeed(_second);
        ok(fresh.participantOf(_third).isAdmitted, "it succeeds");
    }

    function test_Nobody_Loses_Standing_By_A_Rotation() public {
        _submit(_first, 1);
        _rotate(_first, SECOND_KEY);
        _expectDue(_first, _second);
        vm.prank(ANYBODY);
        ledger.remove(_first);
        ledger.succeed(_first);
        vm.expectRevert(refusal(ILedgerTypes.StillEnrolled.selector, _second));
        ledger.remove(_second);
    }

    function test_A_Revoked_Successor_Is_Removed_After_It_Succeeded() public {
        _rotate(_first, SECOND_KEY);
        registry.revoke(one(_second));
        ledger.succeed(_first);
        ledger.remove(_second);
        ok(!ledger.participantOf(_second).isAdmitted, "removed");
    }

    function test_In_An_Open_Task_Anybody_Admits_Whom_The_Registry_Lists() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.isOpen = true;
        ILedger open = ILedger(address(new RoundLedger(p, committee())));
        vm.prank(_first);
        open.admit(one(_first));
        ok(open.participantOf(_first).isAdmitted, "admitted");
        vm.expectRevert(refusal(ILedgerTypes.NotEnrolled.selector, ANYBODY));
        vm.prank(ANYBODY);
        open.admit(one(ANYBODY));
    }

    function test_Other_Powers_Stay_The_Coordinators_In_An_Open_Task() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.isOpen = true;
        ILedger open = ILedger(address(new RoundLedger(p, committee())));
        vm.expectRevert(refusal(ILedgerTypes.NotCoordinator.selector, ANYBODY, address(this)));
        vm.prank(ANYBODY);
        open.stop();
        vm.expectRevert(refusal(ILedgerTypes.NotCoordinator.selector, ANYBODY, address(this)));
        vm.prank(ANYBODY);
        open.pause(1);
    }

    function test_An_Open_Task_Counts_A_Line_Once_Too() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.isOpen = true;
        ledger = create(p);
        _submit(_first, 1);
        _rotate(_first, SECOND_KEY);
        _expectDue(_first, _second);
        vm.prank(_second);
        ledger.admit(one(_second));
        vm.prank(_second);
        ledger.succeed(_first);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, _second));
        _submit(_second, 1);
    }

    function _rotate(address from, uint256 key) private {
        address successor = vm.addr(key);
        registry.rotate(from, successor, accept(key, from, successor, address(registry), block.chainid));
    }

    function _submit(address who, uint32 number) private {
        vm.prank(who);
        ledger.submitUpdate(number, digestOf(0), cidOf(0), 1);
    }

    function _expectDue(address from, address successor) private {
        vm.expectRevert(refusal(ILedgerTypes.SuccessionDue.selector, from, successor));
    }
}
