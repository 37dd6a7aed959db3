// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {MaskTest} from "./MaskTest.sol";
import {vm} from "./Vm.sol";

/// @notice The turns of three aggregators in a task with masked updates.
contract RoundLedgerMaskTurnsTest is MaskTest, CommitteeTest {
    function setUp() public override(LedgerTest, CommitteeTest) {
        super.setUp();
        _begin(withMasks());
    }

    function _begin(ILedgerTypes.TaskParameters memory p) private {
        (p.quorum, p.bond, p.numRounds) = (2, BOND, 5);
        begin(p);
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
    }

    function committee() internal pure override(LedgerTest, CommitteeTest) returns (address[] memory) {
        return CommitteeTest.committee();
    }

    function propose() internal override(LedgerTest, CommitteeTest) {
        CommitteeTest.propose();
    }

    function test_Turns_Begin_When_Time_Ends_Unmasking() public {
        collect(3, 2);
        unmask(0);
        uint256 from = unmaskUntil();
        vm.warp(from + 1);
        _expectTurns(from);
    }

    function test_Turns_Begin_After_A_Single_Second_To_Unmask() public {
        ILedgerTypes.TaskParameters memory p = withMasks();
        p.unmaskSeconds = 1;
        _begin(p);
        collect(3, 2);
        uint256 from = revealUntil() + 1;
        vm.warp(from);
        eq(phase(), Phase.UNMASKING);
        vm.warp(from + 1);
        _expectTurns(from);
    }

    function test_Turns_Begin_When_The_Last_Has_Told() public {
        collect(3, 3);
        vm.warp(unmaskUntil() - 5);
        unmaskFirst(3);
        _expectTurns(vm.getBlockTimestamp());
    }

    function test_A_Rejection_Brings_No_Second_Questions(bool isTold) public {
        collect(3, 2);
        unmask(0);
        if (isTold) unmask(1);
        else vm.warp(unmaskUntil() + 1);
        _reject();
        uint256 from = vm.getBlockTimestamp() + 1;
        eq(ledger.unmasking(), 1, isTold ? 2 : 1, from);
        eq(ledger.currentRound().closedAt, from);
        eq(phase(), Phase.AGGREGATING);
        bytes memory reason = unexpectedPhase(Phase.AGGREGATING, Phase.UNMASKING);
        refuseUnmask(participant(1), 1, tellOf(1), reason);
        vm.warp(from);
        reason = unexpectedPhase(Phase.AGGREGATING, Phase.UNMASKING);
        refuseUnmask(participant(1), 1, tellOf(1), reason);
        vm.warp(from + AGGREGATE - 1);
        _expectOutOfTurn(1, from + AGGREGATE);
        vm.warp(from + AGGREGATE);
        proposeAs(1, OTHER);
        attestAs(2, OTHER);
        eq(round(), 2);
    }

    function test_Nobody_Unmasks_After_A_Rejection_Though_Nobody_Had() public {
        collect(3, 2);
        vm.warp(unmaskUntil() + 1);
        _reject();
        uint256 from = vm.getBlockTimestamp() + 1;
        eq(ledger.unmasking(), 1, 0, from);
        eq(phase(), Phase.AGGREGATING);
        vm.warp(from + 3 * AGGREGATE);
        eq(phase(), Phase.AGGREGATING);
        vm.warp(from + 3 * AGGREGATE + 1);
        eq(phase(), Phase.EXPIRED);
        ledger.abort(1);
        waitForOpening();
        collect(3, 2);
        eq(phase(), Phase.UNMASKING);
        unmask(0);
        eq(ledger.unmasking(), 2, 1, 0);
    }

    function test_A_Rejection_In_Another_Task_Leaves_Masks_Alone() public {
        ILedgerTypes.TaskParameters memory p = withMasks();
        (p.quorum, p.bond, p.unmaskSeconds) = (2, BOND, 0);
        begin(p);
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
        commitFirst(TARGET_UPDATES);
        revealFirst(TARGET_UPDATES);
        _reject();
        eq(ledger.unmasking(), 0, 0, 0);
    }

    /// Two aggregators attest to another model than the one that is proposed.
    function _reject() private {
        proposeAs(0, MODEL);
        attestAs(1, OTHER);
        attestAs(2, OTHER);
    }

    /// Each seat waits for its turn, and the round for the last one.
    function _expectTurns(uint256 from) private {
        eq(phase(), Phase.AGGREGATING);
        _expectOutOfTurn(1, from + AGGREGATE);
        vm.warp(from + AGGREGATE);
        _expectOutOfTurn(2, from + 2 * AGGREGATE);
        vm.warp(from + 3 * AGGREGATE + 1);
        eq(phase(), Phase.EXPIRED);
        vm.warp(from + 3 * AGGREGATE);
        proposeAs(2, MODEL);
    }

    function _expectOutOfTurn(uint256 i, uint256 from) private {
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.OutOfTurn.selector, aggregator(i), from);
        vm.prank(aggregator(i));
        vm.expectRevert(reason);
        ledger.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
    }
}
