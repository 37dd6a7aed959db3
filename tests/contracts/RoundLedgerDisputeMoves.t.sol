// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Parts} from "../../contracts/libraries/Parts.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Each move of a dispute about a value: what is recorded, and what is refused with what reason.
contract RoundLedgerDisputeMovesTest is DisputeTest {
    uint32 private constant POSITION = 600; // in chunk 3 of the model, in chunk 2 of an update
    uint32 private constant TARGET = 67;

    function setUp() public override {
        super.setUp();
        begin("moves", 70, POSITION);
    }

    function test_Every_Move_Is_Recorded() public {
        ask(Question.VALUE, POSITION);
        (uint256[32] memory parts, uint256[32] memory finer) = (allClaims(POSITION), claims(66, 3, POSITION));
        int32 before = int32(readInt(base, HEADER + 4 * POSITION, 4));
        int32 next = int32(readInt(model, HEADER + 4 * POSITION, 4));
        vm.warp(now_() + 1);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ValueAnswered(1, before, next, parts, now_());
        answerValue(POSITION);
        eq(ledger.dispute().partsHash, keccak256(abi.encode(parts)));
        vm.warp(now_() + 1);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.PartSelected(1, 22, now_());
        selectPart(TARGET);
        ILedgerTypes.Dispute memory d = ledger.dispute();
        (uint256 weight, int256 sum) = claimOf(66, 3, POSITION);
        ok(d.first == 66 && d.count == 3 && d.weight == weight && d.sum == sum, "what the part is");
        vm.warp(now_() + 1);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.PartSplit(1, finer, now_());
        splitPart();
        eq(ledger.dispute().until, now_() + CHALLENGE);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.PartSelected(1, 1, now_());
        selectPart(TARGET);
        ok(stage() == Stage.SINGLE, "one is left");
    }

    function test_An_Answer_Is_The_Proposers_And_In_Its_Own_Models() public {
        ask(Question.VALUE, POSITION);
        uint256[32] memory parts = allClaims(POSITION);
        bytes memory call = _answer(open(base, 3), open(model, 3), parts);
        refuse(call, refusal(ILedgerTypes.NotProposer.selector, ANYBODY, proposer()));
        refuse(aggregator(1), call, refusal(ILedgerTypes.NotProposer.selector, aggregator(1), proposer()));
        _refuseAnswer(open(model, 3), open(model, 3), parts, wrongOpening(base, 3, 4));
        _refuseAnswer(open(base, 3), open(base, 3), parts, wrongOpening(model, 3, 4));
        _refuseAnswer(open(base, 2), open(model, 3), parts, wrongOpening(base, 3, 4));
        _refuseAnswer(open(base, 3), open(model, 2), parts, wrongOpening(model, 3, 4));
        Opening memory flawed = open(model, 3);
        flawed.chunk[0] ^= 0x80;
        _refuseAnswer(open(base, 3), flawed, parts, wrongOpening(model, 3, 4));
        flawed = open(model, 3);
        flawed.proof[0] ^= bytes32(uint256(1));
        _refuseAnswer(open(base, 3), flawed, parts, wrongOpening(model, 3, 4));
        lateness(1);
        refuse(proposer(), call, moveOver(now_() - 1));
        vm.warp(now_() - 1);
        answerValue(POSITION);
        refuse(proposer(), call, unexpectedMove(Question.VALUE, Stage.SPLIT));
    }

    function test_Claims_That_Lead_To_Another_Value_Are_Refused() public {
        ask(Question.VALUE, POSITION);
        (uint256 weight, int256 sum) = claimOf(0, 70, POSITION);
        uint256[32] memory parts;
        _refuseAnswer(open(base, 3), open(model, 3), parts, wrongAnswer());
        parts[7] = word(0, sum);
        _refuseAnswer(open(base, 3), open(model, 3), parts, wrongAnswer());
        parts[7] = word(weight, sum + int256(weight)); // half a step of the model or more
        _refuseAnswer(open(base, 3), open(model, 3), parts, wrongAnswer());
        parts[7] = word(weight, sum);
        parts[24] = word(1, 0); // there are 24 parts
        _refuseAnswer(
            open(base, 3), open(model, 3), parts, abi.encodeWithSelector(ILedgerTypes.PartsOutOfRange.selector, 24)
        );
        parts[24] = 0;
        answerValue(POSITION, parts);
    }

    function test_Only_The_Challenger_Selects_And_Only_What_Was_Claimed() public {
        ask(Question.VALUE, POSITION);
        uint256[32] memory parts = allClaims(POSITION);
        bytes memory call = abi.encodeCall(IDisputes.selectPart, (1, 23, parts));
        refuse(CHALLENGER, call, unexpectedMove(Question.VALUE, Stage.ASKED));
        answerValue(POSITION);
        refuse(call, refusal(ILedgerTypes.NotChallenger.selector, ANYBODY, CHALLENGER));
        refuse(proposer(), call, refusal(ILedgerTypes.NotChallenger.selector, proposer(), CHALLENGER));
        refuse(
            CHALLENGER,
            abi.encodeCall(IDisputes.selectPart, (1, 24, parts)),
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("part"), 24)
        );
        parts[3] ^= 1;
        refuse(CHALLENGER, abi.encodeCall(IDisputes.selectPart, (1, 3, parts)), wrongAnswer());
        refuse(
            CHALLENGER,
            abi.encodeCall(IDisputes.selectPart, (2, 3, parts)),
            refusal(ILedgerTypes.UnexpectedRound.selector, 2, 1)
        );
        lateness(1);
        refuse(CHALLENGER, call, moveOver(now_() - 1));
        lateness(0);
        selectPart(69); // the last part has one update, and no more is to be split
        ok(stage() == Stage.SINGLE && ledger.dispute().first == 69, "the last one");
    }

    function test_Parts_Of_A_Part_Are_The_Proposers_And_Add_Up() public {
        ask(Question.VALUE, POSITION);
        answerValue(POSITION);
        uint256[32] memory parts = claims(66, 3, POSITION);
        bytes memory call = abi.encodeCall(IDisputes.splitPart, (1, parts));
        refuse(proposer(), call, unexpectedMove(Question.VALUE, Stage.SPLIT));
        selectPart(TARGET);
        refuse(CHALLENGER, call, refusal(ILedgerTypes.NotProposer.selector, CHALLENGER, proposer()));
        parts[0] += 1;
        _refuseSplit(parts, wrongAnswer());
        parts[0] += (1 << 192) - 1;
        _refuseSplit(parts, wrongAnswer());
        parts[0] -= 1 << 192;
        parts[3] = 1;
        _refuseSplit(parts, abi.encodeWithSelector(ILedgerTypes.PartsOutOfRange.selector, 3));
        lateness(1);
        refuse(proposer(), call, moveOver(now_() - 1));
        lateness(0);
        splitPart();
    }

    function test_What_Decides_Is_On_Record() public {
        descend(POSITION, TARGET);
        ILedgerTypes.UpdateRecord memory record = recordOf(TARGET);
        record.weight += 1;
        _refuseRecord(record);
        record = recordOf(TARGET);
        record.participant = participant(TARGET - 1);
        _refuseRecord(record);
        record = recordOf(TARGET);
        record.digest = digest("other");
        _refuseRecord(record);
        record = recordOf(TARGET);
        record.cidDigest ^= bytes32(uint256(1));
        _refuseRecord(record);
        record = recordOf(TARGET);
        record.timestamp += 1;
        _refuseRecord(record);
        _refuseRecord(recordOf(TARGET - 1));
        record = recordOf(TARGET);
        record.participant = ANYBODY;
        _refuseRecord(record);
    }

    function test_What_Decides_Is_In_Report_And_Update() public {
        uint32 target = TARGET;
        while (statusOf(target) != 0) --target;
        descend(POSITION, target);
        bytes memory blob = updateBlob(target);
        bytes memory status = report;
        _refuseDecision(target, open(blob, 0), open(blob, 2), wrongOpening(status, 1, 2));
        _refuseDecision(target, open(status, 0), open(blob, 2), wrongOpening(status, 1, 2));
        _refuseDecision(target, open(status, 1), open(blob, 1), wrongOpening(blob, 2, 3));
        _refuseDecision(target, open(status, 1), open(updateBlob(target - 1), 2), wrongOpening(blob, 2, 3));
        lateness(1);
        _refuseDecision(target, open(status, 1), open(blob, 2), moveOver(now_() - 1));
        lateness(0);
        decideUpdate(target);
    }

    function test_Of_An_Excluded_Update_No_Lane_Is_Needed() public {
        uint32 target = TARGET;
        while (statusOf(target) == 0) --target;
        descend(POSITION, target);
        Opening memory nothing;
        ledger.decideUpdate(1, recordOf(target), statusOpening(target), nothing);
        checkFailed();
    }

    function test_An_Update_Of_Odd_Content_That_Is_Excluded_Decides_Nothing_Against_The_Proposer() public {
        // The digest of an excluded update may be of anything; statuses alone say so.
        vm.warp(START);
        createDisputable(disputable());
        uint32 target = 0;
        while (statusOf(target) == 0) ++target;
        bytes32 odd = sha256("no tree");
        for (uint256 i = 0; i < 40; ++i) {
            bytes32 digest_ = i == target ? odd : digest(updateBlob(i));
            vm.prank(participant(i));
            ledger.submitUpdate(1, digest_, cidOf(i), weightOf(i));
        }
        vm.warp(collectUntil() + 1);
        report = reportOf(40);
        model = base;
        setValue(POSITION);
        propose();
        descend(POSITION, target);
        ILedgerTypes.UpdateRecord memory record = recordOf(target);
        record.digest = odd;
        Opening memory nothing;
        ledger.decideUpdate(1, record, statusOpening(target), nothing);
        checkFailed();
    }

    function test_Every_Move_Answers_Its_Own_Question_In_Its_Own_Time() public {
        bytes[7] memory moves = _moves();
        for (uint256 i = 0; i < 7; ++i) {
            refuse(proposer(), moves[i], unexpectedPhase(Phase.PROPOSED, Phase.CHALLENGED));
        }
        ask(Question.STATUS, 1);
        _refuseAllBut(moves, 1, Stage.ASKED, Question.STATUS);
        answerStatus(1);
        ask(Question.HEADER, 0);
        _refuseAllBut(moves, 0, Stage.ASKED, Question.HEADER);
        answerHeader();
        ask(Question.VALUE, POSITION);
        _refuseAllBut(moves, 2, Stage.ASKED, Question.VALUE);
        answerValue(POSITION);
        _refuseAllBut(moves, 3, Stage.SPLIT, Question.VALUE);
        selectPart(TARGET);
        _refuseAllBut(moves, 4, Stage.SELECTED, Question.VALUE);
        splitPart();
        selectPart(TARGET);
        _refuseAllBut(moves, 5, Stage.SINGLE, Question.VALUE);
    }

    /// The moves in the order of the interface; the last one concludes.
    function _moves() private view returns (bytes[7] memory) {
        uint256[32] memory parts = allClaims(POSITION);
        return [
            abi.encodeCall(IDisputes.answerHeader, (1, open(base, 0), open(model, 0))),
            abi.encodeCall(IDisputes.answerStatus, (1, statusOpening(1))),
            _answer(open(base, 3), open(model, 3), parts),
            abi.encodeCall(IDisputes.selectPart, (1, 22, parts)),
            abi.encodeCall(IDisputes.splitPart, (1, parts)),
            abi.encodeCall(
                IDisputes.decideUpdate,
                (1, recordOf(TARGET), statusOpening(TARGET), open(updateBlob(TARGET), 2))
            ),
            abi.encodeCall(IDisputes.concludeDispute, (1))
        ];
    }

    function _refuseAllBut(bytes[7] memory moves, uint256 allowed, Stage stage_, Question question) private {
        for (uint256 i = 0; i < 6; ++i) {
            if (i == allowed) continue;
            refuse(proposer(), moves[i], unexpectedMove(question, stage_));
        }
        uint40 until = ledger.dispute().until;
        refuse(moves[6], abi.encodeWithSelector(ILedgerTypes.MoveNotOver.selector, until));
    }

    function _answer(Opening memory before, Opening memory next, uint256[32] memory parts)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(IDisputes.answerValue, (1, before, next, parts));
    }

    function _refuseAnswer(Opening memory before, Opening memory next, uint256[32] memory parts, bytes memory reason)
        private
    {
        refuse(proposer(), _answer(before, next, parts), reason);
    }

    function _refuseSplit(uint256[32] memory parts, bytes memory reason) private {
        refuse(proposer(), abi.encodeCall(IDisputes.splitPart, (1, parts)), reason);
    }

    function _refuseRecord(ILedgerTypes.UpdateRecord memory record) private {
        bytes memory call = abi.encodeCall(
            IDisputes.decideUpdate, (1, record, statusOpening(TARGET), open(updateBlob(TARGET), 2))
        );
        refuse(call, abi.encodeWithSelector(ILedgerTypes.UnknownRecord.selector, record.participant, TARGET));
    }

    function _refuseDecision(uint32 target, Opening memory status, Opening memory lane, bytes memory reason) private {
        refuse(abi.encodeCall(IDisputes.decideUpdate, (1, recordOf(target), status, lane)), reason);
    }
}
