// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice A task whose rounds earn a reward, and reports that say who earned what.
contract RoundLedgerRewardsTest is DisputeTest {
    uint96 private constant REWARD = 1000;
    uint256 private constant ROW = 32;
    address private constant SPONSOR = address(0x5A05);

    function setUp() public override {
        super.setUp();
        ledger = createDisputable(rewarding());
        vm.deal(SPONSOR, 10 ether);
    }

    function rewarding() private view returns (ILedgerTypes.TaskParameters memory p) {
        p = disputable();
        p.reward = REWARD;
        p.numRounds = 2;
    }

    function test_A_Part_Is_Paid_Once_And_Can_Be_Claimed(uint256 count) public {
        count = 1 + count % CROWD;
        fund(REWARD);
        finish(count, share(count));
        eq(ledger.pot(), 0);
        payAll(count);
        for (uint256 i = 0; i < count; ++i) {
            eq(ledger.payoutOf(participant(i)), REWARD / count);
        }
        eq(ledger.payrollOf(1).left, 0);
        eq(ledger.pot(), REWARD - REWARD / count * count);
        uint256 before = participant(0).balance;
        vm.prank(participant(0));
        ledger.claimPayout();
        eq(participant(0).balance - before, REWARD / count);
    }

    function test_No_Round_Costs_More_Than_Its_Reward(uint96 first, uint96 second) public {
        fund(REWARD);
        fund(REWARD);
        bytes memory rows = bytes.concat(row(participant(0), first), row(participant(1), second));
        finish(2, rows);
        uint256 total = uint256(first) + second;
        if (total <= REWARD) {
            pay(1, 2, 0);
            eq(ledger.pot(), 2 * uint256(REWARD) - total);
        } else {
            refuse(
                payment(1, 2, 0), abi.encodeWithSelector(ILedgerTypes.RewardExceeded.selector, total, uint256(REWARD))
            );
            eq(ledger.pot(), REWARD);
        }
        eq(ledger.payrollOf(1).left, total <= REWARD ? 0 : REWARD);
    }

    function test_A_Round_That_The_Pot_Cannot_Pay_Earns_Nothing(uint96 less) public {
        vm.assume(less > 0 && less < REWARD);
        fund(less);
        finish(3, share(3));
        eq(ledger.pot(), less);
        eq(ledger.payrollOf(1).content, bytes32(0));
        refuse(payment(1, 3, 0), abi.encodeWithSelector(ILedgerTypes.UnknownPayroll.selector, 1));
    }

    function test_Only_The_Report_That_Became_Final_Is_Paid(bytes32 other, uint32 count) public {
        fund(REWARD);
        finish(3, share(3));
        bytes memory unknown = abi.encodeWithSelector(ILedgerTypes.UnknownPayroll.selector, 1);
        Opening memory opening = open(report, 2);
        vm.assume(other != digest(report) && count != 3);
        refuse(abi.encodeCall(IDisputes.payRewards, (1, other, 3, 0, opening)), unknown);
        refuse(abi.encodeCall(IDisputes.payRewards, (1, digest(report), count, 0, opening)), unknown);
        pay(1, 3, 0);
    }

    function test_Nothing_But_The_Rewards_Of_The_Part_Is_Paid(uint256 chunk) public {
        fund(REWARD);
        finish(40, share(40));
        chunk %= 4; // header, statuses, and the two parts
        Opening memory opening = open(report, chunk);
        for (uint32 part = 0; part < 2; ++part) {
            if (chunk == 2 + part) continue;
            bytes memory call = abi.encodeCall(IDisputes.payRewards, (1, digest(report), 40, part, opening));
            refuse(
                call,
                abi.encodeWithSelector(ILedgerTypes.WrongOpening.selector, digest(report), uint256(2 + part), uint256(4))
            );
        }
    }

    function test_There_Is_No_Part_Beyond_The_Last_Update(uint32 part) public {
        fund(REWARD);
        finish(40, share(40));
        vm.assume(part > 1);
        Opening memory opening = open(report, 3);
        refuse(
            abi.encodeCall(IDisputes.payRewards, (1, digest(report), 40, part, opening)),
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("part"), uint256(part))
        );
    }

    function test_There_Is_No_Part_After_One_That_Is_Full() public {
        fund(REWARD);
        finish(32, share(32));
        eq(unpaid(), 1);
        Opening memory opening = open(report, 2);
        refuse(
            abi.encodeCall(IDisputes.payRewards, (1, digest(report), 32, 1, opening)),
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("part"), uint256(1))
        );
    }

    function test_Each_Round_Has_Its_Own_Parts() public {
        fund(REWARD);
        fund(REWARD);
        finish(2, bytes.concat(row(participant(0), 1), row(participant(1), REWARD - 1)));
        bytes memory first = payment(1, 2, 0);
        finish(2, share(2));
        pay(2, 2, 0);
        eq(ledger.payoutOf(participant(0)), REWARD / 2);
        (bool isDone,) = address(ledger).call(first);
        ok(isDone, "round 1 is paid after round 2");
        eq(ledger.payoutOf(participant(0)), REWARD / 2 + 1);
        eq(ledger.payoutOf(participant(1)), REWARD / 2 + REWARD - 1);
    }

    function test_A_Payment_Is_On_Record_With_Everybody_It_Paid() public {
        fund(REWARD);
        finish(3, share(3));
        uint256[32] memory rows;
        for (uint256 i = 0; i < 3; ++i) {
            rows[i] = uint256(uint160(participant(i))) << 96 | REWARD / 3;
        }
        uint40 timestamp = uint40(vm.getBlockTimestamp());
        bytes32 before = ledger.historyHash();
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RewardsPaid(1, 0, rows, timestamp);
        pay(1, 3, 0);
        recorded(before, abi.encode(ILedgerTypes.RewardsPaid.selector, uint32(1), uint32(0), rows, timestamp));
    }

    function test_What_Comes_Into_A_Pot_Is_On_Record() public {
        uint40 timestamp = uint40(vm.getBlockTimestamp());
        bytes32 before = ledger.historyHash();
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.PotFunded(SPONSOR, 7, timestamp);
        fund(7);
        recorded(before, abi.encode(ILedgerTypes.PotFunded.selector, SPONSOR, uint256(7), timestamp));
    }

    function test_A_Pot_Holds_What_Ninety_Six_Bits_Can_Say_And_No_More() public {
        vm.deal(SPONSOR, 2 ** 97);
        fund(1);
        vm.prank(SPONSOR);
        (bool isDone, bytes memory reason) = address(ledger).call{value: type(uint96).max}(
            abi.encodeCall(IRoundLedger.fundPot, ())
        );
        ok(!isDone, "one wei too much");
        eq(reason, abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("pot"), uint256(2 ** 96)));
        fund(type(uint96).max - 1);
        eq(ledger.pot(), type(uint96).max);
    }

    function test_Without_A_Reward_No_Round_Has_A_Payroll() public {
        ledger = createDisputable(disputable());
        finish(2, "");
        eq(ledger.payrollOf(1).content, bytes32(0));
    }

    function test_What_Is_Left_Goes_Back_Once_The_Task_Is_Over() public {
        fund(REWARD);
        fund(5);
        bytes memory call = abi.encodeCall(IRoundLedger.reclaimPot, ());
        refuse(address(this), call, unexpectedPhase(Phase.COLLECTING, Phase.FINALIZED));
        ledger.stop();
        refuse(SPONSOR, call, refusal(ILedgerTypes.NotCoordinator.selector, SPONSOR, address(this)));
        uint40 timestamp = uint40(vm.getBlockTimestamp());
        bytes32 before = ledger.historyHash();
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.PotReclaimed(address(this), REWARD + 5, timestamp);
        ledger.reclaimPot();
        recorded(
            before, abi.encode(ILedgerTypes.PotReclaimed.selector, address(this), uint256(REWARD) + 5, timestamp)
        );
        eq(ledger.pot(), 0);
        eq(ledger.payoutOf(address(this)), uint256(REWARD) + 5);
        refuse(address(this), call, refusal(ILedgerTypes.NothingToPay.selector, address(this)));
    }

    function test_What_A_Round_Did_Not_Pay_Goes_Back_Even_After_The_End() public {
        fund(REWARD);
        finish(40, new bytes(40 * ROW));
        ledger.stop();
        pay(1, 40, 1);
        eq(ledger.pot(), 0);
        pay(1, 40, 0);
        ledger.reclaimPot();
        eq(ledger.payoutOf(address(this)), REWARD);
    }

    function test_A_Pot_Is_Funded_Only_Where_It_Can_Be_Paid_Out() public {
        bytes memory call = abi.encodeCall(IRoundLedger.fundPot, ());
        bytes memory none = abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("pot"), uint256(0));
        refuse(call, none);
        ledger.stop();
        refuse(call, abi.encodeWithSelector(ILedgerTypes.NoRewards.selector));
        ledger = createDisputable(disputable());
        refuse(call, abi.encodeWithSelector(ILedgerTypes.NoRewards.selector));
    }

    function test_Nobody_Alone_Says_Who_Earned_What() public {
        ILedgerTypes.TaskParameters memory p = rewarding();
        p.quorum = 0;
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("reward"), uint256(REWARD))
        );
        new RoundLedger(p, committee());
    }

    function test_Statuses_Of_A_Report_With_Rewards_Are_Found_And_Missed() public {
        fund(REWARD);
        submitBlobs(3);
        vm.warp(collectUntil() + 1);
        model = derive(3);
        report = bytes.concat(pad(reportOf(3)), share(3));
        report[HEADER + 1] = 0x0e;
        propose();
        Opening memory opening = open(report, 1);
        refuse(
            abi.encodeCall(IDisputes.proveOmission, (1, 0, opening)),
            abi.encodeWithSelector(ILedgerTypes.NoOmission.selector, 0)
        );
        ledger.proveOmission(1, 1, opening);
        eq(phase(), Phase.AGGREGATING);
    }

    /// Pays every part of round 1, and none of them twice.
    function payAll(uint256 count) private {
        uint256 parts = (count + 31) / 32;
        for (uint32 part = 0; part < parts; ++part) {
            eq(unpaid(), parts - part);
            pay(1, count, part);
            refuse(payment(1, count, part), abi.encodeWithSelector(ILedgerTypes.AlreadyPaid.selector, 1, part));
        }
        eq(unpaid(), 0);
    }

    /// Checks that the history has gone on by one record.
    function recorded(bytes32 before, bytes memory record) private view {
        eq(ledger.historyHash(), keccak256(abi.encode(before, keccak256(record))));
    }

    function unpaid() private view returns (uint256) {
        return ledger.payrollOf(1).numUnpaid;
    }

    function fund(uint256 amount) private {
        vm.prank(SPONSOR);
        ledger.fundPot{value: amount}();
    }

    /// Brings the current round to its end, with a report that ends with these rows.
    function finish(uint256 count, bytes memory rows) private {
        submitBlobs(count);
        vm.warp(collectUntil() + 1);
        model = base;
        report = bytes.concat(pad(reportOf(count)), rows);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        finalize();
    }

    function share(uint256 count) private pure returns (bytes memory rows) {
        for (uint256 i = 0; i < count; ++i) {
            rows = bytes.concat(rows, row(participant(i), uint96(REWARD / count)));
        }
    }

    function row(address account, uint96 amount) private pure returns (bytes memory) {
        return abi.encodePacked(account, amount);
    }

    function pad(bytes memory content) private pure returns (bytes memory) {
        return bytes.concat(content, new bytes((1024 - content.length % 1024) % 1024));
    }

    function payment(uint32 number, uint256 count, uint32 part) private view returns (bytes memory) {
        uint256 chunk = 1 + (count + 1023) / 1024 + part;
        Opening memory opening = open(report, chunk);
        return abi.encodeCall(IDisputes.payRewards, (number, digest(report), uint32(count), part, opening));
    }

    function pay(uint32 number, uint256 count, uint32 part) private {
        (bool isDone, bytes memory reason) = address(ledger).call(payment(number, count, part));
        eq(isDone ? bytes("") : reason, bytes(""));
    }
}
