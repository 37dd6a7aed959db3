// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {SeedTest} from "./SeedTest.sol";
import {vm} from "./Vm.sol";

/// @notice Who takes part in a round, by its seed.
contract RoundLedgerSamplingTest is SeedTest {
    /// Key of the participant that relays, and of its successor.
    uint256 private constant KEY = 1000;
    uint256 private constant SUCCESSOR = 1001;

    function setUp() public override {
        super.setUp();
        registry.enrol(one(vm.addr(KEY)));
        ledger.admit(one(vm.addr(KEY)));
    }

    function test_Those_Take_Part_Whom_The_Seed_Selects_And_No_Others() public {
        _open();
        (uint256[] memory those, uint256[] memory others) = drawn(ledger.seedOf(1));
        ok(those.length > 0 && others.length > 0, "there are both");
        for (uint256 i = 0; i < others.length; ++i) {
            _refuseSubmission(others[i]);
        }
        submit(those[0]);
        eq(ledger.currentRound().numUpdates, 1);
    }

    function test_Whatever_The_Secrets_The_Seed_Decides(bytes32 secret) public {
        bytes32 tip = keccak256(abi.encode(secret));
        commitAs(0, tip);
        vm.warp(START + SEED);
        vm.prank(aggregator(0));
        ledger.revealSeed(1, secret);
        waitForOpening();
        bytes32 mix = keccak256(abi.encode(uint32(1), aggregator(0), secret));
        (uint256[] memory those, uint256[] memory others) = drawn(seedAfter(keccak256("manifest"), 1, mix));
        for (uint256 i = 0; i < others.length; ++i) {
            _refuseSubmission(others[i]);
        }
        if (those.length > 0) submit(those[those.length - 1]);
    }

    function test_Only_Those_Pay_Whom_The_Seed_Selects() public {
        ILedgerTypes.TaskParameters memory p = sampled(HALF);
        (p.privacyCost, p.privacyBudget) = (10, 10);
        ledger = create(p);
        waitForOpening();
        (uint256[] memory those, uint256[] memory others) = drawn(ledger.seedOf(1));
        _refuseSubmission(others[0]);
        submit(those[0]);
        eq(ledger.privacySpentOf(participant(those[0])), 10);
        eq(ledger.privacySpentOf(participant(others[0])), 0);
        vm.warp(aggregateUntil() + 1);
        ledger.abort(1);
        waitForOpening();
        bytes32 seed = ledger.seedOf(2);
        address who = participant(those[0]);
        vm.prank(who);
        vm.expectRevert(
            isDrawn(seed, who)
                ? abi.encodeWithSelector(ILedgerTypes.PrivacyBudgetExceeded.selector, who, 10, 10)
                : abi.encodeWithSelector(ILedgerTypes.NotSelected.selector, 2, who)
        );
        ledger.submitUpdate(2, digestOf(0), cidOf(0), 1);
    }

    function test_With_The_Largest_Rate_Everybody_Takes_Part() public {
        ledger = create(sampled(type(uint32).max));
        waitForOpening();
        submitFirst(2);
        eq(ledger.currentRound().numUpdates, 2);
    }

    function test_With_The_Smallest_Rate_Nobody_Gets_In_By_Any_Door() public {
        // One in 2^32 would.
        ILedgerTypes.TaskParameters memory p = sampled(1);
        p.commitSeconds = 30;
        ledger = create(p);
        waitForOpening();
        bytes memory reason = notSelected(1);
        vm.prank(participant(1));
        vm.expectRevert(reason);
        ledger.commitUpdate(1, keccak256("commitment"));
        vm.warp(START);
        ledger = create(sampled(1));
        ledger.admit(one(vm.addr(KEY)));
        waitForOpening();
        _refuseSubmission(0);
        SignedUpdate[] memory updates = new SignedUpdate[](1);
        updates[0] = _signed();
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NotSelected.selector, 1, vm.addr(KEY)));
        ledger.submitBatch(1, updates);
        _succeed(0, SUCCESSOR);
        eq(ledger.lotOf(vm.addr(SUCCESSOR)).name, participant(0));
    }

    function test_Of_The_Others_None_Commits() public {
        ILedgerTypes.TaskParameters memory p = sampled(HALF);
        p.commitSeconds = 30;
        ledger = create(p);
        waitForOpening();
        eq(phase(), Phase.COMMITTING);
        (uint256[] memory those, uint256[] memory others) = drawn(ledger.seedOf(1));
        bytes memory reason = notSelected(others[0]);
        vm.prank(participant(others[0]));
        vm.expectRevert(reason);
        ledger.commitUpdate(1, keccak256("commitment"));
        vm.prank(participant(those[0]));
        ledger.commitUpdate(1, keccak256("commitment"));
        eq(ledger.committing().numCommitted, 1);
    }

    function test_A_Batch_With_One_That_Is_Not_Selected_Is_Refused() public {
        // Whether it is selected depends on what the aggregators reveal.
        (bool isIn, bool isOut) = (false, false);
        for (uint256 kind = 0; kind < 32 && !(isIn && isOut); ++kind) {
            ledger = create(sampled(HALF));
            ledger.admit(one(vm.addr(KEY)));
            bytes32 secret = keccak256(abi.encode("kind", kind));
            deposit(0, BOND);
            commitAs(0, keccak256(abi.encode(secret)));
            vm.warp(vm.getBlockTimestamp() + SEED);
            vm.prank(aggregator(0));
            ledger.revealSeed(1, secret);
            waitForOpening();
            SignedUpdate[] memory updates = new SignedUpdate[](1);
            updates[0] = _signed();
            if (isDrawn(ledger.seedOf(1), vm.addr(KEY))) {
                isIn = true;
            } else {
                isOut = true;
                vm.expectRevert(
                    abi.encodeWithSelector(ILedgerTypes.NotSelected.selector, 1, vm.addr(KEY))
                );
            }
            vm.prank(ANYBODY);
            ledger.submitBatch(1, updates);
        }
        ok(isIn && isOut, "both were seen");
    }

    // Lots

    function test_Who_Is_Admitted_Before_Secrets_Are_Fixed_Takes_Part_At_Once() public {
        eq(ledger.lotOf(participant(0)).name, participant(0));
        eq(ledger.lotOf(participant(0)).from, 1);
        vm.warp(START + SEED - 1);
        eq(_admit(0x9001).from, 1);
    }

    function test_Who_Is_Admitted_When_Secrets_May_Be_Known_Takes_Part_From_The_Next_Round_On() public {
        vm.warp(START + SEED);
        eq(_admit(0x9001).from, 2);
        waitForOpening();
        eq(_admit(0x9002).from, 2);
        // Even if the seed would select it.
        bytes32 seed = ledger.seedOf(1);
        uint160 lucky = 0xA000;
        while (!isDrawn(seed, address(lucky))) ++lucky;
        eq(_admit(lucky).from, 2);
        vm.prank(address(lucky));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NotSelected.selector, 1, address(lucky)));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 1);
    }

    function test_Who_Changes_Its_Key_Draws_No_Second_Lot() public {
        _open();
        (uint256[] memory those, uint256[] memory others) = drawn(ledger.seedOf(1));
        _succeed(others[0], SUCCESSOR);
        address successor = vm.addr(SUCCESSOR);
        eq(ledger.lotOf(successor).name, participant(others[0]));
        vm.prank(successor);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NotSelected.selector, 1, successor));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 1);
        // Nor does anybody lose one.
        _succeed(those[0], SUCCESSOR + 1);
        vm.prank(vm.addr(SUCCESSOR + 1));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 1);
    }

    function _open() private {
        commitAll();
        revealAll(1);
    }

    function _admit(uint160 who) private returns (ILedgerTypes.Lot memory) {
        registry.enrol(one(address(who)));
        ledger.admit(one(address(who)));
        return ledger.lotOf(address(who));
    }

    function _succeed(uint256 i, uint256 key) private {
        bytes32 domain = _domain(address(registry));
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Succession(address participant,address successor)"), participant(i), vm.addr(key)
            )
        );
        vm.prank(participant(i));
        registry.rotate(participant(i), vm.addr(key), _sign(key, domain, message));
        ledger.succeed(participant(i));
    }

    function _signed() private view returns (SignedUpdate memory) {
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Update(uint32 round,bytes32 digest,bytes32 cidDigest,uint32 weight)"),
                uint32(1),
                digestOf(0),
                cidOf(0),
                uint32(7)
            )
        );
        return SignedUpdate(digestOf(0), cidOf(0), 7, _sign(KEY, _domain(address(ledger)), message));
    }

    function _sign(uint256 key, bytes32 domain, bytes32 message) private pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(bytes.concat(hex"1901", domain, message)));
        return Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    function _domain(address contract_) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("fl_chain"),
                keccak256("1"),
                block.chainid,
                contract_
            )
        );
    }

    function _refuseSubmission(uint256 i) private {
        uint32 number = round();
        bytes memory reason = notSelected(i);
        vm.prank(participant(i));
        vm.expectRevert(reason);
        ledger.submitUpdate(number, digestOf(i), cidOf(i), 7);
    }
}
