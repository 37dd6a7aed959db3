// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Signature} from "../../contracts/libraries/Attestations.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question} from "../../contracts/libraries/Questions.sol";
import {CommitTest} from "./CommitTest.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice What a ledger does at the very ends of its rules, found by scripts/mutate_contracts.py.
contract RoundLedgerBoundariesTest is CommitteeTest {
    function test_A_Bond_Fills_Its_Slot_To_The_Last_Wei() public {
        deposit(0, type(uint96).max - BOND);
        eq(ledger.aggregatorOf(aggregator(0)).bond, type(uint96).max);
    }

    function test_Silence_Is_Found_Where_The_Turns_Go_Around_And_Pays_Nobody() public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.warp(collectUntil() + 1);
            ledger.abort(round());
        }
        // The first turn of round 3 is the last aggregator's.
        submitFirst(TARGET_UPDATES);
        vm.warp(vm.getBlockTimestamp() + AGGREGATE);
        proposeAs(0, MODEL);
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(
            aggregator(2), address(0), BOND, Fault.SILENCE, uint40(vm.getBlockTimestamp())
        );
        finalize();
        eq(ledger.aggregatorOf(aggregator(2)).bond, 0);
        eq(ledger.aggregatorOf(aggregator(1)).bond, BOND);
        eq(ledger.payoutOf(address(0)), 0);
    }

    function test_Where_There_Are_No_Bonds_Nobody_Is_Found_Silent() public {
        ledger = create(parameters());
        submitFirst(TARGET_UPDATES);
        vm.warp(START + AGGREGATE);
        proposeAs(1, MODEL);
        vm.warp(START + AGGREGATE + CHALLENGE);
        vm.recordLogs();
        finalize();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 2);
        eq(logs[0].topics[0], ILedgerTypes.RoundFinalized.selector);
        eq(logs[1].topics[0], ILedgerTypes.RoundOpened.selector);
        eq(ledger.aggregatorOf(aggregator(0)).barredIn, 0);
    }

    function test_An_Equivocation_Is_Fined_After_Its_Proposal_Was_Dropped() public {
        submitFirst(TARGET_UPDATES);
        proposeAs(0, MODEL);
        ledger.stop();
        ledger.proveEquivocation(attestation(0, 1, MODEL), attestation(0, 1, OTHER));
        eq(ledger.aggregatorOf(aggregator(0)).bond, 0);
        eq(ledger.aggregatorOf(aggregator(0)).barredIn, type(uint32).max);
    }

    function test_Stopping_A_Round_Without_A_Proposal_Leaves_The_Last_One_On_View() public {
        submitFirst(TARGET_UPDATES);
        proposeAs(0, MODEL);
        attestAs(1, MODEL);
        bytes memory before = abi.encode(ledger.proposal());
        ledger.stop();
        eq(abi.encode(ledger.proposal()), before);
        eq(ledger.modelDigestOf(1), MODEL);
    }

    function test_The_Last_Round_Closes_When_Its_Model_Is_Final_And_Bonds_Are_Locked_From_Then() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.bond = BOND;
        p.numRounds = 1;
        ledger = create(p);
        deposit(0, BOND);
        submitFirst(TARGET_UPDATES);
        proposeAs(0, MODEL);
        vm.warp(START + CHALLENGE);
        finalize();
        eq(ledger.currentRound().closedAt, START + CHALLENGE);
        vm.warp(START + 2 * CHALLENGE - 1);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.BondLocked.selector, START + 2 * CHALLENGE));
        vm.prank(aggregator(0));
        ledger.withdrawBond();
    }

    function test_A_Rejected_Model_Leaves_No_Trace_In_A_Round_That_Is_Aborted() public {
        submitFirst(TARGET_UPDATES);
        proposeAs(0, MODEL);
        attestAs(1, OTHER);
        attestAs(2, OTHER);
        vm.warp(aggregateUntil() + 1);
        ledger.abort(1);
        eq(ledger.phaseOf(1), Phase.ABORTED);
        eq(ledger.modelDigestOf(1), bytes32(0));
    }

    function test_During_A_Challenge_Nobody_Attests_In_An_Earlier_Round() public {
        submitFirst(TARGET_UPDATES);
        proposeAs(0, MODEL);
        attestAs(1, MODEL);
        submitFirst(TARGET_UPDATES);
        proposeAs(1, MODEL);
        vm.deal(ANYBODY, BOND);
        vm.prank(ANYBODY);
        ledger.challenge{value: BOND}(2, Question.HEADER, 0);
        Signature[] memory signatures = list(sign(2, 1, OTHER));
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, 1, 2));
        ledger.attest(1, OTHER, REPORT, signatures);
    }

    function test_Code_That_Decides_Disputes_Has_No_Round_Zero_To_Dispute() public {
        IDisputes alone = disputes;
        vm.deal(ANYBODY, BOND);
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.UnexpectedPhase.selector, 0, Phase.FINALIZED, Phase.PROPOSED)
        );
        vm.prank(ANYBODY);
        alone.challenge{value: BOND}(0, Question.HEADER, 0);
    }

    function test_A_Committee_Has_Up_To_64_Members() public {
        eq(new RoundLedger(parameters(), _members(64)).parameters(), parameters());
        vm.expectRevert(_outOfRange("aggregators", 65));
        new RoundLedger(parameters(), _members(65));
    }

    function test_Half_Of_A_Committee_Is_No_Quorum_And_The_Least_That_Is_More_Is_One() public {
        for (uint32 size = 4; size < 8; ++size) {
            ILedgerTypes.TaskParameters memory p = parameters();
            p.quorum = size / 2;
            vm.expectRevert(_outOfRange("quorum", p.quorum));
            new RoundLedger(p, _members(size));
            p.quorum = size / 2 + 1;
            eq(new RoundLedger(p, _members(size)).parameters(), p);
        }
    }

    function test_All_Of_A_Committee_Are_A_Quorum_And_One_More_Is_None() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.quorum = 4;
        eq(new RoundLedger(p, _members(4)).parameters(), p);
        vm.expectRevert(_outOfRange("quorum", 4));
        new RoundLedger(p, _members(3));
    }

    function test_A_Fraction_Has_Up_To_30_Bits_Or_Is_None() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.fractionShift = 30;
        eq(new RoundLedger(p, _members(1)).parameters(), p);
        p.fractionShift = 31;
        vm.expectRevert(_outOfRange("fractionShift", 31));
        new RoundLedger(p, _members(1));
        p.fractionShift = type(uint32).max - 1;
        vm.expectRevert(_outOfRange("fractionShift", type(uint32).max - 1));
        new RoundLedger(p, _members(1));
        p.fractionShift = type(uint32).max;
        eq(new RoundLedger(p, _members(1)).parameters(), p);
    }

    function _members(uint256 size) private pure returns (address[] memory members) {
        members = new address[](size);
        for (uint256 i = 0; i < size; ++i) {
            members[i] = address(uint160(i + 1));
        }
    }

    function _outOfRange(bytes32 name, uint256 value) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, name, value);
    }
}

