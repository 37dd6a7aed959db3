// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {RegistryTest} from "./RegistryTest.sol";
import {vm} from "./Vm.sol";

contract ParticipantRegistryRotationTest is RegistryTest {
    function setUp() public override {
        super.setUp();
        enrolWithBond(ALICE);
        vm.warp(START + 9);
    }

    function test_A_Participant_Puts_Another_Key_In_Its_Place() public {
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.ParticipantRotated(ALICE, carol(), BOND, START + 9);
        rotate(ALICE, ALICE, CAROL_KEY);
        ok(!registry.isEnrolled(ALICE), "the old key is not enrolled");
        ok(registry.isEnrolled(carol()), "the new key is");
        eq(registry.successorOf(ALICE), carol());
        eq(registry.predecessorOf(carol()), ALICE);
        eq(registry.originOf(carol()), ALICE);
        (uint40 enrolledAt, uint40 revokedAt) = registry.enrolment(ALICE);
        eq(enrolledAt, START);
        eq(revokedAt, START + 9);
        (enrolledAt, revokedAt) = registry.enrolment(carol());
        eq(enrolledAt, START + 9);
        eq(revokedAt, 0);
    }

    function test_Who_Never_Rotated_Is_The_Origin_Of_Its_Line() public view {
        eq(registry.originOf(ALICE), ALICE);
        eq(registry.successorOf(ALICE), address(0));
        eq(registry.predecessorOf(ALICE), address(0));
    }

    function test_A_Line_Goes_On_And_Has_One_Origin() public {
        rotate(ALICE, ALICE, CAROL_KEY);
        rotate(carol(), carol(), DAVE_KEY);
        eq(registry.successorOf(ALICE), carol());
        eq(registry.successorOf(carol()), dave());
        eq(registry.originOf(dave()), ALICE);
        eq(registry.bondOf(dave()), BOND);
    }

    function test_A_Bond_Moves_Along_When_The_Holder_Rotates() public {
        rotate(ALICE, ALICE, CAROL_KEY);
        eq(registry.bondOf(ALICE), 0);
        eq(registry.bondOf(carol()), BOND);
        leave(carol());
        vm.warp(START + 9 + LEAVE);
        vm.prank(carol());
        registry.claimBond();
        eq(carol().balance, BOND);
        expectRefusal(IParticipantRegistry.NothingToPay.selector, ALICE);
        vm.prank(ALICE);
        registry.claimBond();
    }

    function test_A_Registrar_Cannot_Move_A_Bond_To_A_Key_Of_Its_Choice() public {
        rotate(address(this), ALICE, CAROL_KEY);
        ok(registry.isEnrolled(carol()), "the lost key has a successor");
        eq(registry.bondOf(carol()), 0);
        eq(registry.bondOf(ALICE), BOND);
        vm.warp(START + 9 + LEAVE - 1);
        expectLocked(START + 9 + LEAVE);
        vm.prank(ALICE);
        registry.claimBond();
        vm.warp(START + 9 + LEAVE);
        vm.prank(ALICE);
        registry.claimBond();
        eq(ALICE.balance, BOND);
    }

    function test_Nobody_But_Holder_And_Registrar_Rotates(address sender) public {
        vm.assume(sender != ALICE && sender != address(this));
        Signature memory acceptance = accept(CAROL_KEY, ALICE);
        address successor = carol();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotParticipant.selector, sender, ALICE));
        vm.prank(sender);
        registry.rotate(ALICE, successor, acceptance);
    }

    function test_Only_Who_Is_Enrolled_Is_Rotated() public {
        _expectRefusal(BOB, BOB, CAROL_KEY, _refusal(IParticipantRegistry.NotEnrolled.selector, BOB));
        registry.revoke(list(ALICE));
        _expectRefusal(ALICE, ALICE, CAROL_KEY, _refusal(IParticipantRegistry.NotEnrolled.selector, ALICE));
    }

    function test_Nobody_Rotates_Twice_Or_After_Leaving() public {
        rotate(ALICE, ALICE, CAROL_KEY);
        _expectRefusal(ALICE, ALICE, DAVE_KEY, _refusal(IParticipantRegistry.NotEnrolled.selector, ALICE));
        leave(carol());
        _expectRefusal(carol(), carol(), DAVE_KEY, _refusal(IParticipantRegistry.NotEnrolled.selector, carol()));
    }

    function test_A_Successor_Was_Never_Enrolled() public {
        registry.enrol(list(carol()));
        bytes memory refusal =
            abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, carol(), START + 9);
        _expectRefusal(ALICE, ALICE, CAROL_KEY, refusal);
        registry.revoke(list(carol()));
        _expectRefusal(ALICE, ALICE, CAROL_KEY, refusal);
    }

    function test_Nobody_Succeeds_Itself_Or_Comes_Back_By_Rotation() public {
        registry.enrol(list(carol()));
        bytes memory refusal =
            abi.encodeWithSelector(IParticipantRegistry.AlreadyEnrolled.selector, carol(), START + 9);
        _expectRefusal(carol(), carol(), CAROL_KEY, refusal);
        rotate(carol(), carol(), DAVE_KEY);
        _expectRefusal(dave(), dave(), CAROL_KEY, refusal);
    }

    function test_A_Foreign_Address_Is_Not_Pulled_In(uint256 key) public {
        key = 1 + key % (ORDER - 1);
        vm.assume(key != CAROL_KEY);
        Signature memory forged = accept(key, ALICE, carol(), address(registry), block.chainid);
        _expectNotAccepted(ALICE, forged);
        _expectNotAccepted(address(this), forged);
    }

    function test_Nobody_Answers_For_The_Zero_Address() public {
        Signature memory none = Signature(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ZeroAddress.selector));
        vm.prank(ALICE);
        registry.rotate(ALICE, address(0), none);
        _expectNotAccepted(ALICE, none);
    }

    function test_An_Acceptance_Holds_For_One_Participant_One_Registry_And_One_Chain() public {
        ParticipantRegistry other = new ParticipantRegistry(BOND, LEAVE);
        _expectNotAccepted(ALICE, accept(CAROL_KEY, BOB, carol(), address(registry), block.chainid));
        _expectNotAccepted(ALICE, accept(CAROL_KEY, ALICE, dave(), address(registry), block.chainid));
        _expectNotAccepted(ALICE, accept(CAROL_KEY, ALICE, carol(), address(other), block.chainid));
        _expectNotAccepted(ALICE, accept(CAROL_KEY, ALICE, carol(), address(registry), block.chainid + 1));
        rotate(ALICE, ALICE, CAROL_KEY);
    }

    function test_The_Other_Form_Of_An_Acceptance_Is_Refused() public {
        Signature memory acceptance = accept(CAROL_KEY, ALICE);
        uint256 vs = uint256(acceptance.vs);
        uint256 s = vs & (type(uint256).max >> 1);
        uint256 high = ORDER - s;
        uint256 parity = (vs >> 255) ^ 1;
        _expectNotAccepted(ALICE, Signature(acceptance.r, bytes32(high | (parity << 255))));
        _expectNotAccepted(ALICE, Signature(acceptance.r, bytes32(vs ^ (1 << 255))));
    }

    function test_An_Acceptance_Cannot_Be_Used_Again() public {
        Signature memory acceptance = accept(CAROL_KEY, ALICE);
        address successor = carol();
        vm.prank(ALICE);
        registry.rotate(ALICE, successor, acceptance);
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, ALICE);
        vm.prank(ALICE);
        registry.rotate(ALICE, successor, acceptance);
    }

    function _expectNotAccepted(address sender, Signature memory acceptance) private {
        address successor = carol();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotAccepted.selector, ALICE, successor));
        vm.prank(sender);
        registry.rotate(ALICE, successor, acceptance);
    }

    function _expectRefusal(address sender, address participant, uint256 key, bytes memory refusal) private {
        Signature memory acceptance = accept(key, participant);
        address successor = vm.addr(key);
        vm.expectRevert(refusal);
        vm.prank(sender);
        registry.rotate(participant, successor, acceptance);
    }

    function _refusal(bytes4 selector, address a) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a);
    }
}

