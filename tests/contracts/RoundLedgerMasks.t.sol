// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {MaskTest} from "./MaskTest.sol";
import {Acceptances} from "./RegistryTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Masked updates and the seeds told of them, in a task of one aggregator without a quorum.
contract RoundLedgerMasksTest is MaskTest, Acceptances {
    uint256 private constant KEY = 0x5ECC;
    bytes32 private constant ZERO = bytes32(0);

    function setUp() public override {
        super.setUp();
        begin(withMasks());
    }

    // Parameters

    function test_Any_Time_To_Unmask_Is_Kept_As_Given(uint32 seconds_) public {
        ILedgerTypes.TaskParameters memory p = withMasks();
        p.unmaskSeconds = seconds_;
        ledger = create(p);
        eq(ledger.parameters(), p);
    }

    function test_Masks_Come_With_Commitments_And_Seeds_And_Without_Values(uint32 seconds_, uint32 shift) public {
        vm.assume(seconds_ != 0);
        ILedgerTypes.TaskParameters memory p = withMasks();
        p.unmaskSeconds = seconds_;
        p.commitSeconds = 0;
        _expectOutOfRange(p);
        p.commitSeconds = 1;
        (p.sampleRate, p.seedSeconds) = (0, 0);
        _expectOutOfRange(p);
        (p.sampleRate, p.seedSeconds) = (1, 1);
        p.fractionShift = shift % 31;
        _expectOutOfRange(p);
        p.fractionShift = type(uint32).max;
        new RoundLedger(p, committee());
    }

    // Masked updates

    function test_No_Other_Task_Knows_Masks() public {
        ILedgerTypes.TaskParameters memory p = withMasks();
        p.unmaskSeconds = 0;
        begin(p);
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.NoMasks.selector);
        refuseMask(OUTSIDER, 9, ZERO, ZERO, 0, reason);
        refuseUnmask(OUTSIDER, 9, ZERO, reason);
        commitFirst(TARGET_UPDATES);
        revealFirst(TARGET_UPDATES);
        eq(phase(), Phase.AGGREGATING);
        refuseUnmask(participant(0), 1, tellOf(0), reason);
        propose();
        eq(ledger.unmasking(), 0, 0, 0);
    }

    function test_A_Masked_Update_Is_Refused_For_Each_Reason_In_Order() public {
        refuseMask(OUTSIDER, 2, ZERO, ZERO, 0, refusal(ILedgerTypes.UnexpectedRound.selector, 2, 1));
        refuseMask(OUTSIDER, 1, ZERO, ZERO, 0, unexpectedPhase(Phase.COMMITTING, Phase.COLLECTING));
        shareFirst(3);
        refuseMask(OUTSIDER, 1, ZERO, ZERO, 0, refusal(ILedgerTypes.NotAdmitted.selector, OUTSIDER));
        bytes memory reason = about(ILedgerTypes.NotCommitted.selector, participant(3));
        refuseMask(participant(3), 1, ZERO, ZERO, 0, reason);
        mask(0, 0);
        reason = about(ILedgerTypes.AlreadySubmitted.selector, participant(0));
        refuseMask(participant(0), 1, ZERO, ZERO, 0, reason);
        address who = participant(1);
        reason = refusal(ILedgerTypes.WeightOutOfRange.selector, 0, MAX_WEIGHT);
        refuseMask(who, 1, ZERO, ZERO, 0, reason);
        reason = refusal(ILedgerTypes.WeightOutOfRange.selector, MAX_WEIGHT + 1, MAX_WEIGHT);
        refuseMask(who, 1, ZERO, ZERO, MAX_WEIGHT + 1, reason);
        reason = abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector);
        refuseMask(who, 1, ZERO, cidOf(1), MAX_WEIGHT, reason);
        refuseMask(who, 1, digestOf(1), ZERO, MAX_WEIGHT, reason);
        eq(ledger.currentRound().numUpdates, 1);
    }

    function test_No_Masked_Update_Enters_Before_Or_After_Its_Time() public {
        ledger = create(withMasks());
        bytes memory reason = unexpectedPhase(Phase.SCHEDULED, Phase.COLLECTING);
        refuseMask(participant(0), 1, digestOf(0), cidOf(0), 1, reason);
        waitForOpening();
        shareFirst(4);
        mask(0, 0);
        mask(1, 0);
        vm.warp(revealUntil());
        mask(2, 0);
        vm.warp(revealUntil() + 1);
        reason = unexpectedPhase(Phase.UNMASKING, Phase.COLLECTING);
        refuseMask(participant(3), 1, digestOf(3), cidOf(3), 1, reason);
        vm.warp(unmaskUntil() + 1);
        reason = unexpectedPhase(Phase.AGGREGATING, Phase.COLLECTING);
        refuseMask(participant(3), 1, digestOf(3), cidOf(3), 1, reason);
    }

    function test_Nothing_Is_Masked_That_Was_Shared_In_Another_Round() public {
        collect(3, 1);
        ledger.abort(1);
        waitForOpening();
        share(3);
        share(4);
        vm.warp(commitUntil() + 1);
        bytes memory reason = about(ILedgerTypes.NotCommitted.selector, participant(1));
        refuseMask(participant(1), 2, digestOf(1), cidOf(1), 1, reason);
    }

    function test_No_Update_Enters_A_Masked_Task_Another_Way() public {
        shareFirst(3);
        vm.prank(participant(0));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.CommitmentsRequired.selector));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), WEIGHT);
        bytes32 commitment = commitmentOf(0);
        vm.prank(participant(0));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.WrongReveal.selector, commitment));
        ledger.revealUpdate(1, digestOf(0), cidOf(0), WEIGHT, saltOf(0));
    }

    function test_Whoever_Is_Apart_Is_Told_Before_The_Update(uint128 apart) public {
        vm.assume(apart != 0);
        shareFirst(3);
        vm.recordLogs();
        mask(0, apart);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 2);
        uint256 time = vm.getBlockTimestamp();
        eq(logs[0].topics[0], ILedgerTypes.PeersApart.selector);
        eq(uint256(logs[0].topics[1]), 1);
        eq(logs[0].topics[2], bytes32(uint256(uint160(participant(0)))));
        eq(logs[0].data, abi.encode(apart, time));
        eq(logs[1].topics[0], ILedgerTypes.UpdateSubmitted.selector);
        eq(uint256(logs[1].topics[1]), 1);
        eq(logs[1].topics[2], bytes32(uint256(uint160(participant(0)))));
        eq(logs[1].data, abi.encode(0, digestOf(0), cidOf(0), WEIGHT, time));
        mask(1, 0);
        logs = vm.getRecordedLogs();
        eq(logs.length, 1);
        eq(logs[0].topics[0], ILedgerTypes.UpdateSubmitted.selector);
        eq(logs[0].data, abi.encode(1, digestOf(1), cidOf(1), WEIGHT, time));
    }

    function test_A_Masked_Update_Is_On_Record_As_Any_Update() public {
        shareFirst(3);
        mask(0, 0);
        mask(1, 5);
        ILedgerTypes.Participant memory found = ledger.participantOf(participant(1));
        bytes32 hash = keccak256(
            abi.encode(
                ILedgerTypes.UpdateSubmitted.selector,
                1,
                participant(1),
                1,
                digestOf(1),
                cidOf(1),
                WEIGHT,
                vm.getBlockTimestamp()
            )
        );
        ok(found.isAdmitted, "who submits stays admitted");
        eq(found.lastRound, 1);
        eq(found.lastSequence, 1);
        eq(bytes32(found.lastRecord), bytes32(bytes23(hash)));
        eq(ledger.currentRound().numUpdates, 2);
        eq(phase(), Phase.COLLECTING);
    }

    function test_A_Masked_Update_Costs_Its_Budget_And_Unmasking_Nothing() public {
        ILedgerTypes.TaskParameters memory p = withMasks();
        (p.privacyCost, p.privacyBudget) = (10, 15);
        begin(p);
        collect(3, 2);
        eq(ledger.privacySpentOf(participant(0)), 10);
        eq(ledger.privacySpentOf(participant(2)), 0);
        unmask(0);
        eq(ledger.privacySpentOf(participant(0)), 10);
        unmask(1);
        propose();
        vm.warp(proposedAt() + CHALLENGE);
        finalize();
        waitForOpening();
        bytes32 bundle = bundleOf(0);
        vm.prank(participant(0));
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.PrivacyBudgetExceeded.selector, participant(0), uint64(10), uint64(15))
        );
        ledger.commitUpdate(2, bundle);
    }

    // Unmasking

    function test_Unmasking_Is_Refused_For_Each_Reason_In_Order() public {
        refuseUnmask(OUTSIDER, 2, ZERO, refusal(ILedgerTypes.UnexpectedRound.selector, 2, 1));
        refuseUnmask(OUTSIDER, 1, ZERO, unexpectedPhase(Phase.COMMITTING, Phase.UNMASKING));
        shareFirst(3);
        refuseUnmask(OUTSIDER, 1, ZERO, unexpectedPhase(Phase.COLLECTING, Phase.UNMASKING));
        mask(0, 0);
        mask(1, 0);
        vm.warp(revealUntil() + 1);
        refuseUnmask(OUTSIDER, 1, ZERO, about(ILedgerTypes.NotSubmitted.selector, OUTSIDER));
        // Who shared and did not submit, and who did neither.
        refuseUnmask(participant(2), 1, ZERO, about(ILedgerTypes.NotSubmitted.selector, participant(2)));
        refuseUnmask(participant(3), 1, ZERO, about(ILedgerTypes.NotSubmitted.selector, participant(3)));
        refuseUnmask(participant(0), 1, ZERO, abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector));
        unmask(0);
        refuseUnmask(participant(0), 1, ZERO, about(ILedgerTypes.AlreadyUnmasked.selector, participant(0)));
        eq(ledger.unmasking(), 1, 1, 0);
        vm.warp(unmaskUntil() + 1);
        refuseUnmask(participant(1), 1, tellOf(1), unexpectedPhase(Phase.AGGREGATING, Phase.UNMASKING));
    }

    function test_Unmasking_Lasts_Through_Its_Last_Second() public {
        collect(3, 2);
        vm.warp(unmaskUntil());
        eq(phase(), Phase.UNMASKING);
        unmask(0);
        vm.warp(unmaskUntil() + 1);
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.unmasking(), 1, 1, 0);
    }

    function test_The_Last_To_Unmask_Ends_It_At_Once() public {
        collect(3, 3);
        eq(phase(), Phase.UNMASKING);
        unmask(2);
        unmask(0);
        vm.warp(vm.getBlockTimestamp() + 7);
        eq(phase(), Phase.UNMASKING);
        unmask(1);
        eq(ledger.unmasking(), 1, 3, vm.getBlockTimestamp());
        eq(phase(), Phase.AGGREGATING);
        propose();
    }

    function test_Nobody_Proposes_While_Seeds_Are_Told() public {
        collect(3, 2);
        vm.warp(unmaskUntil());
        bytes memory reason = unexpectedPhase(Phase.UNMASKING, Phase.AGGREGATING);
        vm.prank(AGGREGATOR);
        vm.expectRevert(reason);
        ledger.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
        vm.warp(unmaskUntil() + 1);
        propose();
    }

    function test_Too_Few_Masked_Updates_Expire_The_Round_Without_Questions() public {
        collect(3, 1);
        eq(phase(), Phase.EXPIRED);
        refuseUnmask(participant(0), 1, tellOf(0), unexpectedPhase(Phase.EXPIRED, Phase.UNMASKING));
        ledger.abort(1);
        eq(ledger.unmasking(), 0, 0, 0);
    }

    function test_Who_Told_Is_On_Record() public {
        collect(3, 2);
        vm.recordLogs();
        unmask(1);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 1);
        eq(logs[0].emitter, address(ledger));
        eq(logs[0].topics[0], ILedgerTypes.UpdateUnmasked.selector);
        eq(uint256(logs[0].topics[1]), 1);
        eq(logs[0].topics[2], bytes32(uint256(uint160(participant(1)))));
        eq(logs[0].data, abi.encode(tellOf(1), vm.getBlockTimestamp()));
    }

    function test_The_History_Of_Masked_Rounds_Follows_From_Its_Logs() public {
        vm.recordLogs();
        begin(withMasks());
        shareFirst(3);
        mask(0, 6);
        mask(1, 0);
        vm.warp(revealUntil() + 1);
        unmaskFirst(2);
        propose();
        ledger.stop();
        eq(ledger.historyHash(), replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger))));
    }

    function test_The_Next_Round_Knows_Nothing_Of_The_One_Before() public {
        collect(3, 2);
        unmaskFirst(2);
        uint256 closedAt = vm.getBlockTimestamp();
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        finalize();
        eq(ledger.unmasking(), 1, 2, closedAt);
        waitForOpening();
        collect(3, 3);
        eq(phase(), Phase.UNMASKING);
        unmask(0);
        eq(ledger.unmasking(), 2, 1, 0);
        vm.warp(unmaskUntil());
        eq(phase(), Phase.UNMASKING);
        unmask(1);
        vm.warp(unmaskUntil() + 1);
        eq(phase(), Phase.AGGREGATING);
        propose();
    }

    function test_Who_Submitted_In_The_Round_Before_Alone_Tells_Nothing() public {
        collect(3, 3);
        unmaskFirst(3);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        finalize();
        waitForOpening();
        collect(2, 2);
        address who = participant(2);
        refuseUnmask(who, 2, tellOf(2), abi.encodeWithSelector(ILedgerTypes.NotSubmitted.selector, 2, who));
    }

    function test_A_Task_Is_Stopped_While_Seeds_Are_Told() public {
        collect(3, 2);
        unmask(0);
        ledger.stop();
        eq(phase(), Phase.ABORTED);
        refuseUnmask(participant(1), 1, tellOf(1), unexpectedPhase(Phase.ABORTED, Phase.UNMASKING));
    }

    function test_A_Pause_Takes_No_Time_From_Unmasking() public {
        collect(3, 2);
        ledger.pause(1000);
        vm.warp(unmaskUntil());
        unmaskFirst(2);
        eq(phase(), Phase.AGGREGATING);
    }

    // Keys

    function test_The_Key_Of_The_Update_Tells_And_Its_Successor_Does_Not() public {
        collect(3, 2);
        address successor = _change(participant(0));
        refuseUnmask(successor, 1, tellOf(0), about(ILedgerTypes.NotSubmitted.selector, successor));
        unmask(0);
        unmask(1);
        eq(phase(), Phase.AGGREGATING);
    }

    function test_Who_Was_Removed_Still_Tells() public {
        collect(3, 2);
        registry.revoke(one(participant(0)));
        ledger.remove(participant(0));
        unmaskFirst(2);
        eq(ledger.unmasking(), 1, 2, vm.getBlockTimestamp());
    }

    function test_A_Key_That_Was_Changed_While_Collecting_Masks_Nothing() public {
        shareFirst(3);
        address successor = _change(participant(0));
        refuseMask(participant(0), 1, ZERO, ZERO, 0, refusal(ILedgerTypes.NotAdmitted.selector, participant(0)));
        refuseMask(successor, 1, ZERO, ZERO, 0, about(ILedgerTypes.AlreadySubmitted.selector, successor));
        mask(1, 0);
        mask(2, 0);
        vm.warp(revealUntil() + 1);
        refuseUnmask(successor, 1, tellOf(0), about(ILedgerTypes.NotSubmitted.selector, successor));
        refuseUnmask(participant(0), 1, tellOf(0), about(ILedgerTypes.NotSubmitted.selector, participant(0)));
    }

    function _change(address who) private returns (address successor) {
        successor = vm.addr(KEY);
        registry.rotate(who, successor, accept(KEY, who, successor, address(registry), block.chainid));
        ledger.succeed(who);
    }

    function _expectOutOfRange(ILedgerTypes.TaskParameters memory p) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILedgerTypes.ParameterOutOfRange.selector, bytes32("unmaskSeconds"), uint256(p.unmaskSeconds)
            )
        );
        new RoundLedger(p, committee());
    }
}
