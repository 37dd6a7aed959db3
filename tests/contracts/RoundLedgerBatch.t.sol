// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Signature} from "../../contracts/libraries/Attestations.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Signing} from "./Signing.sol";
import {vm} from "./Vm.sol";

/// @notice Updates that participants signed and somebody else hands in.
contract RoundLedgerBatchTest is LedgerTest, Signing {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 private constant SIGNERS = 6;

    function setUp() public override {
        super.setUp();
        registry.enrol(signers(SIGNERS));
        ledger.admit(signers(SIGNERS));
    }

    function test_A_Relayed_Update_Is_Recorded_As_If_Its_Participant_Had_Sent_It(address relay) public {
        vm.assume(uint160(relay) > 0xffff && relay != address(vm));
        submit(0);
        bytes32 before = ledger.historyHash();
        for (uint32 i = 0; i < 2; ++i) {
            vm.expectEmit(address(ledger));
            emit ILedgerTypes.UpdateSubmitted(1, signer(i), i + 1, digestOf(i), cidOf(i), 7, START);
        }
        vm.prank(relay);
        ledger.submitBatch(1, batch(0, 2));
        for (uint32 i = 0; i < 2; ++i) {
            ILedgerTypes.Participant memory kept = ledger.participantOf(signer(i));
            bytes32 record = keccak256(
                abi.encode(
                    ILedgerTypes.UpdateSubmitted.selector, 1, signer(i), i + 1, digestOf(i), cidOf(i), 7, START
                )
            );
            eq(abi.encode(kept), abi.encode(ILedgerTypes.Participant(true, 1, i + 1, bytes23(record))));
            before = keccak256(abi.encode(before, record));
        }
        eq(ledger.historyHash(), before);
        eq(ledger.currentRound().numUpdates, 3);
        eq(ledger.currentRound().closedAt, 0);
    }

    function test_What_Was_Relayed_Cannot_Be_Submitted_Again_By_Anyone() public {
        ledger.submitBatch(1, batch(0, 1));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, signer(0)));
        vm.prank(signer(0));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 7);
        vm.expectRevert(nothing());
        ledger.submitBatch(1, batch(0, 1));
    }

    function test_Nobody_Stops_A_Batch_By_Being_Faster() public {
        vm.prank(signer(1));
        ledger.submitUpdate(1, digestOf(9), cidOf(9), 1);
        ledger.submitBatch(1, batch(0, 3));
        eq(ledger.currentRound().numUpdates, 3);
        eq(ledger.participantOf(signer(0)).lastSequence, 1);
        eq(ledger.participantOf(signer(1)).lastSequence, 0);
        eq(ledger.participantOf(signer(2)).lastSequence, 2);
    }

    function test_A_Participant_Enters_Once_However_Often_It_Is_In_A_Batch() public {
        SignedUpdate[] memory updates = batch(0, 3);
        updates[1] = updates[0];
        updates[2] = signed(0, here(), digestOf(5), cidOf(5), 9);
        ledger.submitBatch(1, updates);
        eq(ledger.currentRound().numUpdates, 1);
        eq(ledger.participantOf(signer(0)).lastSequence, 0);
    }

    function test_A_Batch_Ends_With_The_Target() public {
        ledger.submitBatch(1, batch(0, SIGNERS));
        eq(ledger.currentRound().numUpdates, TARGET_UPDATES);
        eq(ledger.currentRound().closedAt, START);
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.participantOf(signer(TARGET_UPDATES - 1)).lastRound, 1);
        eq(ledger.participantOf(signer(TARGET_UPDATES)).lastRound, 0);
    }

    function test_What_Comes_After_The_Target_Is_Not_Even_Looked_At() public {
        SignedUpdate[] memory updates = batch(0, SIGNERS);
        updates[TARGET_UPDATES].weight = 0;
        updates[TARGET_UPDATES].signature.r = 0;
        ledger.submitBatch(1, updates);
        eq(phase(), Phase.AGGREGATING);
    }

    function test_A_Batch_That_Adds_Nothing_Is_Refused() public {
        vm.expectRevert(nothing());
        ledger.submitBatch(1, batch(0, 0));
    }

    function test_A_Signature_Is_For_One_Round_Of_One_Ledger_On_One_Chain() public {
        Place memory place = here();
        place.number = 2;
        _expectUnknownSigner(place);
        place = here();
        place.chainId += 1;
        _expectUnknownSigner(place);
        place = here();
        place.contract_ = address(create(parameters()));
        _expectUnknownSigner(place);
        place = here();
        place.name = "fl-chain";
        _expectUnknownSigner(place);
        place = here();
        place.version = "2";
        _expectUnknownSigner(place);
    }

    function test_A_Signature_Is_For_One_Update(uint8 what, bytes32 other) public {
        SignedUpdate[] memory updates = batch(0, 1);
        vm.assume(other != 0);
        if (what % 3 == 0) updates[0].digest ^= other;
        else if (what % 3 == 1) updates[0].cidDigest ^= other;
        else updates[0].weight = 8 + uint32(uint8(uint256(other) >> 8));
        vm.assume(updates[0].digest != 0 && updates[0].cidDigest != 0);
        _expectNotAdmitted(updates);
    }

    function test_The_Other_Form_Of_A_Signature_Is_None() public {
        SignedUpdate[] memory updates = batch(0, 1);
        uint256 vs = uint256(updates[0].signature.vs);
        uint256 s = vs & (type(uint256).max >> 1);
        updates[0].signature.vs = bytes32((ORDER - s) & (type(uint256).max >> 1) | (1 - (vs >> 255)) << 255);
        _expectNotAdmitted(updates);
    }

    function test_No_Signature_Is_That_Of_Nobody(bytes32 vs) public {
        SignedUpdate[] memory updates = batch(0, 1);
        updates[0].signature = Signature(0, vs);
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, address(0)));
        ledger.submitBatch(1, updates);
    }

    function test_Who_Is_Not_Admitted_Is_Not_Relayed() public {
        SignedUpdate[] memory updates = batch(0, 2);
        updates[1] = signed(SIGNERS, here(), digestOf(1), cidOf(1), 7);
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, signer(SIGNERS)));
        ledger.submitBatch(1, updates);
        registry.revoke(one(signer(1)));
        ledger.remove(signer(1));
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, signer(1)));
        ledger.submitBatch(1, batch(0, 2));
        eq(ledger.currentRound().numUpdates, 0);
    }

    function test_One_Impossible_Update_Refuses_All() public {
        SignedUpdate[] memory updates = batch(0, 2);
        updates[1] = signed(1, here(), digestOf(1), cidOf(1), MAX_WEIGHT);
        ledger.submitBatch(1, updates);
        updates = batch(2, 2);
        updates[1] = signed(3, here(), digestOf(1), cidOf(1), MAX_WEIGHT + 1);
        _expectRefusal(
            updates, abi.encodeWithSelector(ILedgerTypes.WeightOutOfRange.selector, MAX_WEIGHT + 1, MAX_WEIGHT)
        );
        updates[1] = signed(3, here(), digestOf(1), cidOf(1), 0);
        _expectRefusal(updates, abi.encodeWithSelector(ILedgerTypes.WeightOutOfRange.selector, 0, MAX_WEIGHT));
        updates[1] = signed(3, here(), 0, cidOf(1), 1);
        _expectRefusal(updates, abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector));
        updates[1] = signed(3, here(), digestOf(1), 0, 1);
        _expectRefusal(updates, abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector));
        eq(ledger.participantOf(signer(2)).lastRound, 0);
    }

    function test_A_Batch_Enters_Its_Own_Round_Only_And_In_Time() public {
        bytes memory wrong = abi.encodeWithSelector(ILedgerTypes.UnexpectedRound.selector, 2, 1);
        vm.expectRevert(wrong);
        ledger.submitBatch(2, batch(0, 1));
        vm.warp(collectUntil());
        ledger.submitBatch(1, batch(0, 1));
        vm.warp(collectUntil() + 1);
        _expectRefusal(batch(1, 1), unexpectedPhase(Phase.EXPIRED, Phase.COLLECTING));
    }

    function test_Where_A_Commitment_Is_Asked_For_Nothing_Is_Relayed() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.commitSeconds = 10;
        ledger = create(p);
        _expectRefusal(batch(0, 1), abi.encodeWithSelector(ILedgerTypes.CommitmentsRequired.selector));
    }

    function test_A_Batch_Is_For_No_Other_Phase(uint8 number) public {
        Phase target = Phase(number % 9);
        if (target == Phase.NONE || target == Phase.COLLECTING || target == Phase.CHALLENGED) return;
        enter(target);
        SignedUpdate[] memory updates = new SignedUpdate[](1);
        Place memory place = here();
        place.number = round();
        updates[0] = signed(0, place, digestOf(0), cidOf(0), 7);
        vm.expectRevert(unexpectedPhase(target, Phase.COLLECTING));
        ledger.submitBatch(place.number, updates);
    }

    /// The compiler would refuse such a call, so it is put together by hand.
    function test_A_Weight_Beyond_Its_Type_Is_Refused(uint256 weight) public {
        weight |= 2 ** 32;
        bytes memory input = abi.encodeCall(IRoundLedger.submitBatch, (1, batch(0, 1)));
        // Selector, round, offset, length, digest, CID digest.
        assembly ("memory-safe") {
            mstore(add(input, add(0x24, mul(5, 0x20))), weight)
        }
        (bool isDone,) = address(ledger).call(input);
        ok(!isDone, "taken for another weight");
    }

    function here() private view returns (Place memory) {
        return placeOf(address(ledger), 1);
    }

    function batch(uint256 first, uint256 count) private view returns (SignedUpdate[] memory updates) {
        updates = new SignedUpdate[](count);
        for (uint256 i = 0; i < count; ++i) {
            updates[i] = signed(first + i, here(), digestOf(first + i), cidOf(first + i), 7);
        }
    }

    function nothing() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.NothingSubmitted.selector, 1);
    }

    function _expectRefusal(SignedUpdate[] memory updates, bytes memory reason) private {
        vm.expectRevert(reason);
        ledger.submitBatch(1, updates);
    }

    function _expectUnknownSigner(Place memory place) private {
        SignedUpdate[] memory updates = new SignedUpdate[](1);
        updates[0] = signed(0, place, digestOf(0), cidOf(0), 7);
        _expectNotAdmitted(updates);
    }

    /// Another message was signed by somebody, whom nobody knows.
    function _expectNotAdmitted(SignedUpdate[] memory updates) private {
        (bool isDone, bytes memory answer) =
            address(ledger).call(abi.encodeCall(IRoundLedger.submitBatch, (1, updates)));
        ok(!isDone, "a signature of something else was taken");
        eq(bytes32(bytes4(answer)), bytes32(ILedgerTypes.NotAdmitted.selector));
    }
}
