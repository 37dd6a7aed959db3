// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice What grows with rounds or participants would show here, whatever it costs. What each
/// action costs in a transaction of its own is in contracts/gas-snapshot.json.
contract RoundLedgerGasTest is LedgerTest {
    uint32 private constant MANY = 1000;

    function test_No_Action_Costs_More_After_A_Thousand_Rounds() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.numRounds = MANY + 10;
        ledger = create(p);
        finishRound();
        uint256[3] memory early = this.measureRound();
        for (uint256 i = 0; i < MANY; ++i) {
            finishRound();
        }
        uint256[3] memory late = this.measureRound();
        for (uint256 i = 0; i < 3; ++i) {
            eq(late[i], early[i]);
        }
    }

    function test_No_Submission_Costs_More_After_A_Thousand_Updates() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.targetUpdates = MANY + 3; // the last one closes collection as well
        ledger = create(p);
        address[] memory crowd = new address[](MANY + 2);
        for (uint256 i = 0; i < crowd.length; ++i) {
            crowd[i] = address(uint160(0xC0000 + i));
        }
        registry.enrol(crowd);
        ledger.admit(crowd);
        uint256 second = 0;
        for (uint256 i = 0; i < crowd.length; ++i) {
            uint256 used = this.measureSubmission(crowd[i]);
            if (i == 1) second = used;
            if (i > 1) eq(used, second);
        }
    }

    // External, so that each measurement starts with fresh memory of its own.

    function measureSubmission(address sender) external returns (uint256) {
        vm.prank(sender);
        uint256 before = gasleft();
        ledger.submitUpdate(1, MODEL, MODEL_CID, 1);
        return before - gasleft();
    }

    function measureRound() external returns (uint256[3] memory used) {
        uint32 number = round();
        submitFirst(TARGET_UPDATES - 1);
        vm.prank(participant(7));
        uint256 before = gasleft();
        ledger.submitUpdate(number, MODEL, MODEL_CID, 7);
        used[0] = before - gasleft();
        vm.prank(AGGREGATOR);
        before = gasleft();
        ledger.propose(number, MODEL, MODEL_CID, REPORT, REPORT_CID);
        used[1] = before - gasleft();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        before = gasleft();
        ledger.finalize(number);
        used[2] = before - gasleft();
    }
}
