// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

contract RoundLedgerProposeTest is LedgerTest {
    function test_The_Aggregator_Proposes_One_Model() public {
        enter(Phase.AGGREGATING);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ModelProposed(
            1, AGGREGATOR, MODEL, MODEL_CID, REPORT, REPORT_CID, uint40(vm.getBlockTimestamp())
        );
        propose();
        ILedgerTypes.Proposal memory standing = ledger.proposal();
        eq(standing.round, 1);
        eq(standing.proposer, AGGREGATOR);
        eq(standing.reportDigest, REPORT);
        eq(standing.proposedAt, vm.getBlockTimestamp());
        eq(standing.numFor, 1);
        eq(standing.numAgainst, 0);
        eq(ledger.modelDigestOf(1), bytes32(0));
        eq(phase(), Phase.PROPOSED);
    }

    function test_Nobody_But_The_Aggregator_Proposes(address sender) public {
        vm.assume(sender != AGGREGATOR);
        enter(Phase.AGGREGATING);
        _expectRefusal(refusal(ILedgerTypes.NotAggregator.selector, sender), sender, 1);
        _expectRefusal(
            refusal(ILedgerTypes.NotAggregator.selector, address(this)), address(this), 1
        );
    }

    function test_A_Model_Is_Proposed_Once() public {
        enter(Phase.PROPOSED);
        _expectRefusal(unexpectedPhase(Phase.PROPOSED, Phase.AGGREGATING), AGGREGATOR, 1);
    }

    function test_No_Model_Is_Proposed_While_Updates_Come_In() public {
        submitFirst(MIN_UPDATES);
        vm.warp(collectUntil());
        _expectRefusal(unexpectedPhase(Phase.COLLECTING, Phase.AGGREGATING), AGGREGATOR, 1);
        vm.warp(collectUntil() + 1);
        propose();
    }

    function test_A_Full_Round_Needs_No_Waiting() public {
        submitFirst(TARGET_UPDATES);
        propose();
        eq(proposedAt(), START);
    }

    function test_A_Model_Can_Be_Proposed_Until_The_Last_Second() public {
        enter(Phase.AGGREGATING);
        vm.warp(aggregateUntil());
        propose();
        eq(phase(), Phase.PROPOSED);
    }

    function test_No_Model_Is_Proposed_After_The_Deadline(uint32 late) public {
        enter(Phase.AGGREGATING);
        vm.warp(aggregateUntil() + 1 + late);
        _expectRefusal(unexpectedPhase(Phase.EXPIRED, Phase.AGGREGATING), AGGREGATOR, 1);
    }

    function test_No_Model_Is_Proposed_Without_Enough_Updates() public {
        submitFirst(MIN_UPDATES - 1);
        vm.warp(collectUntil() + 1);
        _expectRefusal(unexpectedPhase(Phase.EXPIRED, Phase.AGGREGATING), AGGREGATOR, 1);
    }

    function test_No_Round_But_The_Current_One_Takes_A_Model(uint32 other) public {
        finishRound();
        submitFirst(TARGET_UPDATES);
        vm.assume(other != 2);
        _expectRefusal(refusal(ILedgerTypes.UnexpectedRound.selector, other, 2), AGGREGATOR, other);
    }

    function test_A_Missing_Digest_Is_Refused() public {
        enter(Phase.AGGREGATING);
        for (uint256 i = 0; i < 4; ++i) {
            bytes32[4] memory d = [MODEL, MODEL_CID, REPORT, REPORT_CID];
            d[i] = 0;
            vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector));
            vm.prank(AGGREGATOR);
            ledger.propose(1, d[0], d[1], d[2], d[3]);
        }
        eq(phase(), Phase.AGGREGATING);
    }

    function _expectRefusal(bytes memory expected, address sender, uint32 number) private {
        bytes32 history = ledger.historyHash();
        vm.expectRevert(expected);
        vm.prank(sender);
        ledger.propose(number, keccak256("other"), MODEL_CID, REPORT, REPORT_CID);
        eq(ledger.historyHash(), history);
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        if (phase() == Phase.PROPOSED) finalize();
        ok(ledger.modelDigestOf(number) != keccak256("other"), "a refused model leaves no trace");
    }
}

