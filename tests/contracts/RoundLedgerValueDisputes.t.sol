// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Whole disputes about a value, with any content: who is right wins, whatever the other does.
contract RoundLedgerValueDisputesTest is DisputeTest {
    function test_An_Honest_Proposer_Wins_Whatever_Is_Selected(bytes32 seed_, uint256 count, uint32 position, uint32 target)
        public
    {
        (count, position) = (1 + count % CROWD, position % VALUES);
        target = uint32(target % count);
        begin(seed_, count, position);
        descend(position, target);
        expectFailed(Fault.FALSE_CHALLENGE);
        decideUpdate(target);
        checkFailed();
        checkMoney(BOND / 2);
    }

    function test_A_Single_Update_Is_Decided_Like_Any_Other() public {
        begin("alone", 1, 699);
        descend(699, 0);
        expectFailed(Fault.FALSE_CHALLENGE);
        decideUpdate(0);
        checkFailed();
    }

    function test_Every_Update_Of_Two_Levels_Can_Be_Singled_Out() public {
        begin("all of them", 70, 5);
        for (uint32 target = 0; target < 70; ++target) {
            _playAndForget(5, target);
        }
    }

    function test_Every_Kind_Of_Value_Is_Defended() public {
        begin("all kinds", 5, 0);
        // At the ends of the chunks, of the type, and of the model.
        uint32[9] memory positions = [uint32(0), 1, 127, 255, 256, 511, 512, 513, VALUES - 1];
        for (uint256 i = 0; i < positions.length; ++i) {
            for (uint32 target = 0; target < 5; ++target) {
                _playAndForget(positions[i], target);
            }
        }
    }

    function test_The_Base_Model_Is_That_Of_The_Last_Final_Round() public {
        begin("first", 3, 9);
        vm.warp(now_() + CHALLENGE);
        finalize();
        base = model;
        begin("second", 40, 9);
        eq(proposer(), aggregator(1));
        vm.warp(now_() + 1);
        descend(9, 39);
        expectFailed(Fault.FALSE_CHALLENGE);
        decideUpdate(39);
        eq(ledger.payoutOf(aggregator(1)), BOND / 2);
    }

    // A proposer that lies about one update, with a model that follows from what it claims.

    function test_A_Proposer_That_Lies_About_Any_Update_Loses(
        bytes32 seed_,
        uint256 count,
        uint32 position,
        uint32 target,
        uint32 by
    ) public {
        (seed, count, position) = (seed_, 1 + count % CROWD, position % VALUES);
        target = uint32(target % count);
        _lieLoses(by % 6, count, position, target, 1 + int256(uint256(by)));
    }

    function test_Each_Kind_Of_Lie_About_Each_Update_Loses() public {
        seed = "liars";
        uint256 included = 0;
        for (uint256 i = 0; i < 5; ++i) {
            if (statusOf(i) == 0) ++included;
        }
        ok(included > 1 && included < 5, "some updates are included and some are not");
        uint256 told = 0;
        for (uint256 kind = 0; kind < 6; ++kind) {
            for (uint32 target = 0; target < 5; ++target) {
                bytes memory answer = _forget(abi.encodeCall(this.playLie, (kind, target)));
                if (abi.decode(answer, (bool))) ++told;
            }
        }
        ok(told >= 18, "most of them are lies");
    }

    /// The one lie that every split hides again: two wrong parts that cancel out. The value is right,
    /// and whoever claims so of it may still lose.
    function test_A_Wrong_Part_Loses_Even_If_The_Value_Is_Right() public {
        seed = "they cancel out"; // the report includes updates 1 and 2
        begin(seed, 4, 600);
        ask(Question.VALUE, 600);
        uint256[32] memory parts = allClaims(600);
        (parts[1], parts[2]) = (parts[1] + 7, parts[2] - 7);
        answerValue(600, parts);
        vm.prank(CHALLENGER);
        ledger.selectPart(1, 1, parts);
        expectRejected(Fault.WRONG_MODEL);
        decideUpdate(1);
        checkRejected();
    }

    function test_A_Proposer_Cannot_Take_A_Wrong_Claim_Back() public {
        seed = "regret";
        tell(40, 1, 1_000_000);
        begin(seed, 70, 1);
        ask(Question.VALUE, 1);
        answerValue(1);
        selectPart(40);
        lie.isTold = false;
        (uint256[32] memory parts, address sender) = (claims(39, 3, 1), proposer());
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.WrongAnswer.selector));
        vm.prank(sender);
        ledger.splitPart(1, parts);
    }

    /// A dispute that is undone when it is over, so that the next one finds the round as it was.
    function _playAndForget(uint32 position, uint32 target) private {
        _forget(abi.encodeCall(this.play, (position, target)));
    }

    function play(uint32 position, uint32 target) external {
        descend(position, target);
        decideUpdate(target);
        ok(phase() == Phase.PROPOSED && ledger.payoutOf(proposer()) == BOND / 2, "the proposer wins");
    }

    function playLie(uint256 kind, uint32 target) external returns (bool) {
        vm.warp(START); // time is not undone
        return _lieLoses(kind, 5, 600, target, -1);
    }

    /// Returns what a call of this contract answered, and undoes all that it did.
    function _forget(bytes memory call) private returns (bytes memory answer) {
        try this.revertAfter(call) {} catch (bytes memory reason) {
            if (bytes32(reason) != "forgotten") _revert(reason);
            return slice(reason, 32, reason.length - 32);
        }
    }

    function revertAfter(bytes memory call) external {
        (bool isDone, bytes memory answer) = address(this).call(call);
        _revert(isDone ? bytes.concat(bytes32("forgotten"), answer) : answer);
    }

    function _revert(bytes memory reason) private pure {
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /// Returns false if what would be claimed is the truth.
    function _lieLoses(uint256 kind, uint256 count, uint32 position, uint32 target, int256 by) private returns (bool) {
        (uint256 weight, int256 sum) = truth(target, position);
        (uint256 w, int256 s) = (weight, sum);
        if (kind == 0) s += by; // a wrong sum
        else if (kind == 1) w += 1 + uint256(by * by); // a wrong weight
        else if (kind == 2) (w, s) = counted(target, (position + 1) % VALUES); // the lane next to it
        else if (kind == 3) (w, s) = counted((target + 1) % count, position); // the lane of another update
        else if (kind == 4) (w, s) = counted(target, position); // an excluded update counts
        else (w, s) = (0, int256(0)); // an included update does not
        if (w == weight && s == sum) return false;
        tell(target, w, s);
        (uint256 total,) = claimOf(0, count, position);
        if (total == 0) return false; // nobody takes a model for the mean of nothing
        begin(seed, count, position);
        descend(position, target);
        expectRejected(Fault.WRONG_MODEL);
        decideUpdate(target);
        checkRejected();
        checkMoney(BOND / 2);
        return true;
    }
}
