// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

contract RoundLedgerCreationTest is LedgerTest {
    function test_The_Deployer_Is_The_Coordinator() public view {
        eq(ledger.coordinator(), address(this));
    }

    function test_Parameters_Are_Kept_As_Given(
        bytes32[4] calldata digests,
        uint32[9] calldata numbers,
        uint96 bond,
        uint32 shift
    ) public {
        ILedgerTypes.TaskParameters memory p = parameters();
        (p.headerChunks, p.numValues, p.bond, p.fractionShift) = (numbers[7], numbers[8], bond, shift % 31);
        p.isOpen = bond % 2 == 1;
        (p.manifestDigest, p.manifestCidDigest) = (digests[0], digests[1]);
        (p.genesisDigest, p.genesisCidDigest) = (digests[2], digests[3]);
        (p.numRounds, p.minUpdates, p.targetUpdates) = (numbers[0], numbers[1], numbers[2]);
        (p.maxWeight, p.collectSeconds) = (numbers[3], numbers[4]);
        (p.aggregateSeconds, p.challengeSeconds) = (numbers[5], numbers[6]);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assume(digests[i] != 0);
        }
        for (uint256 i = 0; i < 9; ++i) {
            vm.assume(numbers[i] != 0 || i == 6);
        }
        if (p.minUpdates > p.targetUpdates) (p.minUpdates, p.targetUpdates) = (p.targetUpdates, p.minUpdates);
        eq(new RoundLedger(p, committee()).parameters(), p);
    }

    function test_The_Smallest_Task_Is_Valid() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        (p.numRounds, p.minUpdates, p.targetUpdates, p.maxWeight) = (1, 1, 1, 1);
        (p.collectSeconds, p.aggregateSeconds, p.challengeSeconds) = (1, 1, 0);
        eq(new RoundLedger(p, committee()).parameters(), p);
    }

    function test_Round_Zero_Is_The_Genesis_Model() public view {
        eq(ledger.modelDigestOf(0), parameters().genesisDigest);
        eq(ledger.phaseOf(0), Phase.FINALIZED);
    }

    function test_Round_One_Opens_With_The_Task_And_Starts_From_Genesis() public view {
        ILedgerTypes.CurrentRound memory current = ledger.currentRound();
        eq(current.round, 1);
        eq(current.baseRound, 0);
        eq(current.numUpdates, 0);
        eq(current.numFinalized, 0);
        eq(current.openedAt, START);
        eq(current.closedAt, 0);
        eq(current.pausedUntil, 0);
        ok(!current.isStopped, "not stopped");
        eq(ledger.phaseOf(1), Phase.COLLECTING);
        eq(ledger.phaseOf(2), Phase.NONE);
        eq(ledger.modelDigestOf(1), bytes32(0));
    }

    function test_A_Ledger_Refuses_Calls_That_It_Does_Not_Know_And_Money_Without_One(bytes calldata rest, uint96 value)
        public
    {
        vm.deal(ANYBODY, value);
        vm.prank(ANYBODY);
        (bool isDone, bytes memory reason) = address(ledger).call{value: value}("");
        ok(!isDone, "money without a call");
        eq(reason, abi.encodeWithSelector(ILedgerTypes.UnexpectedDeposit.selector, uint256(value), uint96(0)));
        vm.prank(ANYBODY);
        (isDone, reason) = address(ledger).call{value: value}(bytes.concat(bytes4(keccak256("unknown()")), rest));
        ok(!isDone, "no such function");
        eq(reason, bytes(""));
        eq(ANYBODY.balance, value);
    }

    function test_Creation_Emits_The_Task_And_The_First_Round() public {
        vm.recordLogs();
        ILedger created = ILedger(address(new RoundLedger(parameters(), committee())));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 3);
        eq(logs[0].topics[0], ILedgerTypes.TaskCreated.selector);
        eq(logs[0].topics[1], bytes32(uint256(uint160(address(this)))));
        eq(logs[0].data, abi.encode(parameters(), START));
        eq(logs[1].topics[0], ILedgerTypes.AggregatorAppointed.selector);
        eq(logs[1].topics[1], bytes32(uint256(uint160(AGGREGATOR))));
        eq(logs[1].data, abi.encode(uint32(1), START));
        eq(logs[2].topics[0], ILedgerTypes.RoundOpened.selector);
        eq(logs[2].topics[1], bytes32(uint256(1)));
        eq(logs[2].data, abi.encode(uint32(0), START, START));
        eq(created.historyHash(), replay(logs, address(created), historyStart(address(created))));
    }

    function test_A_Count_Or_Window_Of_Zero_Is_Refused() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.numRounds = 0;
        _expectOutOfRange(p, "numRounds", 0);
        p = parameters();
        p.minUpdates = 0;
        _expectOutOfRange(p, "minUpdates", 0);
        p = parameters();
        p.maxWeight = 0;
        _expectOutOfRange(p, "maxWeight", 0);
        p = parameters();
        p.collectSeconds = 0;
        _expectOutOfRange(p, "collectSeconds", 0);
        p = parameters();
        p.aggregateSeconds = 0;
        _expectOutOfRange(p, "aggregateSeconds", 0);
        p = parameters();
        p.headerChunks = 0;
        _expectOutOfRange(p, "headerChunks", 0);
        p = parameters();
        p.numValues = 0;
        _expectOutOfRange(p, "numValues", 0);
    }

    function test_A_Target_Below_The_Minimum_Is_Refused(uint32 minUpdates, uint32 targetUpdates) public {
        vm.assume(targetUpdates < minUpdates);
        ILedgerTypes.TaskParameters memory p = parameters();
        (p.minUpdates, p.targetUpdates) = (minUpdates, targetUpdates);
        _expectOutOfRange(p, "targetUpdates", targetUpdates);
    }

    function test_A_Registry_Without_Code_Is_Refused() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.registry = ANYBODY;
        _expectOutOfRange(p, "registry", uint160(ANYBODY));
        p.registry = address(0);
        _expectOutOfRange(p, "registry", 0);
    }

    function test_A_Shift_Beyond_Every_Encoding_Is_Refused(uint32 shift) public {
        vm.assume(shift > 30 && shift != type(uint32).max);
        ILedgerTypes.TaskParameters memory p = parameters();
        p.fractionShift = shift;
        _expectOutOfRange(p, "fractionShift", shift);
    }

    function test_A_Committee_Of_Nobody_Or_Of_Too_Many_Is_Refused() public {
        _expectNoCommittee(new address[](0), 0);
        address[] memory crowd = new address[](65);
        for (uint256 i = 0; i < crowd.length; ++i) {
            crowd[i] = address(uint160(i + 1));
        }
        _expectNoCommittee(crowd, 65);
    }

    function test_No_Aggregator_Is_Appointed_Twice_Or_Is_Nobody() public {
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (AGGREGATOR, AGGREGATOR);
        _expectNoCommittee(twice, uint160(AGGREGATOR));
        _expectNoCommittee(one(address(0)), 0);
    }

    function test_A_Quorum_Is_More_Than_Half_And_More_Than_One_And_No_More_Than_All(uint8 size, uint32 quorum) public {
        size = size % 64 + 1;
        address[] memory members = new address[](size);
        for (uint256 i = 0; i < size; ++i) {
            members[i] = address(uint160(i + 1));
        }
        ILedgerTypes.TaskParameters memory p = parameters();
        quorum = quorum % (uint32(size) + 3);
        p.quorum = quorum;
        if (quorum != 0 && (quorum < 2 || quorum > size || 2 * quorum <= size)) {
            vm.expectRevert(
                abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("quorum"), quorum)
            );
        }
        new RoundLedger(p, members);
    }

    function _expectNoCommittee(address[] memory members, uint256 value) private {
        ILedgerTypes.TaskParameters memory p = parameters();
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("aggregators"), value)
        );
        new RoundLedger(p, members);
    }

    function test_A_Missing_Digest_Is_Refused() public {
        for (uint256 i = 0; i < 4; ++i) {
            ILedgerTypes.TaskParameters memory p = parameters();
            if (i == 0) p.manifestDigest = 0;
            if (i == 1) p.manifestCidDigest = 0;
            if (i == 2) p.genesisDigest = 0;
            if (i == 3) p.genesisCidDigest = 0;
            vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector));
            new RoundLedger(p, committee());
        }
    }

    function _expectOutOfRange(ILedgerTypes.TaskParameters memory p, bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, name, value));
        new RoundLedger(p, committee());
    }
}