/// @notice The same, with commitments.
contract RoundLedgerCommitBoundariesTest is CommitTest {
    function test_A_Second_To_Commit_Comes_Before_All_The_Time_To_Collect() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.commitSeconds = 1;
        ledger = create(p);
        commitFirst(MIN_UPDATES);
        vm.warp(START + 1);
        eq(phase(), Phase.COMMITTING);
        vm.warp(START + 1 + COLLECT);
        eq(phase(), Phase.COLLECTING);
        revealFirst(1);
        vm.warp(START + 2 + COLLECT);
        eq(phase(), Phase.EXPIRED);
    }

    function test_Nobody_Commits_Or_Reveals_In_An_Earlier_Round() public {
        ledger = create(withCommitments());
        commitFirst(1);
        vm.warp(commitUntil() + 1);
        ledger.abort(1);
        bytes32 commitment = commitmentOf(1);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, 1, 2));
        vm.prank(participant(1));
        ledger.commitUpdate(1, commitment);
        for (uint256 i = 1; i < 1 + TARGET_UPDATES; ++i) {
            commit(i);
        }
        eq(phase(), Phase.COLLECTING);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, 1, 2));
        vm.prank(participant(0));
        ledger.revealUpdate(1, digestOf(0), cidOf(0), WEIGHT, saltOf(0));
    }
}
