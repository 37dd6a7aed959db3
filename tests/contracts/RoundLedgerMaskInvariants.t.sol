// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IMasks} from "../../contracts/interfaces/IMasks.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {MaskTest} from "./MaskTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Anybody sharing, masking and unmasking at any time, with models proposed and rejected. Keeps its own
/// books.
contract MaskHandler is MaskTest, CommitteeTest {
    bytes32 public history;
    bool public isOrderly = true;
    uint32 public numMasked;
    uint32 public numUnmasked;
    mapping(uint32 number => mapping(address who => bool)) public hasShared;
    mapping(uint32 number => mapping(address who => bool)) public hasMasked;
    mapping(uint32 number => mapping(address who => bool)) public hasUnmasked;
    mapping(uint32 number => bool) public isUnmasking;
    mapping(uint32 number => bool) public isOver;

    constructor() {
        LedgerTest.setUp();
        ILedgerTypes.TaskParameters memory p = withMasks();
        (p.quorum, p.bond, p.numRounds) = (2, 1, 5);
        vm.recordLogs();
        ledger = create(p);
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, 1 ether);
        }
        history = replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger)));
    }

    function setUp() public override(LedgerTest, CommitteeTest) {} // no test contract, nothing to repeat

    function committee() internal pure override(LedgerTest, CommitteeTest) returns (address[] memory) {
        return CommitteeTest.committee();
    }

    function propose() internal override(LedgerTest, CommitteeTest) {}

    function theLedger() external view returns (ILedger) {
        return ledger;
    }

    function passTime(uint8 seconds_) external {
        _look();
        vm.warp(vm.getBlockTimestamp() + seconds_ % 24);
        _look();
    }

    function tryShare(uint8 who) external {
        address sender = participant(who % (NUM_PARTICIPANTS + 1));
        uint32 number = round();
        if (!_try(sender, abi.encodeCall(IRoundLedger.commitUpdate, (number, bundleOf(who))))) return;
        isOrderly = isOrderly && !hasShared[number][sender] && numMasked == 0;
        hasShared[number][sender] = true;
    }

    function tryMask(uint8 who, uint128 apart) external {
        uint256 i = who % (NUM_PARTICIPANTS + 1);
        address sender = participant(i);
        uint32 number = round();
        bytes memory call = abi.encodeCall(IMasks.submitMasked, (number, digestOf(i), cidOf(i), WEIGHT, apart));
        _look();
        // The last one to come ends collection itself.
        bool isLate = isUnmasking[number] || isOver[number];
        if (!_try(sender, call)) return;
        isOrderly = isOrderly && hasShared[number][sender] && !hasMasked[number][sender] && !isLate;
        hasMasked[number][sender] = true;
        numMasked += 1;
    }

    function tryUnmask(uint8 who) external {
        address sender = participant(who % NUM_PARTICIPANTS);
        uint32 number = round();
        if (!_try(sender, abi.encodeCall(IMasks.unmask, (number, tellOf(who))))) return;
        isOrderly = isOrderly && hasMasked[number][sender] && !hasUnmasked[number][sender] && isUnmasking[number];
        hasUnmasked[number][sender] = true;
        numUnmasked += 1;
    }

    function tryMoveOn(bool isRejected) external {
        uint32 number = round();
        for (uint256 i = 0; i < 3; ++i) {
            _try(
                aggregator(i),
                abi.encodeCall(IRoundLedger.propose, (number, MODEL, MODEL_CID, REPORT, REPORT_CID))
            );
        }
        for (uint256 i = 0; isRejected && i < 3; ++i) {
            Signature[] memory signatures = list(sign(i, number, OTHER));
            // Not against oneself.
            if (ledger.proposal().proposer == aggregator(i)) continue;
            _try(ANYBODY, abi.encodeCall(IRoundLedger.attest, (number, OTHER, REPORT, signatures)));
        }
        _try(ANYBODY, abi.encodeCall(IRoundLedger.finalize, (number)));
        _try(ANYBODY, abi.encodeCall(IRoundLedger.abort, (number)));
        if (round() != number) (numMasked, numUnmasked) = (0, 0);
    }

    function _try(address sender, bytes memory call) private returns (bool isAccepted) {
        _look();
        vm.recordLogs();
        vm.prank(sender);
        (isAccepted,) = address(ledger).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        isOrderly = isOrderly && isAccepted == (logs.length != 0);
        history = replay(logs, address(ledger), history);
        _look();
    }

    /// Remembers which questions are asked, and that they are over.
    function _look() private {
        Phase now_ = phase();
        uint32 number = round();
        if (now_ == Phase.UNMASKING) {
            isOrderly = isOrderly && !isOver[number];
            isUnmasking[number] = true;
        } else if (now_ == Phase.AGGREGATING || now_ == Phase.PROPOSED || now_ == Phase.EXPIRED) {
            isOver[number] = true;
        }
    }
}

contract RoundLedgerMaskInvariants is MaskTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    MaskHandler private handler;

    function setUp() public override {
        handler = new MaskHandler();
        ledger = handler.theLedger();
    }

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        // Masked updates and seeds come several times, so that rounds get somewhere.
        (selectors[0], selectors[1]) = (MaskHandler.passTime.selector, MaskHandler.tryShare.selector);
        (selectors[2], selectors[3]) = (MaskHandler.tryShare.selector, MaskHandler.tryMask.selector);
        (selectors[4], selectors[5]) = (MaskHandler.tryMask.selector, MaskHandler.tryUnmask.selector);
        (selectors[6], selectors[7]) = (MaskHandler.tryUnmask.selector, MaskHandler.tryMoveOn.selector);
        selectors[8] = MaskHandler.tryMask.selector;
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_The_History_Hash_Follows_From_The_Logs_Of_Masks() public view {
        eq(ledger.historyHash(), handler.history());
    }

    function invariant_Seeds_Are_Told_Once_Of_What_Was_Masked_And_In_Their_One_Time() public view {
        ok(handler.isOrderly(), "every step was in order");
    }

    function invariant_No_More_Tell_Than_Masked() public view {
        ILedgerTypes.Unmasking memory found = ledger.unmasking();
        eq(found.round == round() ? found.numUnmasked : 0, handler.numUnmasked());
        eq(ledger.currentRound().numUpdates, handler.numMasked());
        ok(handler.numUnmasked() <= handler.numMasked(), "told of what was masked");
    }

    function invariant_Somebody_Can_Always_Move_A_Masked_Round_On() public {
        Phase current = phase();
        if (current == Phase.FINALIZED || current == Phase.ABORTED) return;
        uint32 number = round();
        uint256 time = vm.getBlockTimestamp();
        vm.warp(time + 2 * SEEDS + COMMIT + COLLECT + UNMASK + 3 * AGGREGATE + CHALLENGE + 1);
        bytes memory call = phase() == Phase.PROPOSED
            ? abi.encodeCall(IRoundLedger.finalize, (number))
            : abi.encodeCall(IRoundLedger.abort, (number));
        vm.prank(ANYBODY);
        (bool isAccepted,) = address(ledger).call(call);
        ok(isAccepted, "anybody can, after the last deadline");
        vm.warp(time);
    }
}
