// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Who may challenge what, when, and at what price; and the questions that one answer settles.
contract RoundLedgerDisputesTest is DisputeTest {
    uint256 private constant COUNT = 5;

    function setUp() public override {
        super.setUp();
        begin("questions", COUNT, 600);
    }

    function test_A_Challenge_Costs_As_Much_As_A_Bond_And_Gives_A_Window_To_Answer() public {
        vm.warp(now_() + 3);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ProposalChallenged(1, CHALLENGER, Question.VALUE, 699, now_());
        ask(Question.VALUE, 699);
        ILedgerTypes.Dispute memory d;
        (d.round, d.challenger, d.until) = (1, CHALLENGER, now_() + CHALLENGE);
        (d.question, d.stage, d.position) = (Question.VALUE, Stage.ASKED, 699);
        eq(abi.encode(ledger.dispute()), abi.encode(d));
        eq(phase(), Phase.CHALLENGED);
        eq(address(ledger).balance, 4 * uint256(BOND));
    }

    function test_Anybody_May_Challenge(address who) public {
        vm.assume(uint160(who) > 0xffff && who != address(vm) && who != address(ledger));
        challengeAs(who, Question.STATUS, 4);
        eq(ledger.dispute().challenger, who);
    }

    function test_Code_That_Decides_Disputes_Decides_Nothing_Outside_A_Ledger(uint32 number) public {
        address alone = address(disputes);
        vm.deal(CHALLENGER, BOND);
        bytes[3] memory calls = [
            abi.encodeCall(IDisputes.challenge, (number, Question.VALUE, 0)),
            abi.encodeCall(IDisputes.concludeDispute, (number)),
            abi.encodeCall(IDisputes.selectPart, (number, 0, none()))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(CHALLENGER);
            (bool isDone, bytes memory answer) = alone.call{value: i == 0 ? BOND : 0}(calls[i]);
            ok(!isDone, "nothing is in dispute there");
            bytes32 reason = number == 0
                ? bytes32(ILedgerTypes.UnexpectedPhase.selector)
                : bytes32(ILedgerTypes.UnexpectedRound.selector);
            eq(bytes32(bytes4(answer)), reason);
        }
        eq(alone.balance, 0);
    }

    function none() private pure returns (uint256[32] memory parts) {}

    function test_No_Other_Deposit_Is_Taken(uint96 wei_) public {
        vm.assume(wei_ != BOND);
        vm.deal(CHALLENGER, wei_);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedDeposit.selector, wei_, BOND));
        vm.prank(CHALLENGER);
        ledger.challenge{value: wei_}(1, Question.VALUE, 0);
        eq(address(ledger).balance, 3 * uint256(BOND));
    }

    function test_Nothing_Is_Asked_That_Does_Not_Exist(uint32 beyond) public {
        _expectNoPosition(Question.NONE, beyond);
        _expectNoPosition(Question.NONE, 0);
        _expectNoPosition(Question.HEADER, 1);
        _expectNoPosition(Question.VALUE, VALUES);
        _expectNoPosition(Question.STATUS, uint32(COUNT));
        vm.assume(beyond >= VALUES);
        _expectNoPosition(Question.HEADER, beyond);
        _expectNoPosition(Question.VALUE, beyond);
        _expectNoPosition(Question.STATUS, beyond);
    }

    function test_Another_Round_Is_Not_Challenged(uint32 number) public {
        vm.assume(number != 1);
        vm.deal(CHALLENGER, BOND);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, number, 1));
        vm.prank(CHALLENGER);
        ledger.challenge{value: BOND}(number, Question.VALUE, 0);
    }

    function test_One_Challenge_At_A_Time() public {
        ask(Question.VALUE, 0);
        vm.deal(ANYBODY, BOND);
        vm.expectRevert(unexpectedPhase(Phase.CHALLENGED, Phase.PROPOSED));
        vm.prank(ANYBODY);
        ledger.challenge{value: BOND}(1, Question.HEADER, 0);
    }

    function test_A_Model_Can_Be_Challenged_As_Long_As_It_Is_Not_Final() public {
        uint40 until = proposedAt() + CHALLENGE;
        for (uint40 time = until - 1; time <= until + 1; ++time) {
            vm.warp(time);
            ask(Question.HEADER, 0);
            vm.expectRevert(unexpectedPhase(Phase.CHALLENGED, Phase.PROPOSED));
            ledger.finalize(1);
            answerHeader();
            vm.expectRevert(refusal(ILedgerTypes.ChallengeWindowOpen.selector, 1, time + CHALLENGE));
            ledger.finalize(1);
        }
        vm.warp(until + 1 + CHALLENGE);
        finalize();
        vm.deal(CHALLENGER, BOND);
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, 1, 2));
        vm.prank(CHALLENGER);
        ledger.challenge{value: BOND}(1, Question.HEADER, 0);
    }

    function test_Without_Bond_Or_Window_There_Are_No_Disputes() public {
        ILedgerTypes.TaskParameters memory p = disputable();
        p.challengeSeconds = 0;
        _expectNoDisputes(p, BOND);
        _expectNoDisputes(p, 0);
        p = disputable();
        p.bond = 0;
        _expectNoDisputes(p, BOND);
        _expectNoDisputes(p, 0);
    }

    // Questions that one answer settles; anybody may give it.

    function test_A_Header_That_Is_The_Genesis_Models_Is_Shown_By_Anybody() public {
        ask(Question.HEADER, 0);
        vm.warp(now_() + CHALLENGE);
        expectFailed(Fault.FALSE_CHALLENGE);
        answerHeader();
        checkFailed();
        checkMoney(BOND / 2);
    }

    function test_A_Header_Of_Several_Chunks_Is_Shown_Chunk_By_Chunk() public {
        ILedgerTypes.TaskParameters memory p = disputable();
        p.headerChunks = 2; // what was a chunk of values before is one of the header now
        p.numValues = VALUES - 256;
        vm.warp(START);
        createDisputable(p);
        submitBlobs(1);
        vm.warp(collectUntil() + 1);
        propose();
        bytes memory genesis = base;
        for (uint32 i = 0; i < 2; ++i) {
            ask(Question.HEADER, i);
            refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(genesis, 1 - i), open(model, i))), wrongOpening(genesis, i, 4));
            if (i == 1) {
                refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(genesis, i), open(model, i))), wrongAnswer());
            } else {
                ledger.answerHeader(1, open(genesis, i), open(model, i));
            }
        }
    }

    function test_A_Header_Is_Shown_By_Both_Chunks_Or_Not_At_All() public {
        ask(Question.HEADER, 0);
        refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(model, 0), open(model, 0))), wrongOpening(base, 0, 4));
        refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(base, 0), open(base, 0))), wrongOpening(model, 0, 4));
        refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(base, 1), open(model, 0))), wrongOpening(base, 0, 4));
        refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(base, 0), open(model, 1))), wrongOpening(model, 0, 4));
        lateness(1);
        refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(base, 0), open(model, 0))), moveOver(now_() - 1));
    }

    function test_Another_Header_Cannot_Be_Defended(uint256 bit) public {
        bytes memory other = model;
        bit = bit % (8 * HEADER);
        other[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _proposeAnew(other, report);
        ask(Question.HEADER, 0);
        refuse(abi.encodeCall(IDisputes.answerHeader, (1, open(base, 0), open(model, 0))), wrongAnswer());
    }

    function test_A_Status_Is_Shown_By_Anybody() public {
        for (uint32 i = 0; i < COUNT; ++i) {
            ask(Question.STATUS, i);
            if (i + 1 == COUNT) {
                lateness(0);
                expectFailed(Fault.FALSE_CHALLENGE);
            }
            answerStatus(i);
        }
        eq(ledger.payoutOf(proposer()), COUNT * BOND / 2);
        checkWindow(now_() + CHALLENGE);
        checkMoney(COUNT * BOND / 2);
    }

    function test_A_Status_Is_One_That_A_Report_Can_Have(uint8 status) public {
        bytes memory other = report;
        other[HEADER + 2] = bytes1(status);
        _proposeAnew(model, other);
        ask(Question.STATUS, 2);
        if (status < 14) answerStatus(2);
        else refuse(abi.encodeCall(IDisputes.answerStatus, (1, statusOpening(2))), wrongAnswer());
    }

    function test_A_Status_Is_Shown_In_Its_Own_Report() public {
        ask(Question.STATUS, 3);
        bytes memory right = report;
        bytes memory other = report;
        other[HEADER] ^= 0x01;
        refuse(abi.encodeCall(IDisputes.answerStatus, (1, open(other, 1))), wrongOpening(right, 1, 2));
        refuse(abi.encodeCall(IDisputes.answerStatus, (1, open(right, 0))), wrongOpening(right, 1, 2));
        lateness(1);
        refuse(abi.encodeCall(IDisputes.answerStatus, (1, open(right, 1))), moveOver(now_() - 1));
    }

    // Content that is longer or shorter than it should be.

    function test_A_Model_With_Bytes_Behind_Its_End_Cannot_Be_Defended() public {
        bytes memory longer = bytes.concat(model, hex"00");
        _proposeAnew(longer, report);
        ask(Question.VALUE, VALUES - 1);
        bytes memory expected = wrongOpening(longer, 3, 4);
        _expectNoAnswer(expected);
    }

    function test_A_Model_That_Ends_Early_Cannot_Be_Defended() public {
        bytes memory shorter = slice(model, 0, model.length - 1);
        _proposeAnew(shorter, report);
        ask(Question.VALUE, VALUES - 1);
        _expectNoAnswer(wrongOpening(shorter, 3, 4));
    }

    function test_A_Model_With_Another_Number_Of_Chunks_Cannot_Be_Defended() public {
        bytes memory longer = bytes.concat(model, new bytes(1024));
        _proposeAnew(longer, report);
        ask(Question.VALUE, VALUES - 1);
        _expectNoAnswer(wrongOpening(longer, 3, 4));
    }

    function test_A_Report_With_Statuses_Of_No_Update_Cannot_Be_Defended() public {
        bytes memory longer = bytes.concat(report, hex"00");
        _proposeAnew(model, longer);
        ask(Question.STATUS, uint32(COUNT) - 1);
        bytes memory call = abi.encodeCall(IDisputes.answerStatus, (1, open(longer, 1)));
        refuse(call, wrongOpening(longer, 1, 2));
    }

    function _expectNoAnswer(bytes memory expected) private {
        bytes memory call =
            abi.encodeCall(IDisputes.answerValue, (1, open(base, 3), open(model, 3), allClaims(VALUES - 1)));
        refuse(proposer(), call, expected);
    }

    /// The same round with another proposal.
    function _proposeAnew(bytes memory model_, bytes memory report_) private {
        vm.warp(START);
        createDisputable(disputable());
        submitBlobs(COUNT);
        vm.warp(collectUntil() + 1);
        (model, report) = (model_, report_);
        propose();
    }

    function _expectNoPosition(Question question, uint32 position) private {
        vm.deal(CHALLENGER, BOND);
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("position"), uint256(position))
        );
        vm.prank(CHALLENGER);
        ledger.challenge{value: BOND}(1, question, position);
    }

    function _expectNoDisputes(ILedgerTypes.TaskParameters memory p, uint256 wei_) private {
        vm.warp(START);
        createDisputable(p);
        submitBlobs(1);
        vm.warp(collectUntil() + 1);
        propose();
        vm.deal(CHALLENGER, wei_);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NoDisputes.selector));
        vm.prank(CHALLENGER);
        ledger.challenge{value: wei_}(1, Question.VALUE, 0);
    }
}
