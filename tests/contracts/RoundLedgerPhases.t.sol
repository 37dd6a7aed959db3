// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice The phases and the table of phases and actions, from the files that Python reads as well.
contract RoundLedgerPhasesTest is LedgerTest {
    string private constant PHASES = "./tests/vectors/round/phases.json";
    string private constant TRANSITIONS = "./tests/vectors/round/transitions.json";
    /// A member of the group whose update `enter` does not submit.
    uint256 private constant UNHEARD = 7;

    function test_Phase_Names_Have_The_Numbers_Of_The_Vectors() public view {
        string[] memory names = vm.parseJsonStringArray(vm.readFile(TRANSITIONS), ".phases");
        eq(names.length, uint256(type(Phase).max) + 1);
        eq(bytes(names[uint8(Phase.NONE)]), "NONE");
        eq(bytes(names[uint8(Phase.COLLECTING)]), "COLLECTING");
        eq(bytes(names[uint8(Phase.AGGREGATING)]), "AGGREGATING");
        eq(bytes(names[uint8(Phase.PROPOSED)]), "PROPOSED");
        eq(bytes(names[uint8(Phase.FINALIZED)]), "FINALIZED");
        eq(bytes(names[uint8(Phase.EXPIRED)]), "EXPIRED");
        eq(bytes(names[uint8(Phase.ABORTED)]), "ABORTED");
    }

    function test_Every_Action_In_Every_Phase_Is_Allowed_Or_Refused_As_The_Table_Says() public {
        string memory json = vm.readFile(TRANSITIONS);
        uint256 count = vm.parseJsonUint(json, ".count");
        eq(count, 6 * 5);
        for (uint256 i = 0; i < count; ++i) {
            _checkCell(json, string.concat(".cells[", vm.toString(i), "]"));
        }
    }

    function test_The_Phase_At_Every_Boundary_Second_Is_As_The_Table_Says() public {
        string memory json = vm.readFile(PHASES);
        uint256 count = vm.parseJsonUint(json, ".count");
        ok(count > 50, "the table is read");
        for (uint256 i = 0; i < count; ++i) {
            _checkPhase(json, string.concat(".cases[", vm.toString(i), "]"));
        }
    }

    function test_The_Current_Round_Takes_One_Slot() public {
        finishRound();
        submitFirst(TARGET_UPDATES);
        propose();
        IRoundLedger.CurrentRound memory current = ledger.currentRound();
        eq(
            vm.load(address(ledger), 0),
            _pack(current.round, current.baseRound, current.numUpdates, current.numFinalized, current.openedAt)
                | bytes32(uint256(current.proposedAt) << 168)
        );
        ledger.stop();
        eq(uint256(vm.load(address(ledger), 0)) >> 208, 1);
    }

    function test_Rounds_Without_A_Number_Are_In_No_Phase(uint32 number) public {
        finishRound();
        vm.assume(number > 2);
        eq(ledger.phaseOf(number), Phase.NONE);
        eq(ledger.modelDigestOf(number), bytes32(0));
    }

    // Liveness: an unfinished task can be moved on from every phase, whoever is silent.

    function test_Without_Participants_A_Round_Is_Aborted() public {
        vm.warp(collectUntil() + 1);
        _anybodyMovesOn(Phase.EXPIRED);
    }

    function test_Without_The_Aggregator_A_Round_Is_Aborted() public {
        submitFirst(TARGET_UPDATES);
        vm.warp(aggregateUntil() + 1);
        _anybodyMovesOn(Phase.EXPIRED);
    }

    function test_Without_The_Last_Participants_A_Round_Is_Aggregated() public {
        submitFirst(MIN_UPDATES);
        vm.warp(collectUntil() + 1);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        _anybodyMovesOn(Phase.PROPOSED);
    }

    function test_Without_The_Coordinator_A_Task_Runs_To_Its_End() public {
        enter(Phase.FINALIZED);
        eq(ledger.currentRound().numFinalized, NUM_ROUNDS);
    }

    function test_An_Unfinished_Task_Can_Always_Be_Moved_On(uint8 updates, uint32 later, bool isProposed) public {
        submitFirst(updates % (TARGET_UPDATES + 1));
        if (isProposed && updates % (TARGET_UPDATES + 1) == TARGET_UPDATES) propose();
        vm.warp(vm.getBlockTimestamp() + later);
        if (phase() == Phase.COLLECTING || phase() == Phase.AGGREGATING) vm.warp(aggregateUntil() + 1);
        if (phase() == Phase.PROPOSED) vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        _anybodyMovesOn(phase());
    }

    function _anybodyMovesOn(Phase from) private {
        eq(phase(), from);
        vm.prank(ANYBODY);
        if (from == Phase.EXPIRED) ledger.abort(1);
        else ledger.finalize(1);
        eq(round(), 2);
        eq(phase(), Phase.COLLECTING);
    }

    function _checkCell(string memory json, string memory path) private {
        Phase from = _phase(vm.parseJsonString(json, string.concat(path, ".phase")));
        bytes32 action = keccak256(bytes(vm.parseJsonString(json, string.concat(path, ".action"))));
        vm.warp(START);
        ledger = create(parameters());
        enter(from);
        uint32 number = round();
        bytes32 history = ledger.historyHash();
        (bool isAllowed, bytes memory answer) = _act(action, number);
        ok(isAllowed == vm.parseJsonBool(json, string.concat(path, ".allowed")), path);
        if (isAllowed) {
            string[] memory next = vm.parseJsonStringArray(json, string.concat(path, ".leads_to"));
            bool isMember = false;
            for (uint256 i = 0; i < next.length; ++i) {
                isMember = isMember || ledger.phaseOf(number) == _phase(next[i]);
            }
            ok(isMember, path);
            ok(ledger.historyHash() != history, "an action leaves a record");
        } else {
            string memory name = vm.parseJsonString(json, string.concat(path, ".error"));
            if (keccak256(bytes(name)) == keccak256("TaskOver")) {
                eq(answer, refusal(IRoundLedger.TaskOver.selector, number, uint8(from)));
            } else {
                eq(bytes(name), "UnexpectedPhase");
                Phase expected = _phase(vm.parseJsonString(json, string.concat(path, ".expected")));
                eq(answer, unexpectedPhase(from, expected));
            }
            eq(phase(), from);
            eq(ledger.historyHash(), history);
        }
    }

    function _act(bytes32 action, uint32 number) private returns (bool, bytes memory) {
        bytes memory call;
        address sender = ANYBODY;
        if (action == keccak256("submit")) {
            sender = participant(UNHEARD);
            call = abi.encodeCall(IRoundLedger.submitUpdate, (number, digestOf(UNHEARD), cidOf(UNHEARD), 1));
        } else if (action == keccak256("propose")) {
            sender = AGGREGATOR;
            call = abi.encodeCall(
                IRoundLedger.propose, (number, MODEL, MODEL_CID, REPORT, REPORT_CID, REPORT_BYTES)
            );
        } else if (action == keccak256("finalize")) {
            call = abi.encodeCall(IRoundLedger.finalize, (number));
        } else if (action == keccak256("abort")) {
            call = abi.encodeCall(IRoundLedger.abort, (number));
        } else {
            ok(action == keccak256("stop"), "the action is known");
            sender = address(this);
            call = abi.encodeCall(IRoundLedger.stop, ());
        }
        vm.prank(sender);
        return address(ledger).call(call);
    }

    function _checkPhase(string memory json, string memory path) private {
        IRoundLedger.TaskParameters memory p = parameters();
        string memory from = string.concat(path, ".parameters.");
        p.numRounds = _number(json, from, "num_rounds");
        p.minUpdates = _number(json, from, "min_updates");
        p.targetUpdates = _number(json, from, "target_updates");
        p.collectSeconds = _number(json, from, "collect_seconds");
        p.aggregateSeconds = _number(json, from, "aggregate_seconds");
        p.challengeSeconds = _number(json, from, "challenge_seconds");
        RoundLedger task = new RoundLedger(p);

        from = string.concat(path, ".current.");
        uint256 word = uint256(
            _pack(
                3,
                2,
                _number(json, from, "num_updates"),
                _number(json, from, "num_finalized"),
                uint40(vm.parseJsonUint(json, string.concat(from, "opened_at")))
            )
        );
        word |= vm.parseJsonUint(json, string.concat(from, "proposed_at")) << 168;
        if (vm.parseJsonBool(json, string.concat(from, "is_stopped"))) word |= 1 << 208;
        vm.store(address(task), 0, bytes32(word));
        vm.warp(vm.parseJsonUint(json, string.concat(path, ".now")));
        eq(bytes(_name(task.phaseOf(3))), bytes(vm.parseJsonString(json, string.concat(path, ".phase"))));
    }

    function _number(string memory json, string memory path, string memory key) private pure returns (uint32) {
        return uint32(vm.parseJsonUint(json, string.concat(path, key)));
    }

    function _pack(uint32 number, uint32 baseRound, uint32 numUpdates, uint32 numFinalized, uint40 opened)
        private
        pure
        returns (bytes32)
    {
        return bytes32(
            number | uint256(baseRound) << 32 | uint256(numUpdates) << 64 | uint256(numFinalized) << 96
                | uint256(opened) << 128
        );
    }

    function _phase(string memory name) private pure returns (Phase) {
        for (uint8 i = 0; i <= uint8(type(Phase).max); ++i) {
            if (keccak256(bytes(_name(Phase(i)))) == keccak256(bytes(name))) return Phase(i);
        }
        revert NotTrue(name);
    }

    function _name(Phase p) private pure returns (string memory) {
        if (p == Phase.NONE) return "NONE";
        if (p == Phase.COLLECTING) return "COLLECTING";
        if (p == Phase.AGGREGATING) return "AGGREGATING";
        if (p == Phase.PROPOSED) return "PROPOSED";
        if (p == Phase.FINALIZED) return "FINALIZED";
        if (p == Phase.EXPIRED) return "EXPIRED";
        return "ABORTED";
    }
}
