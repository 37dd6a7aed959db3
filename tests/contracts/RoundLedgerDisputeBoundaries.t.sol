// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question} from "../../contracts/libraries/Questions.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Claims that are wrong by the least there is, in both directions; found by
/// scripts/mutate_contracts.py.
contract RoundLedgerDisputeBoundariesTest is DisputeTest {
    uint32 private constant POSITION = 600;

    function test_The_First_Number_That_Is_No_Status_Answers_Nothing() public {
        submitBlobs(3);
        vm.warp(collectUntil() + 1);
        model = base;
        bytes memory other = reportOf(3);
        (other[HEADER + 1], other[HEADER + 2]) = (0x0d, 0x0e);
        report = other;
        propose();
        ask(Question.STATUS, 1);
        answerStatus(1);
        ask(Question.STATUS, 2);
        refuse(abi.encodeCall(IDisputes.answerStatus, (1, statusOpening(2))), wrongAnswer());
    }

    function test_No_Value_Can_Be_Challenged_That_The_Contract_Cannot_Derive() public {
        ILedgerTypes.TaskParameters memory p = disputable();
        p.fractionShift = type(uint32).max;
        createDisputable(p);
        begin("another rule", 3, POSITION);
        uint32[3] memory positions = [0, POSITION, VALUES];
        for (uint256 i = 0; i < 3; ++i) {
            vm.deal(CHALLENGER, BOND);
            vm.expectRevert(
                abi.encodeWithSelector(
                    ILedgerTypes.ParameterOutOfRange.selector, bytes32("position"), uint256(positions[i])
                )
            );
            vm.prank(CHALLENGER);
            ledger.challenge{value: BOND}(1, Question.VALUE, positions[i]);
        }
        ask(Question.HEADER, 0);
        answerHeader();
    }

    function test_Claims_That_Lead_To_A_Lower_Or_A_Higher_Value_Answer_Nothing() public {
        begin("values", 3, POSITION);
        ask(Question.VALUE, POSITION);
        (Opening memory before, Opening memory next) =
            (valueOpening(base, POSITION, 4), valueOpening(model, POSITION, 4));
        (uint256 total,) = claimOf(0, 3, POSITION);
        uint256[32] memory parts = allClaims(POSITION);
        (uint256 weight, int256 sum) = claimOf(0, 1, POSITION);
        for (int256 by = -1; by < 2; by += 2) {
            parts[0] = word(weight, sum + by * int256(total));
            refuse(proposer(), abi.encodeCall(IDisputes.answerValue, (1, before, next, parts)), wrongAnswer());
        }
        answerValue(POSITION);
    }

    function test_Parts_That_Add_Up_To_Less_Or_More_Of_Either_Kind_Split_Nothing() public {
        begin("parts", 40, POSITION);
        ask(Question.VALUE, POSITION);
        answerValue(POSITION);
        selectPart(0);
        uint256[32] memory parts = claims(0, 2, POSITION);
        (uint256 weight, int256 sum) = claimOf(0, 1, POSITION);
        uint256[4] memory wrong =
            [word(weight - 1, sum), word(weight + 1, sum), word(weight, sum - 1), word(weight, sum + 1)];
        for (uint256 i = 0; i < wrong.length; ++i) {
            parts[0] = wrong[i];
            refuse(proposer(), abi.encodeCall(IDisputes.splitPart, (1, parts)), wrongAnswer());
        }
        splitPart();
    }

    function test_A_Claim_About_One_Update_Loses_By_One_In_Either_Direction() public {
        for (uint256 kind = 0; kind < 4; ++kind) {
            vm.warp(START);
            createDisputable(disputable());
            seed = "claims";
            uint32 target = 0;
            while (statusOf(target) != 0 || weightOf(target) < 2) ++target;
            (uint256 weight, int256 sum) = truth(target, POSITION);
            if (kind == 0) tell(target, weight - 1, sum);
            if (kind == 1) tell(target, weight + 1, sum);
            if (kind == 2) tell(target, weight, sum - 1);
            if (kind == 3) tell(target, weight, sum + 1);
            begin("claims", 8, POSITION);
            ask(Question.VALUE, POSITION);
            answerValue(POSITION);
            selectPart(target);
            decideUpdate(target);
            eq(phase(), Phase.AGGREGATING);
            eq(ledger.aggregatorOf(aggregator(0)).barredIn, 1);
        }
    }

    function test_Nothing_Is_Omitted_Right_Behind_The_Last_Update() public {
        begin("updates", 3, POSITION);
        bytes memory call = abi.encodeCall(IDisputes.proveOmission, (1, 3, statusOpening(3)));
        bytes memory reason =
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("sequence"), uint256(3));
        refuse(call, reason);
    }
}
