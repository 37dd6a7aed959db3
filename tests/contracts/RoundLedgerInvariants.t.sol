// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Anybody doing anything at any time; refusals are part of it. Keeps its own books.
contract Handler is LedgerTest {
    bytes32 public history;
    uint256 public succeeded;
    uint256 public weightInRound;
    uint32 public updatesInRound;
    uint32 public highestRound;
    bool public isOrderly = true;
    mapping(uint32 number => bytes32 model) public finalModel;
    mapping(uint32 number => mapping(address who => uint256 count)) public updatesOf;

    constructor() {
        LedgerTest.setUp();
        ILedgerTypes.TaskParameters memory p = parameters();
        p.numRounds = 5;
        vm.recordLogs();
        ledger = create(p);
        history = replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger)));
        finalModel[0] = p.genesisDigest;
        highestRound = 1;
    }

    function setUp() public override {} // no test contract, nothing to repeat

    function theLedger() external view returns (ILedger) {
        return ledger;
    }

    function passTime(uint8 seconds_) external {
        vm.warp(vm.getBlockTimestamp() + seconds_ % 64);
    }

    function trySubmit(uint8 who, uint8 lag, uint16 weight) external {
        address sender = participant(who % (NUM_PARTICIPANTS + 1));
        uint32 number = _roundWithLag(lag);
        if (_try(sender, abi.encodeCall(IRoundLedger.submitUpdate, (number, digestOf(who), cidOf(who), weight)))) {
            updatesOf[number][sender] += 1;
            updatesInRound += 1;
            weightInRound += weight;
        }
    }

    function tryPropose(uint8 lag, bytes32 model, bool isAggregator) external {
        uint32 number = _roundWithLag(lag);
        _try(
            isAggregator ? AGGREGATOR : ANYBODY,
            abi.encodeCall(IRoundLedger.propose, (number, model, MODEL_CID, REPORT, REPORT_CID))
        );
    }

    function tryFinalize(uint8 lag) external {
        uint32 number = _roundWithLag(lag);
        if (_try(ANYBODY, abi.encodeCall(IRoundLedger.finalize, (number)))) {
            bytes32 model = ledger.modelDigestOf(number);
            isOrderly = isOrderly && finalModel[number] == 0 && model != 0;
            finalModel[number] = model;
            _enterRound();
        }
    }

    function tryAbort(uint8 lag) external {
        uint32 number = _roundWithLag(lag);
        if (_try(ANYBODY, abi.encodeCall(IRoundLedger.abort, (number)))) _enterRound();
    }

    /// Rare, or most runs would end here.
    function tryStop(uint8 luck, bool isCoordinator) external {
        if (luck == 0) _try(isCoordinator ? address(this) : ANYBODY, abi.encodeCall(IRoundLedger.stop, ()));
    }

    function _enterRound() private {
        if (round() == highestRound) return; // the last round of the task has no successor
        isOrderly = isOrderly && round() == highestRound + 1;
        highestRound = round();
        (updatesInRound, weightInRound) = (0, 0);
    }

    function _roundWithLag(uint8 lag) private view returns (uint32) {
        return lag < 200 ? round() : round() - 1 + lag % 3;
    }

    function _try(address sender, bytes memory call) private returns (bool isAccepted) {
        vm.recordLogs();
        vm.prank(sender);
        (isAccepted,) = address(ledger).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (isAccepted) ++succeeded;
        isOrderly = isOrderly && isAccepted == (logs.length != 0);
        history = replay(logs, address(ledger), history);
    }
}

contract RoundLedgerInvariants is LedgerTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;

    function setUp() public override {
        handler = new Handler();
        ledger = handler.theLedger();
    }

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        // Time and updates come several times, so that rounds get somewhere.
        (selectors[0], selectors[1]) = (Handler.passTime.selector, Handler.passTime.selector);
        (selectors[2], selectors[3]) = (Handler.trySubmit.selector, Handler.trySubmit.selector);
        (selectors[4], selectors[5]) = (Handler.trySubmit.selector, Handler.tryPropose.selector);
        (selectors[6], selectors[7]) = (Handler.tryFinalize.selector, Handler.tryAbort.selector);
        selectors[8] = Handler.tryStop.selector;
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_The_History_Hash_Follows_From_The_Logs() public view {
        eq(ledger.historyHash(), handler.history());
    }

    function invariant_Final_Models_Never_Change() public view {
        for (uint32 i = 0; i <= round() + 1; ++i) {
            eq(ledger.modelDigestOf(i), handler.finalModel(i));
        }
    }

    function invariant_Rounds_Follow_One_Another_And_Refusals_Leave_No_Record() public view {
        ok(handler.isOrderly(), "every step was in order");
        eq(round(), handler.highestRound());
    }

    function invariant_Past_Rounds_Are_Final_Or_Aborted_And_Later_Ones_Are_Nothing() public view {
        for (uint32 i = 0; i < round(); ++i) {
            eq(ledger.phaseOf(i), handler.finalModel(i) == 0 ? Phase.ABORTED : Phase.FINALIZED);
        }
        eq(ledger.phaseOf(round() + 1), Phase.NONE);
    }

    function invariant_Every_Round_Starts_From_The_Last_Final_Model() public view {
        ILedgerTypes.CurrentRound memory current = ledger.currentRound();
        uint32 last = 0;
        uint32 numFinal = 0;
        for (uint32 i = 1; i <= current.round; ++i) {
            if (handler.finalModel(i) == 0) continue;
            ++numFinal;
            if (i < current.round) last = i;
        }
        eq(current.baseRound, last);
        eq(current.numFinalized, numFinal);
        ok(numFinal <= 5, "at most as many as the task has");
    }

    function invariant_Nobody_Has_Two_Updates_In_A_Round() public view {
        uint256 sum = 0;
        for (uint256 i = 0; i <= NUM_PARTICIPANTS; ++i) {
            uint256 count = handler.updatesOf(round(), participant(i));
            ok(count <= 1, "one update per participant and round");
            ok(count == 0 || ledger.participantOf(participant(i)).lastRound == round(), "and it is on record");
            sum += count;
        }
        eq(handler.updatesOf(round(), participant(NUM_PARTICIPANTS)), 0);
        eq(ledger.currentRound().numUpdates, sum);
        eq(handler.updatesInRound(), sum);
    }

    function invariant_Counts_And_Weights_Stay_In_Their_Bounds() public view {
        ok(ledger.currentRound().numUpdates <= TARGET_UPDATES, "updates up to the target");
        ok(handler.weightInRound() <= uint256(TARGET_UPDATES) * MAX_WEIGHT, "P-08");
    }

    function invariant_Somebody_Can_Always_Move_An_Unfinished_Task_On() public {
        Phase current = phase();
        if (current == Phase.FINALIZED || current == Phase.ABORTED) return;
        uint32 number = round();
        uint256 time = vm.getBlockTimestamp();
        vm.warp(aggregateUntil() + CHALLENGE + 1);
        bytes memory call = phase() == Phase.PROPOSED
            ? abi.encodeCall(IRoundLedger.finalize, (number))
            : abi.encodeCall(IRoundLedger.abort, (number));
        vm.prank(ANYBODY);
        (bool isAccepted,) = address(ledger).call(call);
        ok(isAccepted, "anybody can, after the last deadline");
        vm.warp(time);
    }
}