contract ParticipantRegistryEncryptionTest is RegistryTest {
    bytes32 private constant KEY = keccak256("an encryption key");

    function test_A_Participant_Names_Its_Encryption_Key_And_May_Change_It() public {
        registry.enrol(list(ALICE));
        eq(registry.encryptionKeyOf(ALICE), 0);
        vm.expectEmit(address(registry));
        emit IParticipantRegistry.EncryptionKeySet(ALICE, KEY, START);
        vm.prank(ALICE);
        registry.setEncryptionKey(KEY);
        eq(registry.encryptionKeyOf(ALICE), KEY);
        vm.prank(ALICE);
        registry.setEncryptionKey(bytes32(uint256(1)));
        eq(registry.encryptionKeyOf(ALICE), bytes32(uint256(1)));
    }

    function test_Nobody_Names_A_Key_Who_Is_Not_Enrolled(address sender) public {
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, sender);
        vm.prank(sender);
        registry.setEncryptionKey(KEY);
    }

    function test_No_Key_Is_Zero() public {
        registry.enrol(list(ALICE));
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ZeroKey.selector));
        vm.prank(ALICE);
        registry.setEncryptionKey(0);
    }

    function test_A_Successor_Sets_Its_Own_Key() public {
        registry.enrol(list(ALICE));
        vm.prank(ALICE);
        registry.setEncryptionKey(KEY);
        rotate(ALICE, ALICE, CAROL_KEY);
        eq(registry.encryptionKeyOf(carol()), 0);
        eq(registry.encryptionKeyOf(ALICE), KEY);
        expectRefusal(IParticipantRegistry.NotEnrolled.selector, ALICE);
        vm.prank(ALICE);
        registry.setEncryptionKey(KEY);
        vm.prank(carol());
        registry.setEncryptionKey(KEY);
    }
}