contract RoundLedgerFinalizeTest is LedgerTest {
    function test_Anybody_Finalizes_And_The_Next_Round_Starts_From_The_Model(address sender) public {
        enter(Phase.PROPOSED);
        uint40 timestamp = uint40(vm.getBlockTimestamp());
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundFinalized(1, MODEL, timestamp);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundOpened(2, 1, timestamp, timestamp);
        vm.prank(sender);
        ledger.finalize(1);
        eq(ledger.modelDigestOf(1), MODEL);
        eq(ledger.phaseOf(1), Phase.FINALIZED);
        ILedgerTypes.CurrentRound memory current = ledger.currentRound();
        eq(current.round, 2);
        eq(current.baseRound, 1);
        eq(current.numUpdates, 0);
        eq(current.numFinalized, 1);
        eq(current.openedAt, timestamp);
        eq(current.closedAt, 0);
        eq(phase(), Phase.COLLECTING);
    }

    function test_A_Model_Is_Not_Final_A_Second_Too_Early() public {
        enter(Phase.PROPOSED);
        uint40 until = proposedAt() + CHALLENGE;
        vm.warp(until - 1);
        vm.expectRevert(refusal(ILedgerTypes.ChallengeWindowOpen.selector, 1, until));
        ledger.finalize(1);
        eq(ledger.modelDigestOf(1), bytes32(0));
        vm.warp(until);
        ledger.finalize(1);
        eq(ledger.modelDigestOf(1), MODEL);
    }

    function test_A_Proposal_Waits_For_Its_Finalization_For_Ever(uint32 late) public {
        enter(Phase.PROPOSED);
        vm.warp(vm.getBlockTimestamp() + late);
        finalize();
        eq(ledger.modelDigestOf(1), MODEL);
    }

    function test_Without_A_Challenge_Window_A_Model_Is_Final_In_The_Same_Second() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.challengeSeconds = 0;
        ledger = create(p);
        submitFirst(TARGET_UPDATES);
        propose();
        finalize();
        eq(round(), 2);
        eq(openedAt(), START);
    }

    function test_A_Round_Is_Finalized_Once() public {
        enter(Phase.PROPOSED);
        finalize();
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, 1, 2));
        ledger.finalize(1);
    }

    function test_No_Round_But_The_Current_One_Is_Finalized(uint32 other) public {
        enter(Phase.PROPOSED);
        vm.assume(other != 1);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, other, 1));
        ledger.finalize(other);
    }

    function test_The_Last_Round_Ends_The_Task() public {
        finishRound();
        uint32 before = round();
        submitFirst(TARGET_UPDATES);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        vm.recordLogs();
        finalize();
        eq(vm.getRecordedLogs().length, 1);
        eq(round(), before);
        eq(phase(), Phase.FINALIZED);
        eq(ledger.currentRound().numFinalized, NUM_ROUNDS);
        eq(ledger.phaseOf(before + 1), Phase.NONE);
        vm.warp(vm.getBlockTimestamp() + 1000 days);
        eq(phase(), Phase.FINALIZED);
    }

    function test_The_Model_Of_A_Round_Never_Changes() public {
        finishRound();
        submitFirst(TARGET_UPDATES);
        vm.prank(AGGREGATOR);
        ledger.propose(2, keccak256("second"), MODEL_CID, REPORT, REPORT_CID);
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        finalize();
        eq(ledger.modelDigestOf(0), parameters().genesisDigest);
        eq(ledger.modelDigestOf(1), MODEL);
        eq(ledger.modelDigestOf(2), keccak256("second"));
    }
}

contract RoundLedgerAbortTest is LedgerTest {
    function test_Anybody_Aborts_An_Expired_Round_And_The_Next_One_Opens(address sender) public {
        enter(Phase.EXPIRED);
        uint40 timestamp = uint40(vm.getBlockTimestamp());
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundAborted(1, timestamp);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundOpened(2, 0, timestamp, timestamp);
        vm.prank(sender);
        ledger.abort(1);
        eq(ledger.phaseOf(1), Phase.ABORTED);
        eq(ledger.modelDigestOf(1), bytes32(0));
        ILedgerTypes.CurrentRound memory current = ledger.currentRound();
        eq(current.round, 2);
        eq(current.baseRound, 0);
        eq(current.numUpdates, 0);
        eq(current.numFinalized, 0);
        eq(current.openedAt, timestamp);
        eq(phase(), Phase.COLLECTING);
    }

    function test_An_Aborted_Round_Passes_Its_Base_On() public {
        finishRound();
        for (uint32 i = 2; i < 6; ++i) {
            vm.warp(collectUntil() + 1);
            ledger.abort(i);
            eq(ledger.currentRound().baseRound, 1);
        }
        finishRound();
        eq(ledger.currentRound().numFinalized, 2);
        eq(phase(), Phase.FINALIZED);
        eq(round(), 6);
    }

    function test_A_Round_Without_Enough_Updates_Expires_At_The_Deadline() public {
        submitFirst(MIN_UPDATES - 1);
        vm.warp(collectUntil());
        vm.expectRevert(unexpectedPhase(Phase.COLLECTING, Phase.EXPIRED));
        ledger.abort(1);
        vm.warp(collectUntil() + 1);
        ledger.abort(1);
        eq(round(), 2);
    }

    function test_A_Round_Without_A_Model_Expires_At_The_Aggregators_Deadline() public {
        submitFirst(MIN_UPDATES);
        vm.warp(aggregateUntil());
        vm.expectRevert(unexpectedPhase(Phase.AGGREGATING, Phase.EXPIRED));
        ledger.abort(1);
        vm.warp(aggregateUntil() + 1);
        ledger.abort(1);
        eq(round(), 2);
    }

    function test_A_Full_Round_Has_Its_Deadline_Earlier() public {
        submitFirst(TARGET_UPDATES);
        eq(aggregateUntil(), START + AGGREGATE);
        vm.warp(aggregateUntil());
        vm.expectRevert(unexpectedPhase(Phase.AGGREGATING, Phase.EXPIRED));
        ledger.abort(1);
        vm.warp(aggregateUntil() + 1);
        ledger.abort(1);
        eq(round(), 2);
    }

    function test_A_Proposed_Model_Is_Never_Aborted() public {
        enter(Phase.PROPOSED);
        vm.warp(vm.getBlockTimestamp() + 1000 days);
        vm.expectRevert(unexpectedPhase(Phase.PROPOSED, Phase.EXPIRED));
        ledger.abort(1);
    }

    function test_No_Round_But_The_Current_One_Is_Aborted(uint32 other) public {
        enter(Phase.EXPIRED);
        vm.assume(other != 1);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, other, 1));
        ledger.abort(other);
    }

    function test_A_Proposal_Of_An_Aborted_Round_Does_Not_Leak_Into_The_Next() public {
        finishRound(); // leaves its proposal behind
        submitFirst(TARGET_UPDATES);
        vm.expectRevert(unexpectedPhase(Phase.AGGREGATING, Phase.PROPOSED));
        ledger.finalize(2);
    }
}

