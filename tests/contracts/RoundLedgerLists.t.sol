// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {Signing} from "./Signing.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Lists of updates, of which the ledger sees no more than digest and length.
contract RoundLedgerListsTest is CommitteeTest, Signing {
    uint32 private constant LIST = 40;
    uint32 private constant TARGET = 9;
    bytes32 private constant DIGEST = keccak256("list");
    bytes32 private constant CID = keccak256("list cid");

    function setUp() public override {
        super.setUp();
        registry.enrol(signers(3));
        open(withLists());
    }

    // What a list is to the ledger.

    function test_A_List_Takes_The_Next_Numbers(uint32 count) public {
        count = 1 + count % TARGET;
        submit(0);
        bytes32 before = ledger.historyHash();
        vm.warp(START + 3);
        vm.recordLogs();
        listAs(1, count);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 1);
        bytes memory words =
            abi.encode(ILedgerTypes.UpdatesListed.selector, 1, aggregator(1), 1, count, DIGEST, CID, START + 3);
        eq(abi.encodePacked(logs[0].topics, logs[0].data), words);
        eq(ledger.historyHash(), keccak256(abi.encode(before, keccak256(words))));
        ILedgerTypes.Listing memory kept = ledger.listingOf(aggregator(1));
        eq(kept.round, 1);
        eq(bytes32(kept.record), bytes32(bytes28(keccak256(words))));
        eq(ledger.currentRound().numUpdates, 1 + count);
        submit(1);
        eq(ledger.participantOf(participant(1)).lastSequence, 1 + count);
        eq(ledger.listingOf(aggregator(0)).round, 0);
    }

    function test_Lists_Come_In_Their_Own_Time() public {
        vm.warp(START + LIST);
        listAs(0, 1);
        vm.warp(START + LIST + 1);
        refuse(1, 1, abi.encodeWithSelector(ILedgerTypes.ListsOver.selector, START + LIST));
        submit(0);
    }

    function test_A_Task_Without_Lists_Has_None() public {
        ILedgerTypes.TaskParameters memory p = withLists();
        p.listSeconds = 0;
        open(p);
        refuse(0, 1, abi.encodeWithSelector(ILedgerTypes.ListsOver.selector, 0));
    }

    function test_Only_Aggregators_With_Standing_List(address other) public {
        for (uint256 i = 0; i < 3; ++i) {
            if (other == aggregator(i)) return;
        }
        vm.expectRevert(refusal(ILedgerTypes.NotAggregator.selector, other));
        vm.prank(other);
        ledger.listUpdates(1, 1, DIGEST, CID);
        ledger = create(withLists());
        refuse(0, 1, abi.encodeWithSelector(ILedgerTypes.BondTooLow.selector, 0, BOND));
        deposit(0, BOND);
        listAs(0, 1);
    }

    function test_Who_Is_Barred_Does_Not_List() public {
        ledger.proveEquivocation(attestation(2, 1, OTHER), attestation(2, 1, MODEL));
        refuse(2, 1, abi.encodeWithSelector(ILedgerTypes.AggregatorBarred.selector, type(uint32).max));
        listAs(0, 1);
    }

    function test_An_Aggregator_Lists_Once_A_Round() public {
        listAs(0, 1);
        refuse(0, 1, abi.encodeWithSelector(ILedgerTypes.AlreadyListed.selector, 1, aggregator(0)));
        listAs(1, TARGET);
        vm.warp(collectUntil() + 1);
        propose();
        vm.warp(proposedAt() + CHALLENGE);
        finalize();
        listAs(0, 2);
        eq(ledger.currentRound().round, 2);
        eq(ledger.currentRound().numUpdates, 2);
        eq(ledger.listingOf(aggregator(0)).round, 2);
        eq(ledger.listingOf(aggregator(1)).round, 1);
    }

    function test_A_List_Has_Some_Updates_And_Not_More_Than_The_Target() public {
        refuse(0, 0, abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("count"), 0));
        refuse(
            0, TARGET + 1, abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("count"), TARGET + 1)
        );
        listAs(0, TARGET);
    }

    function test_A_List_Has_Digests() public {
        bytes memory zero = abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector);
        vm.expectRevert(zero);
        vm.prank(aggregator(0));
        ledger.listUpdates(1, 1, 0, CID);
        vm.expectRevert(zero);
        vm.prank(aggregator(0));
        ledger.listUpdates(1, 1, DIGEST, 0);
    }

    function test_A_List_Enters_Its_Own_Round_Only() public {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.UnexpectedRound.selector, 2, 1));
        vm.prank(aggregator(0));
        ledger.listUpdates(2, 1, DIGEST, CID);
    }

    function test_A_List_Is_For_No_Other_Phase(uint8 number) public {
        Phase target = Phase(number % 9);
        if (target == Phase.NONE || target == Phase.COLLECTING || target == Phase.CHALLENGED) return;
        ILedgerTypes.TaskParameters memory p = withLists();
        (p.targetUpdates, p.listSeconds) = (TARGET_UPDATES, 0);
        ledger = ILedger(address(new RoundLedger(p, committee())));
        ledger.admit(crowd(TARGET_UPDATES));
        depositAll();
        if (target == Phase.FINALIZED) return; // four more rounds of the same
        enter(target);
        uint32 current = round();
        vm.expectRevert(unexpectedPhase(target, Phase.COLLECTING));
        vm.prank(aggregator(0));
        ledger.listUpdates(current, 1, DIGEST, CID);
    }

    // Nobody is kept out by a list.

    function test_A_Full_List_Keeps_Nobody_Out() public {
        listAs(0, TARGET);
        listAs(1, TARGET);
        vm.warp(collectUntil());
        eq(phase(), Phase.COLLECTING);
        submitFirst(8);
        eq(ledger.currentRound().numUpdates, 2 * TARGET + 8);
        eq(ledger.currentRound().closedAt, 0);
        vm.warp(collectUntil() + 1);
        eq(phase(), Phase.AGGREGATING);
    }

    function test_Only_Time_Closes_Collection_Where_There_Are_Lists() public {
        listAs(0, 1);
        submitFirst(8);
        eq(ledger.currentRound().numUpdates, TARGET);
        eq(phase(), Phase.COLLECTING);
    }

    function test_A_Batch_Goes_Beyond_The_Target() public {
        ILedgerTypes.TaskParameters memory p = withLists();
        ledger = ILedger(address(new RoundLedger(p, committee())));
        ledger.admit(signers(3));
        depositAll();
        listAs(0, TARGET - 1);
        SignedUpdate[] memory updates = new SignedUpdate[](3);
        for (uint256 i = 0; i < 3; ++i) {
            updates[i] = signed(i, placeOf(address(ledger), 1), digestOf(i), cidOf(i), 7);
        }
        ledger.submitBatch(1, updates);
        eq(ledger.currentRound().numUpdates, TARGET + 2);
        eq(phase(), Phase.COLLECTING);
    }

    function test_There_Is_Time_After_The_Lists(uint32 listSeconds) public {
        ILedgerTypes.TaskParameters memory p = withLists();
        p.listSeconds = COLLECT - 1;
        eq(new RoundLedger(p, committee()).parameters(), p);
        p.listSeconds = COLLECT;
        expectOutOfRange(p, "listSeconds", COLLECT);
        vm.assume(listSeconds >= COLLECT);
        p.listSeconds = listSeconds;
        expectOutOfRange(p, "listSeconds", listSeconds);
    }

    function test_One_Second_Is_Time_For_Lists() public {
        ILedgerTypes.TaskParameters memory p = withLists();
        p.listSeconds = 1;
        open(p);
        vm.warp(START + 1);
        listAs(0, TARGET);
        vm.warp(START + 2);
        refuse(1, 1, abi.encodeWithSelector(ILedgerTypes.ListsOver.selector, START + 1));
        submitFirst(8);
        eq(phase(), Phase.COLLECTING);
        p.commitSeconds = 1;
        expectOutOfRange(p, "listSeconds", 1);
        (p.commitSeconds, p.targetUpdates) = (0, 2 ** 22 + 1);
        expectOutOfRange(p, "targetUpdates", 2 ** 22 + 1);
    }

    function test_There_Are_No_Lists_Of_Commitments() public {
        ILedgerTypes.TaskParameters memory p = withLists();
        p.commitSeconds = 1;
        expectOutOfRange(p, "listSeconds", LIST);
        (p.commitSeconds, p.listSeconds) = (1, 0);
        open(p);
        refuse(0, 1, abi.encodeWithSelector(ILedgerTypes.CommitmentsRequired.selector));
    }

    function test_A_Report_Has_Room_For_Every_List() public {
        ILedgerTypes.TaskParameters memory p = withLists();
        p.targetUpdates = 2 ** 22;
        eq(new RoundLedger(p, committee()).parameters(), p);
        p.targetUpdates += 1;
        expectOutOfRange(p, "targetUpdates", 2 ** 22 + 1);
        p.listSeconds = 0;
        eq(new RoundLedger(p, committee()).parameters(), p);
    }

    function withLists() private view returns (ILedgerTypes.TaskParameters memory p) {
        p = parameters();
        (p.quorum, p.bond, p.numRounds) = (0, BOND, 5);
        (p.targetUpdates, p.listSeconds) = (TARGET, LIST);
    }

    function open(ILedgerTypes.TaskParameters memory p) private {
        ledger = create(p);
        depositAll();
    }

    function depositAll() private {
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
    }

    function crowd(uint256 count) private pure returns (address[] memory members) {
        members = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            members[i] = participant(i);
        }
    }

    function listAs(uint256 i, uint32 count) private {
        uint32 current = round();
        vm.prank(aggregator(i));
        ledger.listUpdates(current, count, DIGEST, CID);
    }

    function refuse(uint256 i, uint32 count, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(aggregator(i));
        ledger.listUpdates(1, count, DIGEST, CID);
    }

    function expectOutOfRange(ILedgerTypes.TaskParameters memory p, bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, name, value));
        new RoundLedger(p, committee());
    }
}
