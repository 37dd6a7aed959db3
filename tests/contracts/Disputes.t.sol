// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IMasks} from "../../contracts/interfaces/IMasks.sol";
import {ISampling} from "../../contracts/interfaces/ISampling.sol";
import {Disputes} from "../../contracts/ledger/Disputes.sol";
import {StoredParameters} from "../../contracts/ledger/StoredParameters.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question} from "../../contracts/libraries/Questions.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Says, on a ledger's storage, what the code for disputes finds there.
contract TermsReader is StoredParameters {
    function common() external view returns (uint256[8] memory) {
        return [
            uint256(_numRounds()),
            _minUpdates(),
            _collectSeconds(),
            _aggregateSeconds(),
            _commitSeconds(),
            _sampleRate(),
            _numAggregators(),
            _bond()
        ];
    }

    function masks() external view returns (uint256[5] memory) {
        return [
            uint256(_maxWeight()),
            _privacyCost(),
            _privacyBudget(),
            _isLimited() ? 1 : 0,
            _unmaskSeconds()
        ];
    }

    function own() external view returns (Terms memory) {
        return _terms;
    }
}

/// @notice The code for disputes by itself, and what it finds in the storage of a ledger.
contract DisputesTest is CommitteeTest {
    function test_The_Code_For_Disputes_Is_The_Same_Wherever_It_Stands(address who) public {
        vm.prank(who);
        eq(address(new Disputes()).codehash, address(disputes).codehash);
    }

    function test_Every_Move_Is_Refused_Outside_A_Ledger(uint32 round, uint32 more, uint256 wei_) public {
        Opening memory shown;
        ILedgerTypes.UpdateRecord memory update;
        ILedgerTypes.ListRecord memory list;
        uint256[32] memory parts;
        bytes[15] memory calls = [
            abi.encodeCall(IDisputes.challenge, (round, Question.STATUS, more)),
            abi.encodeCall(IDisputes.answerHeader, (round, shown, shown)),
            abi.encodeCall(IDisputes.answerStatus, (round, shown)),
            abi.encodeCall(IDisputes.answerValue, (round, shown, shown, parts)),
            abi.encodeCall(IDisputes.selectPart, (round, more, parts)),
            abi.encodeCall(IDisputes.splitPart, (round, parts)),
            abi.encodeCall(IDisputes.decideUpdate, (round, update, shown, shown)),
            abi.encodeCall(IDisputes.decideListedUpdate, (round, list, shown, shown, shown)),
            abi.encodeCall(IDisputes.concludeDispute, (round)),
            abi.encodeCall(IDisputes.payRewards, (round, 0, 0, more, shown)),
            abi.encodeCall(IDisputes.proveOmission, (round, more, shown)),
            abi.encodeCall(ISampling.commitSeeds, (bytes32(uint256(1)))),
            abi.encodeCall(ISampling.revealSeed, (round, bytes32(uint256(1)))),
            abi.encodeCall(IMasks.submitMasked, (round, bytes32(uint256(1)), bytes32(uint256(1)), more, 1)),
            abi.encodeCall(IMasks.unmask, (round, bytes32(uint256(1))))
        ];
        vm.deal(ANYBODY, type(uint256).max);
        for (uint256 i = 0; i < calls.length; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                vm.prank(ANYBODY);
                (bool isDone,) = address(disputes).call{value: [0, BOND, wei_][j]}(calls[i]);
                ok(!isDone, "nothing is in dispute there");
            }
        }
        (bool isPaid,) = address(disputes).call{value: 0}("");
        ok(!isPaid, "nor is there anything else to call");
        eq(address(disputes).balance, 0);
        // The slot of the history: nothing was recorded.
        eq(vm.load(address(disputes), bytes32(uint256(1))), bytes32(0));
    }

    function test_The_Code_For_Disputes_Finds_The_Parameters_Of_The_Ledger(
        uint32[12] calldata numbers,
        uint96 bond,
        uint8 size,
        bool hasReward,
        bool hasSampling
    ) public {
        ILedgerTypes.TaskParameters memory p = parameters();
        for (uint256 i = 0; i < 9; ++i) {
            vm.assume(numbers[i] != 0);
        }
        (p.numRounds, p.minUpdates, p.targetUpdates) = (numbers[0], numbers[1], type(uint32).max);
        (p.collectSeconds, p.aggregateSeconds, p.maxWeight) = (numbers[2], numbers[3], numbers[4]);
        (p.headerChunks, p.numValues, p.fractionShift) = (numbers[5], numbers[6], numbers[11] % 31);
        (p.commitSeconds, p.challengeSeconds) = (numbers[9], numbers[10]);
        if (hasSampling) (p.sampleRate, p.seedSeconds) = (numbers[7], numbers[8]);
        address[] memory members = new address[](size % 64 + 1);
        for (uint256 i = 0; i < members.length; ++i) {
            members[i] = address(uint160(i + 1));
        }
        hasReward = hasReward && members.length > 1;
        (p.bond, p.quorum, p.reward) = (bond, hasReward ? uint32(members.length) : 0, hasReward ? bond : 0);
        p.disputes = address(new TermsReader());
        TermsReader found = TermsReader(payable(address(new RoundLedger(p, members))));
        uint256[8] memory expected = [
            uint256(p.numRounds),
            p.minUpdates,
            p.collectSeconds,
            p.aggregateSeconds,
            p.commitSeconds,
            p.sampleRate,
            members.length,
            p.bond
        ];
        eq(abi.encode(found.common()), abi.encode(expected));
        TermsReader.Terms memory own = found.own();
        eq(own.seedSeconds, p.seedSeconds);
        ok(own.hasReward == (p.reward != 0), "whether there is a reward");
        eq(own.challengeSeconds, p.challengeSeconds);
        eq(own.maxWeight, p.maxWeight);
        eq(own.headerChunks, p.headerChunks);
        eq(own.numValues, p.numValues);
        eq(own.fractionShift, p.fractionShift);
    }

    function test_Masked_Updates_Find_The_Parameters_Of_The_Ledger(
        uint32[3] calldata numbers,
        uint64 privacyCost,
        uint64 privacyBudget,
        bool hasMasks
    ) public {
        ILedgerTypes.TaskParameters memory p = parameters();
        vm.assume(numbers[0] != 0 && numbers[1] != 0);
        p.maxWeight = numbers[0];
        if (privacyCost != 0 && privacyBudget >= privacyCost) {
            (p.privacyCost, p.privacyBudget) = (privacyCost, privacyBudget);
        }
        if (hasMasks) {
            (p.commitSeconds, p.sampleRate, p.seedSeconds) = (1, numbers[1], 1);
            (p.fractionShift, p.unmaskSeconds) = (type(uint32).max, numbers[2]);
        }
        p.disputes = address(new TermsReader());
        TermsReader found = TermsReader(payable(address(new RoundLedger(p, committee()))));
        uint256 isLimited = hasMasks || p.privacyCost != 0 ? 1 : 0;
        uint256[5] memory expected =
            [uint256(p.maxWeight), p.privacyCost, p.privacyBudget, isLimited, p.unmaskSeconds];
        eq(abi.encode(found.masks()), abi.encode(expected));
    }

    function test_Tasks_Share_The_Code_For_Disputes_And_Nothing_Else() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.bond = BOND;
        ledger = create(p);
        (p.bond, p.challengeSeconds) = (3 * BOND, 2 * CHALLENGE);
        ILedger other = create(p);
        _challenge(ledger, BOND, CHALLENGE);
        eq(other.dispute().round, 0);
        _challenge(other, 3 * BOND, 2 * CHALLENGE);
        eq(address(disputes).balance, 0);
    }

    function _challenge(ILedger task, uint96 bond, uint32 window) private {
        vm.warp(START);
        vm.deal(aggregator(0), bond);
        vm.prank(aggregator(0));
        task.depositBond{value: bond}();
        for (uint256 i = 0; i < TARGET_UPDATES; ++i) {
            vm.prank(participant(i));
            task.submitUpdate(1, digestOf(i), cidOf(i), 7);
        }
        vm.prank(aggregator(0));
        task.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
        vm.deal(ANYBODY, bond);
        vm.prank(ANYBODY);
        task.challenge{value: bond}(1, Question.STATUS, 0);
        eq(task.dispute().until, START + window);
        eq(task.phaseOf(1), Phase.CHALLENGED);
    }

    function test_Code_For_Disputes_That_Is_Not_There_Is_Refused() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        for (uint160 i = 0; i < 2; ++i) {
            p.disputes = address(i * 0xBEEF);
            vm.expectRevert(
                abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("disputes"), p.disputes)
            );
            new RoundLedger(p, committee());
        }
    }
}
