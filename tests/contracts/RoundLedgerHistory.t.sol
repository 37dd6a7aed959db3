// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

contract RoundLedgerHistoryTest is LedgerTest {
    function setUp() public override {
        super.setUp();
        vm.recordLogs();
        ledger = create(parameters());
    }

    function test_The_History_Of_A_Whole_Task_Follows_From_Its_Logs() public {
        submit(0);
        vm.deal(AGGREGATOR, 1);
        vm.prank(AGGREGATOR);
        ledger.depositBond{value: 1}();
        ledger.pause(1);
        registry.revoke(one(participant(7)));
        ledger.remove(participant(7));
        vm.warp(collectUntil() + 1);
        ledger.abort(1);
        finishRound();
        submitFirst(MIN_UPDATES);
        ledger.stop();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(ledger.historyHash(), replay(logs, address(ledger), historyStart(address(ledger))));
        _expectEveryEventOnce(logs);
    }

    function test_The_History_Of_A_Finished_Task_Follows_From_Its_Logs() public {
        enter(Phase.FINALIZED);
        eq(ledger.historyHash(), replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger))));
    }

    function test_A_Missing_Record_Shows() public {
        finishRound();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 left = 0; left < logs.length; ++left) {
            if (logs[left].emitter != address(ledger)) continue;
            address emitter = logs[left].emitter;
            logs[left].emitter = address(0);
            ok(ledger.historyHash() != replay(logs, address(ledger), historyStart(address(ledger))), "it shows");
            logs[left].emitter = emitter;
        }
    }

    function test_Records_In_Another_Order_Show() public {
        submit(0);
        submit(1);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 last = logs.length - 1;
        (logs[last], logs[last - 1]) = (logs[last - 1], logs[last]);
        ok(ledger.historyHash() != replay(logs, address(ledger), historyStart(address(ledger))), "it shows");
    }

    function test_An_Altered_Record_Shows(uint256 which, uint256 bit) public {
        finishRound();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory log = logs[which % logs.length];
        vm.assume(log.emitter == address(ledger));
        bit = bit % (log.data.length * 8);
        log.data[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        ok(ledger.historyHash() != replay(logs, address(ledger), historyStart(address(ledger))), "it shows");
    }

    function test_The_Same_Task_At_Another_Address_Has_Another_History() public {
        ILedger twin = create(parameters());
        ok(twin.historyHash() != ledger.historyHash(), "the address is part of the history");
    }

    function _expectEveryEventOnce(Vm.Log[] memory logs) private view {
        bytes32[12] memory events = [
            ILedgerTypes.TaskCreated.selector,
            ILedgerTypes.AggregatorAppointed.selector,
            ILedgerTypes.BondDeposited.selector,
            ILedgerTypes.TaskPaused.selector,
            ILedgerTypes.ParticipantAdmitted.selector,
            ILedgerTypes.ParticipantRemoved.selector,
            ILedgerTypes.RoundOpened.selector,
            ILedgerTypes.UpdateSubmitted.selector,
            ILedgerTypes.ModelProposed.selector,
            ILedgerTypes.RoundFinalized.selector,
            ILedgerTypes.RoundAborted.selector,
            ILedgerTypes.TaskStopped.selector
        ];
        for (uint256 i = 0; i < events.length; ++i) {
            bool isSeen = false;
            for (uint256 j = 0; j < logs.length; ++j) {
                isSeen = isSeen || (logs[j].emitter == address(ledger) && logs[j].topics[0] == events[i]);
            }
            ok(isSeen, "every event takes part");
        }
    }
}