contract RoundLedgerStopTest is LedgerTest {
    function test_The_Coordinator_Stops_While_Updates_Come_In() public {
        _stopFrom(Phase.COLLECTING);
    }

    function test_The_Coordinator_Stops_While_The_Aggregator_Works() public {
        _stopFrom(Phase.AGGREGATING);
    }

    function test_The_Coordinator_Stops_Before_A_Proposed_Model_Is_Final() public {
        _stopFrom(Phase.PROPOSED);
    }

    function test_The_Coordinator_Stops_An_Expired_Round() public {
        _stopFrom(Phase.EXPIRED);
    }

    function test_The_Coordinator_Stops_Before_A_Round_Has_Opened() public {
        enter(Phase.SCHEDULED);
        ledger.stop();
        eq(phase(), Phase.ABORTED);
        vm.warp(vm.getBlockTimestamp() + 2000);
        eq(phase(), Phase.ABORTED);
    }

    function test_Nobody_But_The_Coordinator_Stops(address sender) public {
        vm.assume(sender != address(this));
        vm.expectRevert(refusal(ILedgerTypes.NotCoordinator.selector, sender, address(this)));
        vm.prank(sender);
        ledger.stop();
    }

    function test_A_Finished_Task_Cannot_Be_Stopped() public {
        enter(Phase.FINALIZED);
        vm.expectRevert(refusal(ILedgerTypes.TaskOver.selector, NUM_ROUNDS, uint8(Phase.FINALIZED)));
        ledger.stop();
    }

    function test_A_Task_Is_Stopped_Once() public {
        enter(Phase.ABORTED);
        vm.expectRevert(refusal(ILedgerTypes.TaskOver.selector, 1, uint8(Phase.ABORTED)));
        ledger.stop();
    }

    function test_Stopping_Keeps_Every_Final_Model() public {
        finishRound();
        submit(0);
        ledger.stop();
        eq(ledger.modelDigestOf(0), parameters().genesisDigest);
        eq(ledger.modelDigestOf(1), MODEL);
        eq(ledger.phaseOf(1), Phase.FINALIZED);
        eq(ledger.phaseOf(2), Phase.ABORTED);
    }

    function test_Nothing_Happens_To_A_Stopped_Round_However_Much_Time_Passes(uint32 later) public {
        enter(Phase.ABORTED);
        vm.warp(vm.getBlockTimestamp() + later);
        eq(phase(), Phase.ABORTED);
        vm.expectRevert(unexpectedPhase(Phase.ABORTED, Phase.EXPIRED));
        ledger.abort(1);
        vm.expectRevert(unexpectedPhase(Phase.ABORTED, Phase.COLLECTING));
        vm.prank(participant(1));
        ledger.submitUpdate(1, digestOf(1), cidOf(1), 1);
    }

    function _stopFrom(Phase from) private {
        enter(from);
        ILedgerTypes.CurrentRound memory before = ledger.currentRound();
        vm.recordLogs();
        ledger.stop();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 2);
        eq(logs[0].topics[0], ILedgerTypes.RoundAborted.selector);
        eq(logs[0].topics[1], bytes32(uint256(1)));
        eq(logs[0].data, abi.encode(vm.getBlockTimestamp()));
        eq(logs[1].topics[0], ILedgerTypes.TaskStopped.selector);
        eq(logs[1].data, abi.encode(vm.getBlockTimestamp()));
        eq(phase(), Phase.ABORTED);
        before.isStopped = true;
        before.closedAt = uint40(vm.getBlockTimestamp());
        eq(abi.encode(ledger.currentRound()), abi.encode(before));
        eq(ledger.modelDigestOf(1), bytes32(0));
        eq(ledger.phaseOf(2), Phase.NONE);
    }
}
