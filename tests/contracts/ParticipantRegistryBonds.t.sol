// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {RegistryTest} from "./RegistryTest.sol";
import {vm} from "./Vm.sol";

/// @notice A participant that asks for its bond again while it is paid.
contract GreedyParticipant {
    IParticipantRegistry private immutable _registry;
    bool private immutable _takes;
    uint256 public tries;

    constructor(IParticipantRegistry registry, bool takes) {
        _registry = registry;
        _takes = takes;
    }

    function enrol() external payable {
        _registry.enrolWithBond{value: msg.value}();
    }

    function leave() external {
        _registry.leaveRegistry();
    }

    function claim() external {
        _registry.claimBond();
    }

    receive() external payable {
        if (!_takes) revert();
        ++tries;
        (bool isPaidAgain,) = address(_registry).call(abi.encodeCall(IParticipantRegistry.claimBond, ()));
        if (isPaidAgain) revert();
    }
}

contract ParticipantRegistryBondsTest is RegistryTest {
    function test_Anybody_Enrols_Itself_With_The_Bond() public {
        vm.deal(ALICE, BOND);
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.ParticipantBonded(ALICE, BOND, START);
        vm.prank(ALICE);
        registry.enrolWithBond{value: BOND}();
        ok(registry.isEnrolled(ALICE), "Alice is enrolled");
        eq(registry.bondOf(ALICE), BOND);
        eq(address(registry).balance, BOND);
    }

    function test_The_Bond_Is_Exact(uint96 wei_) public {
        vm.assume(wei_ != BOND);
        vm.deal(ALICE, wei_);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.UnexpectedDeposit.selector, wei_, BOND));
        vm.prank(ALICE);
        registry.enrolWithBond{value: wei_}();
    }

    function test_A_Wei_More_Or_Less_Is_Refused() public {
        test_The_Bond_Is_Exact(BOND - 1);
        test_The_Bond_Is_Exact(BOND + 1);
    }

    function test_Without_A_Bond_Nobody_Enrols_Itself() public {
        registry = new ParticipantRegistry(0, LEAVE);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.EnrolmentClosed.selector));
        vm.prank(ALICE);
        registry.enrolWithBond();
    }

    function test_Nobody_Enrols_Itself_Twice_Or_Again() public {
        enrolWithBond(ALICE);
        vm.deal(ALICE, BOND);
        bytes memory refusal =
            abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, ALICE, START);
        vm.expectRevert(refusal);
        vm.prank(ALICE);
        registry.enrolWithBond{value: BOND}();
        leave(ALICE);
        vm.warp(START + 1000 days);
        vm.expectRevert(refusal);
        vm.prank(ALICE);
        registry.enrolWithBond{value: BOND}();
        vm.expectRevert(refusal);
        registry.enrol(list(ALICE));
    }

    function test_A_Revoked_Key_Cannot_Buy_Its_Way_Back() public {
        registry.enrol(list(ALICE));
        registry.revoke(list(ALICE));
        vm.deal(ALICE, BOND);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, ALICE, START));
        vm.prank(ALICE);
        registry.enrolWithBond{value: BOND}();
    }

    function test_The_Registrar_Enrols_Without_A_Bond() public {
        registry.enrol(list(ALICE));
        eq(registry.bondOf(ALICE), 0);
        leave(ALICE);
        vm.warp(START + LEAVE);
        expectRefusal(IParticipantRegistry.NothingToPay.selector, ALICE);
        vm.prank(ALICE);
        registry.claimBond();
    }

    function test_Leaving_Takes_Effect_At_Once_And_For_Good() public {
        enrolWithBond(ALICE);
        vm.warp(START + 7);
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.ParticipantLeft(ALICE, START + 7);
        leave(ALICE);
        ok(!registry.isEnrolled(ALICE), "Alice has left");
        (uint40 enrolledAt, uint40 revokedAt) = registry.enrolment(ALICE);
        eq(enrolledAt, START);
        eq(revokedAt, START + 7);
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, ALICE);
        leave(ALICE);
    }

    function test_Only_Who_Is_Enrolled_Leaves() public {
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, BOB);
        leave(BOB);
        registry.enrol(list(BOB));
        registry.revoke(list(BOB));
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, BOB);
        leave(BOB);
    }

    function test_A_Bond_Is_Free_A_While_After_Leaving_And_Not_A_Second_Before() public {
        enrolWithBond(ALICE);
        expectLocked(type(uint256).max);
        vm.prank(ALICE);
        registry.claimBond();
        vm.warp(START + 5);
        leave(ALICE);
        vm.warp(START + 5 + LEAVE - 1);
        expectLocked(START + 5 + LEAVE);
        vm.prank(ALICE);
        registry.claimBond();
        vm.warp(START + 5 + LEAVE);
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.EnrolmentBondClaimed(ALICE, BOND, START + 5 + LEAVE);
        vm.prank(ALICE);
        registry.claimBond();
        eq(ALICE.balance, BOND);
        eq(address(registry).balance, 0);
    }

    function test_Without_A_Wait_A_Bond_Is_Free_At_Once() public {
        registry = new ParticipantRegistry(BOND, 0);
        enrolWithBond(ALICE);
        leave(ALICE);
        vm.prank(ALICE);
        registry.claimBond();
        eq(ALICE.balance, BOND);
    }

    function test_Nobody_Is_Paid_Twice_Or_For_Another() public {
        enrolWithBond(ALICE);
        enrolWithBond(BOB);
        leave(ALICE);
        vm.warp(START + LEAVE);
        vm.prank(ALICE);
        registry.claimBond();
        expectRefusal(IParticipantRegistry.NothingToPay.selector, ALICE);
        vm.prank(ALICE);
        registry.claimBond();
        expectRefusal(IParticipantRegistry.NothingToPay.selector, address(this));
        registry.claimBond();
        eq(address(registry).balance, BOND);
    }

    function test_A_Bond_Cannot_Be_Claimed_From_Within_Itself() public {
        GreedyParticipant greedy = new GreedyParticipant(registry, true);
        enrolWithBond(ALICE);
        vm.deal(address(this), BOND);
        greedy.enrol{value: BOND}();
        greedy.leave();
        vm.warp(START + LEAVE);
        greedy.claim();
        eq(greedy.tries(), 1);
        eq(address(greedy).balance, BOND);
        eq(address(registry).balance, BOND);
    }

    function test_A_Bond_That_Is_Not_Taken_Stays_Due() public {
        GreedyParticipant proud = new GreedyParticipant(registry, false);
        vm.deal(address(this), BOND);
        proud.enrol{value: BOND}();
        proud.leave();
        vm.warp(START + LEAVE);
        expectRefusal(IParticipantRegistry.PayoutRefused.selector, address(proud));
        proud.claim();
        eq(registry.bondOf(address(proud)), BOND);
    }

    function test_Whom_The_Registrar_Revokes_Loses_The_Bond_And_Nobody_Gets_It() public {
        enrolWithBond(ALICE);
        uint256 before = address(this).balance;
        registry.revoke(list(ALICE));
        eq(registry.bondOf(ALICE), 0);
        vm.warp(START + LEAVE);
        expectRefusal(IParticipantRegistry.NothingToPay.selector, ALICE);
        vm.prank(ALICE);
        registry.claimBond();
        expectRefusal(IParticipantRegistry.NothingToPay.selector, address(this));
        registry.claimBond();
        eq(address(this).balance, before);
        eq(address(registry).balance, BOND);
    }

    function test_Who_Leaves_Can_Lose_Its_Bond_As_Long_As_It_Is_Locked() public {
        enrolWithBond(ALICE);
        leave(ALICE);
        vm.warp(START + LEAVE - 1);
        registry.revoke(list(ALICE));
        eq(registry.bondOf(ALICE), 0);
        (, uint40 revokedAt) = registry.enrolment(ALICE);
        eq(revokedAt, START);
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, ALICE);
        registry.revoke(list(ALICE));
    }

    function test_Who_Left_Cannot_Lose_Its_Bond_Once_It_Is_Free() public {
        enrolWithBond(ALICE);
        leave(ALICE);
        vm.warp(START + LEAVE);
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, ALICE);
        registry.revoke(list(ALICE));
        registry.enrol(list(BOB));
        leave(BOB);
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, BOB);
        registry.revoke(list(BOB));
    }

    function test_Forced_Ether_Changes_No_Book(uint96 wei_) public {
        enrolWithBond(ALICE);
        vm.deal(address(registry), address(registry).balance + wei_);
        eq(registry.bondOf(ALICE), BOND);
        leave(ALICE);
        vm.warp(START + LEAVE);
        vm.prank(ALICE);
        registry.claimBond();
        eq(ALICE.balance, BOND);
        eq(address(registry).balance, wei_);
    }

    function test_Money_Without_An_Enrolment_Is_Refused() public {
        vm.deal(address(this), 1);
        (bool isTaken,) = address(registry).call{value: 1}("");
        ok(!isTaken, "refused");
    }
}
