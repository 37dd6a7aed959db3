// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question} from "../../contracts/libraries/Questions.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Reports that lack the status of an update on record, in one chunk of statuses or in two.
contract RoundLedgerOmissionsTest is DisputeTest {
    uint32 private constant MANY = 1025;

    function test_A_Report_That_Ends_Early_Is_An_Omission(uint256 count, uint256 kept) public {
        count = 2 + count % (CROWD - 1);
        kept = 1 + kept % (count - 1);
        _propose(count, slice(reportOf(count), 0, HEADER + kept));
        _expectNoOmission(0);
        _expectNoOmission(uint32(kept) - 1);
        _expectOmission(uint32(kept + (count - kept) / 2));
    }

    function test_What_Is_No_Status_Is_An_Omission(uint8 status) public {
        bytes memory other = reportOf(5);
        other[HEADER + 3] = bytes1(status);
        _propose(5, other);
        _expectNoOmission(2);
        if (status < 14) _expectNoOmission(3);
        else _expectOmission(3);
    }

    function test_The_First_And_The_Last_Number_That_Is_No_Status_Are_Omissions() public {
        for (uint256 status = 14; status < 256; status += 241) {
            bytes memory other = reportOf(1);
            other[HEADER] = bytes1(uint8(status));
            _propose(1, other);
            _expectOmission(0);
        }
    }

    function test_A_Right_Report_Has_No_Omission() public {
        _propose(CROWD, reportOf(CROWD));
        for (uint32 i = 0; i < CROWD; ++i) {
            _expectNoOmission(i);
        }
        ledger.finalize(1);
    }

    function test_Without_An_Update_On_Record_Nothing_Is_Omitted(uint32 sequence) public {
        vm.assume(sequence >= 5);
        _propose(5, reportOf(5));
        bytes memory call = abi.encodeCall(IDisputes.proveOmission, (1, sequence, open(report, 1)));
        bytes memory reason = abi.encodeWithSelector(
            ILedgerTypes.ParameterOutOfRange.selector, bytes32("sequence"), uint256(sequence)
        );
        refuse(call, reason);
    }

    function test_An_Omission_Is_Shown_In_The_Report_On_Record() public {
        _propose(5, reportOf(5));
        bytes memory right = report;
        bytes memory other = slice(right, 0, HEADER + 3);
        bytes memory reason = wrongOpening(right, 1, 2);
        refuse(abi.encodeCall(IDisputes.proveOmission, (1, 4, open(other, 1))), reason);
        refuse(abi.encodeCall(IDisputes.proveOmission, (1, 4, open(right, 0))), reason);
        reason = refusal(ILedgerTypes.UnexpectedRound.selector, 2, 1);
        refuse(abi.encodeCall(IDisputes.proveOmission, (2, 4, open(right, 1))), reason);
        ask(Question.STATUS, 0);
        reason = unexpectedPhase(Phase.CHALLENGED, Phase.PROPOSED);
        refuse(abi.encodeCall(IDisputes.proveOmission, (1, 4, open(right, 1))), reason);
    }

    function test_An_Omission_Can_Be_Shown_Without_Bonds() public {
        ILedgerTypes.TaskParameters memory p = disputable();
        p.bond = 0;
        createDisputable(p);
        _submitAndPropose(5, slice(reportOf(5), 0, HEADER + 3));
        ledger.proveOmission(1, 4, open(report, 1));
        eq(phase(), Phase.AGGREGATING);
    }

    function test_After_A_Challenge_That_Failed_An_Omission_Can_Still_Be_Shown() public {
        _propose(5, slice(reportOf(5), 0, HEADER + 3));
        ask(Question.HEADER, 0);
        answerHeader();
        vm.warp(now_() + CHALLENGE);
        ledger.proveOmission(1, 4, open(report, 1));
        eq(phase(), Phase.AGGREGATING);
        checkNoDispute();
        eq(ledger.payoutOf(CHALLENGER), 0);
    }

    // More updates than a chunk has statuses.

    function test_Statuses_At_The_Border_Of_Two_Chunks_Have_Their_Own() public {
        _proposeMany();
        for (uint32 i = 1022; i < MANY; ++i) {
            _expectNoOmission(i);
            bytes memory right = report;
            bytes memory call = abi.encodeCall(IDisputes.proveOmission, (1, i, open(right, i < 1024 ? 2 : 1)));
            refuse(call, wrongOpening(right, i < 1024 ? 1 : 2, 3));
            ask(Question.STATUS, i);
            answerStatus(i);
        }
    }

    function test_Updates_At_The_Border_Of_Two_Chunks_Are_Decided() public {
        _proposeMany();
        for (uint32 target = 1022; target < MANY; ++target) {
            descend(5, target);
            decideUpdate(target);
        }
        eq(ledger.payoutOf(proposer()), 3 * BOND / 2);
    }

    function test_A_Full_Last_Chunk_Has_A_Status_For_Every_Update() public {
        _admitMany();
        _submitAndPropose(1024, reportOf(1024));
        _expectNoOmission(1023);
        ask(Question.STATUS, 1023);
        answerStatus(1023);
    }

    function _proposeMany() private {
        _admitMany();
        _submitAndPropose(MANY, reportOf(MANY));
    }

    function _admitMany() private {
        address[] memory more = crowd(CROWD, MANY);
        registry.enrol(more);
        ledger.admit(more);
    }

    function _propose(uint256 count, bytes memory report_) private {
        vm.warp(START);
        createDisputable(disputable());
        _submitAndPropose(count, report_);
        vm.warp(now_() + CHALLENGE); // as late as can be
    }

    function _submitAndPropose(uint256 count, bytes memory report_) private {
        submitBlobs(count);
        vm.warp(collectUntil() + 1);
        report = report_;
        model = base;
        setValue(5);
        propose();
    }

    function _expectOmission(uint32 sequence) private {
        bytes memory call = abi.encodeCall(IDisputes.proveOmission, (1, sequence, statusOpening(sequence)));
        expectRejected(Fault.OMISSION);
        vm.prank(CHALLENGER);
        (bool isTaken,) = address(ledger).call(call);
        ok(isTaken, "it is an omission");
        eq(ledger.payoutOf(CHALLENGER), BOND / 2);
        eq(phase(), Phase.AGGREGATING);
        checkNoDispute();
    }

    function _expectNoOmission(uint32 sequence) private {
        bytes memory call = abi.encodeCall(IDisputes.proveOmission, (1, sequence, statusOpening(sequence)));
        refuse(call, abi.encodeWithSelector(ILedgerTypes.NoOmission.selector, sequence));
    }
}
