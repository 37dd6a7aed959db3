// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

contract RoundLedgerSubmitTest is LedgerTest {
    function test_A_Participant_Records_Its_Update(bytes32 digest, bytes32 cid, uint32 weight, uint8 later) public {
        vm.assume(digest != 0 && cid != 0);
        weight = weight % MAX_WEIGHT + 1;
        vm.warp(START + later % (COLLECT + 1));
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.UpdateSubmitted(1, participant(0), 0, digest, cid, weight, uint40(vm.getBlockTimestamp()));
        vm.prank(participant(0));
        ledger.submitUpdate(1, digest, cid, weight);
        eq(ledger.currentRound().numUpdates, 1);
        eq(ledger.participantOf(participant(0)).lastRound, 1);
    }

    function test_Updates_Are_Numbered_In_Order() public {
        for (uint32 i = 0; i < TARGET_UPDATES; ++i) {
            vm.expectEmit(address(ledger));
            emit ILedgerTypes.UpdateSubmitted(1, participant(i), i, digestOf(i), cidOf(i), 7, START);
            submit(i);
            eq(ledger.participantOf(participant(i)).lastSequence, i);
        }
    }

    function test_A_Participant_Can_Submit_Until_The_Last_Second() public {
        vm.warp(collectUntil() - 1);
        submit(0);
        vm.warp(collectUntil());
        submit(1);
        eq(ledger.currentRound().numUpdates, 2);
    }

    function test_Nobody_Can_Submit_After_The_Deadline(uint32 late) public {
        submit(0);
        vm.warp(collectUntil() + 1 + late);
        _expectRefusal(unexpectedPhase(Phase.EXPIRED, Phase.COLLECTING), participant(1), 1, digestOf(1), cidOf(1), 1);
    }

    function test_Nobody_Can_Submit_After_The_Target() public {
        submitFirst(TARGET_UPDATES);
        _expectRefusal(
            unexpectedPhase(Phase.AGGREGATING, Phase.COLLECTING), participant(7), 1, digestOf(7), cidOf(7), 1
        );
    }

    function test_Nobody_Submits_Twice_In_A_Round() public {
        submit(0);
        vm.warp(START + 1);
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, participant(0)),
            participant(0),
            1,
            digestOf(9),
            cidOf(9),
            1
        );
    }

    function test_A_Participant_Submits_In_Every_Round() public {
        finishRound();
        submit(0);
        eq(ledger.participantOf(participant(0)).lastRound, 2);
    }

    function test_A_Participant_May_Miss_A_Round() public {
        submitFirst(MIN_UPDATES);
        vm.warp(collectUntil() + 1);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        finalize();
        submit(7);
        eq(ledger.participantOf(participant(7)).lastRound, 2);
    }

    function test_A_Participant_May_Submit_Again_After_An_Aborted_Round() public {
        submit(0);
        vm.warp(collectUntil() + 1);
        ledger.abort(1);
        submit(0);
        eq(ledger.participantOf(participant(0)).lastRound, 2);
    }

    function test_Nobody_Submits_Without_Admission(address sender) public {
        vm.assume(!ledger.participantOf(sender).isAdmitted);
        _expectRefusal(refusal(ILedgerTypes.NotAdmitted.selector, sender), sender, 1, digestOf(0), cidOf(0), 1);
    }

    function test_Neither_Coordinator_Nor_Aggregator_Submits_For_Others() public {
        _expectRefusal(
            refusal(ILedgerTypes.NotAdmitted.selector, address(this)), address(this), 1, digestOf(0), cidOf(0), 1
        );
        _expectRefusal(refusal(ILedgerTypes.NotAdmitted.selector, AGGREGATOR), AGGREGATOR, 1, digestOf(0), cidOf(0), 1);
    }

    function test_No_Round_But_The_Current_One_Takes_Updates(uint32 other) public {
        finishRound();
        vm.assume(other != 2);
        _expectRefusal(
            refusal(ILedgerTypes.UnexpectedRound.selector, other, 2), participant(0), other, digestOf(0), cidOf(0), 1
        );
    }

    function test_Weights_Are_One_To_The_Largest() public {
        vm.prank(participant(0));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 1);
        vm.prank(participant(1));
        ledger.submitUpdate(1, digestOf(1), cidOf(1), MAX_WEIGHT);
        eq(ledger.currentRound().numUpdates, 2);
    }

    function test_Weight_Zero_Is_Refused() public {
        _expectRefusal(_weightError(0), participant(0), 1, digestOf(0), cidOf(0), 0);
    }

    function test_A_Weight_Above_The_Largest_Is_Refused(uint32 weight) public {
        vm.assume(weight > MAX_WEIGHT);
        _expectRefusal(_weightError(weight), participant(0), 1, digestOf(0), cidOf(0), weight);
        _expectRefusal(_weightError(MAX_WEIGHT + 1), participant(0), 1, digestOf(0), cidOf(0), MAX_WEIGHT + 1);
    }

    function test_A_Missing_Digest_Is_Refused() public {
        bytes memory expected = abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector);
        _expectRefusal(expected, participant(0), 1, 0, cidOf(0), 1);
        _expectRefusal(expected, participant(0), 1, digestOf(0), 0, 1);
    }

    /// A copied update is on record under the copier's address; its blob names another participant.
    function test_A_Copied_Digest_Is_Recorded_Under_The_Copier() public {
        submit(0);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.UpdateSubmitted(1, participant(1), 1, digestOf(0), cidOf(0), 7, START);
        vm.prank(participant(1));
        ledger.submitUpdate(1, digestOf(0), cidOf(0), 7);
    }

    function test_The_Phase_Is_Checked_Before_The_Sender() public {
        vm.warp(collectUntil() + 1);
        _expectRefusal(unexpectedPhase(Phase.EXPIRED, Phase.COLLECTING), ANYBODY, 1, 0, 0, 0);
    }

    function _weightError(uint32 weight) private pure returns (bytes memory) {
        return refusal(ILedgerTypes.WeightOutOfRange.selector, weight, MAX_WEIGHT);
    }

    /// Also checks that a refused update leaves no trace.
    function _expectRefusal(
        bytes memory expected,
        address sender,
        uint32 number,
        bytes32 digest,
        bytes32 cid,
        uint32 weight
    ) private {
        bytes32 history = ledger.historyHash();
        uint32 numUpdates = ledger.currentRound().numUpdates;
        vm.expectRevert(expected);
        vm.prank(sender);
        ledger.submitUpdate(number, digest, cid, weight);
        eq(ledger.historyHash(), history);
        eq(ledger.currentRound().numUpdates, numUpdates);
    }
}
