// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {Assertions} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

contract ParticipantRegistryTest is Assertions {
    uint40 private constant START = 1_700_000_000;
    address private constant ALICE = address(0xA11CE);
    address private constant BOB = address(0xB0B);

    ParticipantRegistry private registry;

    function setUp() public {
        vm.warp(START);
        registry = new ParticipantRegistry(0, 0);
    }

    function test_The_Deployer_Is_The_Registrar() public view {
        eq(registry.registrar(), address(this));
    }

    function test_A_New_Registry_Has_Nobody() public view {
        ok(!registry.isEnrolled(ALICE), "nobody is enrolled");
        _expectEnrolment(ALICE, 0, 0);
    }

    function test_The_First_Record_Names_The_Registrar() public {
        vm.recordLogs();
        ParticipantRegistry created = new ParticipantRegistry(0, 0);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 1);
        eq(logs[0].topics[0], IParticipantRegistry.RegistryCreated.selector);
        eq(address(uint160(uint256(logs[0].topics[1]))), address(this));
        eq(logs[0].data, abi.encode(uint96(0), uint32(0), START));
        eq(created.historyHash(), replay(logs, address(created), historyStart(address(created))));
    }

    function test_Enrolling_Takes_Effect_At_Once_And_Is_Dated() public {
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.ParticipantEnrolled(ALICE, START);
        registry.enrol(_list(ALICE));
        ok(registry.isEnrolled(ALICE), "Alice is enrolled");
        _expectEnrolment(ALICE, START, 0);
        ok(!registry.isEnrolled(BOB), "Bob is not");
    }

    function test_Revoking_Takes_Effect_At_Once_And_Keeps_The_Enrolment() public {
        registry.enrol(_list(ALICE));
        vm.warp(START + 5);
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.ParticipantRevoked(ALICE, START + 5);
        registry.revoke(_list(ALICE));
        ok(!registry.isEnrolled(ALICE), "Alice is revoked");
        _expectEnrolment(ALICE, START, START + 5);
    }

    function test_An_Enrolment_Can_Be_Revoked_In_The_Same_Second() public {
        registry.enrol(_list(ALICE));
        registry.revoke(_list(ALICE));
        ok(!registry.isEnrolled(ALICE), "Alice is revoked");
        _expectEnrolment(ALICE, START, START);
    }

    function test_Nobody_But_The_Registrar_Enrols(address sender) public {
        vm.assume(sender != address(this));
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotRegistrar.selector, sender, address(this)));
        vm.prank(sender);
        registry.enrol(_list(sender));
    }

    function test_Nobody_But_The_Registrar_Revokes(address sender) public {
        vm.assume(sender != address(this));
        registry.enrol(_list(ALICE));
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotRegistrar.selector, sender, address(this)));
        vm.prank(sender);
        registry.revoke(_list(ALICE));
    }

    function test_A_Participant_Cannot_Revoke_Itself() public {
        registry.enrol(_list(ALICE));
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotRegistrar.selector, ALICE, address(this)));
        vm.prank(ALICE);
        registry.revoke(_list(ALICE));
    }

    function test_The_Zero_Address_Is_Never_Enrolled() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ZeroAddress.selector));
        registry.enrol(_list(address(0)));
    }

    function test_Nobody_Is_Enrolled_Twice() public {
        registry.enrol(_list(ALICE));
        vm.warp(START + 1);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, ALICE, START));
        registry.enrol(_list(ALICE));
    }

    function test_Nobody_Is_Enrolled_Twice_In_One_Call() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, ALICE, START));
        registry.enrol(_list(ALICE, ALICE));
    }

    function test_A_Revoked_Address_Never_Returns() public {
        registry.enrol(_list(ALICE));
        registry.revoke(_list(ALICE));
        vm.warp(START + 1000 days);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, ALICE, START));
        registry.enrol(_list(ALICE));
    }

    function test_Nobody_Is_Revoked_Without_Enrolment() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotEnrolled.selector, ALICE));
        registry.revoke(_list(ALICE));
    }

    function test_Nobody_Is_Revoked_Twice() public {
        registry.enrol(_list(ALICE));
        registry.revoke(_list(ALICE));
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotEnrolled.selector, ALICE));
        registry.revoke(_list(ALICE));
    }

    function test_Enrolling_Is_All_Or_None() public {
        bytes32 before = registry.historyHash();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ZeroAddress.selector));
        registry.enrol(_list(ALICE, address(0)));
        ok(!registry.isEnrolled(ALICE), "none is enrolled");
        eq(registry.historyHash(), before);
    }

    function test_Revoking_Is_All_Or_None() public {
        registry.enrol(_list(ALICE));
        bytes32 before = registry.historyHash();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotEnrolled.selector, BOB));
        registry.revoke(_list(ALICE, BOB));
        ok(registry.isEnrolled(ALICE), "none is revoked");
        eq(registry.historyHash(), before);
    }

    function test_An_Empty_List_Changes_Nothing() public {
        bytes32 before = registry.historyHash();
        vm.recordLogs();
        registry.enrol(new address[](0));
        registry.revoke(new address[](0));
        eq(vm.getRecordedLogs().length, 0);
        eq(registry.historyHash(), before);
    }

    function test_The_History_Hash_Follows_From_The_Logs(uint8 count, uint256 revoked) public {
        vm.recordLogs();
        registry = new ParticipantRegistry(0, 0);
        address[] memory all = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = address(uint160(i + 1));
        }
        registry.enrol(all);
        for (uint256 i = 0; i < count; ++i) {
            if ((revoked >> i) & 1 == 1) {
                vm.warp(vm.getBlockTimestamp() + i);
                registry.revoke(_list(all[i]));
            }
        }
        eq(
            registry.historyHash(),
            replay(vm.getRecordedLogs(), address(registry), historyStart(address(registry)))
        );
    }

    function test_Each_Registry_Has_A_History_Of_Its_Own() public {
        ParticipantRegistry other = new ParticipantRegistry(0, 0);
        ok(other.historyHash() != registry.historyHash(), "the address is part of the history");
    }

    function _expectEnrolment(address who, uint40 enrolledAt, uint40 revokedAt) private view {
        (uint40 from, uint40 until) = registry.enrolment(who);
        eq(from, enrolledAt);
        eq(until, revokedAt);
    }

    function _list(address a) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = a;
    }

    function _list(address a, address b) private pure returns (address[] memory list) {
        list = new address[](2);
        list[0] = a;
        list[1] = b;
    }
}
