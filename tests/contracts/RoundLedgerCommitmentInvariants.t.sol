// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {CommitTest} from "./CommitTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Anybody committing and revealing anything at any time. Keeps its own books.
contract CommitHandler is CommitTest {
    bytes32 public history;
    bool public isOrderly = true;
    uint32 public numRevealed;
    mapping(uint32 number => uint256 count) public committedIn;
    mapping(uint32 number => mapping(address who => bytes32)) public commitmentIn;
    mapping(uint32 number => mapping(address who => bool)) public hasRevealed;
    mapping(uint32 number => uint256 time) private _firstRevealed;

    constructor() {
        super.setUp();
        ILedgerTypes.TaskParameters memory p = withCommitments();
        p.numRounds = 5;
        vm.recordLogs();
        ledger = create(p);
        history = replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger)));
    }

    function setUp() public override {} // no test contract, nothing to repeat

    function theLedger() external view returns (ILedger) {
        return ledger;
    }

    function passTime(uint8 seconds_) external {
        vm.warp(vm.getBlockTimestamp() + seconds_ % 32);
    }

    function tryCommit(uint8 who, uint8 whose) external {
        uint256 i = who % (NUM_PARTICIPANTS + 1);
        // Mostly one's own, sometimes somebody else's.
        bytes32 commitment = commitmentOf(whose < 200 ? i : whose % NUM_PARTICIPANTS);
        uint32 number = round();
        if (!_try(participant(i), abi.encodeCall(IRoundLedger.commitUpdate, (number, commitment)))) return;
        isOrderly = isOrderly && i < NUM_PARTICIPANTS && commitmentIn[number][participant(i)] == 0
            && _firstRevealed[number] == 0;
        commitmentIn[number][participant(i)] = commitment;
        committedIn[number] += 1;
    }

    function tryReveal(uint8 who, uint8 whose) external {
        uint256 i = who % NUM_PARTICIPANTS;
        uint256 j = whose < 200 ? i : whose % NUM_PARTICIPANTS;
        uint32 number = round();
        bytes memory call =
            abi.encodeCall(IRoundLedger.revealUpdate, (number, digestOf(j), cidOf(j), WEIGHT, saltOf(j)));
        if (!_try(participant(i), call)) return;
        isOrderly = isOrderly && i == j && commitmentIn[number][participant(i)] == commitmentOf(i)
            && !hasRevealed[number][participant(i)];
        hasRevealed[number][participant(i)] = true;
        if (_firstRevealed[number] == 0) _firstRevealed[number] = vm.getBlockTimestamp();
        numRevealed += 1;
    }

    function trySubmit(uint8 who) external {
        uint256 i = who % NUM_PARTICIPANTS;
        bytes memory call = abi.encodeCall(IRoundLedger.submitUpdate, (round(), digestOf(i), cidOf(i), WEIGHT));
        isOrderly = isOrderly && !_try(participant(i), call);
    }

    function tryMoveOn(bytes32 model) external {
        uint32 number = round();
        _try(AGGREGATOR, abi.encodeCall(IRoundLedger.propose, (number, model, MODEL_CID, REPORT, REPORT_CID)));
        _try(ANYBODY, abi.encodeCall(IRoundLedger.finalize, (number)));
        _try(ANYBODY, abi.encodeCall(IRoundLedger.abort, (number)));
        if (round() != number) numRevealed = 0;
    }

    function _try(address sender, bytes memory call) private returns (bool isAccepted) {
        vm.recordLogs();
        vm.prank(sender);
        (isAccepted,) = address(ledger).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        isOrderly = isOrderly && isAccepted == (logs.length != 0);
        history = replay(logs, address(ledger), history);
    }
}

contract RoundLedgerCommitmentInvariants is CommitTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    CommitHandler private handler;

    function setUp() public override {
        handler = new CommitHandler();
        ledger = handler.theLedger();
    }

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](8);
        // Commitments and reveals come several times, so that rounds get somewhere.
        (selectors[0], selectors[1]) = (CommitHandler.passTime.selector, CommitHandler.tryCommit.selector);
        (selectors[2], selectors[3]) = (CommitHandler.tryCommit.selector, CommitHandler.tryReveal.selector);
        (selectors[4], selectors[5]) = (CommitHandler.tryReveal.selector, CommitHandler.tryReveal.selector);
        (selectors[6], selectors[7]) = (CommitHandler.trySubmit.selector, CommitHandler.tryMoveOn.selector);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_The_History_Hash_Follows_From_The_Logs_Of_Commitments() public view {
        eq(ledger.historyHash(), handler.history());
    }

    function invariant_Only_What_Was_Committed_To_Before_The_First_Reveal_Is_Revealed_And_Once() public view {
        ok(handler.isOrderly(), "every step was in order");
    }

    function invariant_No_More_Is_Revealed_Than_Committed_And_No_More_Committed_Than_The_Target() public view {
        uint256 committed = handler.committedIn(round());
        uint256 recorded = ledger.committing().round == round() ? ledger.committing().numCommitted : 0;
        eq(recorded, committed);
        eq(ledger.currentRound().numUpdates, handler.numRevealed());
        ok(handler.numRevealed() <= committed, "revealed after a commitment");
        ok(committed <= TARGET_UPDATES, "commitments up to the target");
    }

    function invariant_A_Slot_Holds_The_Commitment_Until_It_Is_Revealed() public view {
        for (uint256 i = 0; i < NUM_PARTICIPANTS; ++i) {
            ILedgerTypes.Participant memory standing = ledger.participantOf(participant(i));
            if (standing.lastRound != round()) continue;
            bool isPending = standing.lastSequence == PENDING;
            ok(isPending != handler.hasRevealed(round(), participant(i)), "pending until revealed");
            bytes32 commitment = handler.commitmentIn(round(), participant(i));
            if (isPending) eq(bytes32(standing.lastRecord), bytes32(bytes23(commitment)));
        }
    }

    function invariant_Somebody_Can_Always_Move_A_Round_With_Commitments_On() public {
        Phase current = phase();
        if (current == Phase.FINALIZED || current == Phase.ABORTED) return;
        uint32 number = round();
        uint256 time = vm.getBlockTimestamp();
        vm.warp(time + COMMIT + COLLECT + AGGREGATE + CHALLENGE + 1);
        bytes memory call = phase() == Phase.PROPOSED
            ? abi.encodeCall(IRoundLedger.finalize, (number))
            : abi.encodeCall(IRoundLedger.abort, (number));
        vm.prank(ANYBODY);
        (bool isAccepted,) = address(ledger).call(call);
        ok(isAccepted, "anybody can, after the last deadline");
        vm.warp(time);
    }
}
