// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

contract RoundLedgerCreationTest is LedgerTest {
    function test_The_Deployer_Is_The_Coordinator() public view {
        eq(ledger.coordinator(), address(this));
    }

    function test_Parameters_Are_Kept_As_Given(
        address aggregator,
        bytes32[4] calldata digests,
        uint32[7] calldata numbers
    ) public {
        IRoundLedger.TaskParameters memory p = parameters();
        p.aggregator = aggregator;
        (p.manifestDigest, p.manifestCidDigest) = (digests[0], digests[1]);
        (p.genesisDigest, p.genesisCidDigest) = (digests[2], digests[3]);
        (p.numRounds, p.minUpdates, p.targetUpdates) = (numbers[0], numbers[1], numbers[2]);
        (p.maxWeight, p.collectSeconds) = (numbers[3], numbers[4]);
        (p.aggregateSeconds, p.challengeSeconds) = (numbers[5], numbers[6]);
        vm.assume(aggregator != address(0));
        for (uint256 i = 0; i < 4; ++i) {
            vm.assume(digests[i] != 0);
        }
        for (uint256 i = 0; i < 6; ++i) {
            vm.assume(numbers[i] != 0);
        }
        if (p.minUpdates > p.targetUpdates) (p.minUpdates, p.targetUpdates) = (p.targetUpdates, p.minUpdates);
        eq(new RoundLedger(p).parameters(), p);
    }

    function test_The_Smallest_Task_Is_Valid() public {
        IRoundLedger.TaskParameters memory p = parameters();
        (p.numRounds, p.minUpdates, p.targetUpdates, p.maxWeight) = (1, 1, 1, 1);
        (p.collectSeconds, p.aggregateSeconds, p.challengeSeconds) = (1, 1, 0);
        eq(new RoundLedger(p).parameters(), p);
    }

    function test_Round_Zero_Is_The_Genesis_Model() public view {
        eq(ledger.modelDigestOf(0), parameters().genesisDigest);
        eq(ledger.phaseOf(0), Phase.FINALIZED);
    }

    function test_Round_One_Opens_With_The_Task_And_Starts_From_Genesis() public view {
        IRoundLedger.CurrentRound memory current = ledger.currentRound();
        eq(current.round, 1);
        eq(current.baseRound, 0);
        eq(current.numUpdates, 0);
        eq(current.numFinalized, 0);
        eq(current.openedAt, START);
        eq(current.proposedAt, 0);
        ok(!current.isStopped, "not stopped");
        eq(ledger.phaseOf(1), Phase.COLLECTING);
        eq(ledger.phaseOf(2), Phase.NONE);
        eq(ledger.modelDigestOf(1), bytes32(0));
    }

    function test_Creation_Emits_The_Task_And_The_First_Round() public {
        vm.recordLogs();
        RoundLedger created = new RoundLedger(parameters());
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 2);
        eq(logs[0].topics[0], IRoundLedger.TaskCreated.selector);
        eq(logs[0].topics[1], bytes32(uint256(uint160(address(this)))));
        eq(logs[0].data, abi.encode(parameters(), START));
        eq(logs[1].topics[0], IRoundLedger.RoundOpened.selector);
        eq(logs[1].topics[1], bytes32(uint256(1)));
        eq(logs[1].data, abi.encode(uint32(0), START));
        eq(created.historyHash(), replay(logs, address(created), historyStart(address(created))));
    }

    function test_A_Count_Or_Window_Of_Zero_Is_Refused() public {
        IRoundLedger.TaskParameters memory p = parameters();
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
    }

    function test_A_Target_Below_The_Minimum_Is_Refused(uint32 minUpdates, uint32 targetUpdates) public {
        vm.assume(targetUpdates < minUpdates);
        IRoundLedger.TaskParameters memory p = parameters();
        (p.minUpdates, p.targetUpdates) = (minUpdates, targetUpdates);
        _expectOutOfRange(p, "targetUpdates", targetUpdates);
    }

    function test_A_Registry_Without_Code_Is_Refused() public {
        IRoundLedger.TaskParameters memory p = parameters();
        p.registry = ANYBODY;
        _expectOutOfRange(p, "registry", uint160(ANYBODY));
        p.registry = address(0);
        _expectOutOfRange(p, "registry", 0);
    }

    function test_A_Task_Without_Aggregator_Is_Refused() public {
        IRoundLedger.TaskParameters memory p = parameters();
        p.aggregator = address(0);
        _expectOutOfRange(p, "aggregator", 0);
    }

    function test_A_Missing_Digest_Is_Refused() public {
        for (uint256 i = 0; i < 4; ++i) {
            IRoundLedger.TaskParameters memory p = parameters();
            if (i == 0) p.manifestDigest = 0;
            if (i == 1) p.manifestCidDigest = 0;
            if (i == 2) p.genesisDigest = 0;
            if (i == 3) p.genesisCidDigest = 0;
            vm.expectRevert(abi.encodeWithSelector(IRoundLedger.ZeroDigest.selector));
            new RoundLedger(p);
        }
    }

    function _expectOutOfRange(IRoundLedger.TaskParameters memory p, bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(IRoundLedger.ParameterOutOfRange.selector, name, value));
        new RoundLedger(p);
    }
}
