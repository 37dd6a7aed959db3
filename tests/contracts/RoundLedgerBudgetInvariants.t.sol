// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {BudgetTest} from "./BudgetTest.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice Participants that submit, have submitted for them, and change their keys, at any time. Counts the updates of
/// each line.
contract BudgetHandler is BudgetTest {
    uint256 public constant LINES = SIGNERS;
    uint256 private constant NEW_KEYS = 0xBEEF00;

    uint256[LINES] public updatesOf;
    uint256[LINES] public refusals;
    address[LINES] public holder;
    /// Keys whose place another one took.
    address[] public former;

    constructor() {
        BudgetTest.setUp();
        for (uint256 i = 0; i < LINES; ++i) {
            holder[i] = signer(i);
        }
    }

    function setUp() public override {} // no test contract, nothing to repeat

    function theLedger() external view returns (ILedger) {
        return ledger;
    }

    function numFormer() external view returns (uint256) {
        return former.length;
    }

    function trySubmit(uint8 who) external {
        _submit(who % LINES);
    }

    function tryRelay(uint8 who, uint8 count) external {
        uint256 from = who % LINES;
        uint256 to = from + 1 + count % (LINES - from);
        SignedUpdate[] memory updates = batch(from, to);
        bool[LINES] memory isNew;
        for (uint256 i = from; i < to; ++i) {
            isNew[i] = ledger.participantOf(signer(i)).lastRound != round();
        }
        uint256 room = TARGET_UPDATES - ledger.currentRound().numUpdates;
        if (!_try(ANYBODY, abi.encodeCall(IRoundLedger.submitBatch, (round(), updates)))) return;
        for (uint256 i = from; i < to && room != 0; ++i) {
            if (!isNew[i]) continue;
            updatesOf[i] += 1;
            --room;
        }
    }

    function tryChange(uint8 who) external {
        uint256 line = who % LINES;
        uint256 key = NEW_KEYS + former.length;
        address successor = vm.addr(key);
        Signature memory acceptance = accept(key, holder[line], successor, address(registry), block.chainid);
        registry.rotate(holder[line], successor, acceptance);
        ledger.succeed(holder[line]);
        former.push(holder[line]);
        holder[line] = successor;
        // At once, so that runs are not spent on who cannot submit.
        _submit(line);
    }

    function tryNextRound() external {
        nextRound();
    }

    function _submit(uint256 line) private {
        bytes memory call = abi.encodeCall(IRoundLedger.submitUpdate, (round(), digestOf(line), cidOf(line), 7));
        if (_try(holder[line], call)) updatesOf[line] += 1;
        else refusals[line] += 1;
    }

    function _try(address sender, bytes memory call) private returns (bool isAccepted) {
        vm.prank(sender);
        (isAccepted,) = address(ledger).call(call);
    }
}

contract RoundLedgerBudgetInvariants is LedgerTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint64 private constant COST = 10;
    uint64 private constant BUDGET = 25;

    BudgetHandler private handler;

    function setUp() public override {
        handler = new BudgetHandler();
        ledger = handler.theLedger();
    }

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](6);
        (selectors[0], selectors[1]) = (BudgetHandler.trySubmit.selector, BudgetHandler.trySubmit.selector);
        (selectors[2], selectors[3]) = (BudgetHandler.tryRelay.selector, BudgetHandler.tryChange.selector);
        (selectors[4], selectors[5]) = (BudgetHandler.tryNextRound.selector, BudgetHandler.tryNextRound.selector);
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_Nobody_Spends_More_Than_The_Budget() public view {
        for (uint256 i = 0; i < handler.LINES(); ++i) {
            ok(ledger.privacySpentOf(handler.holder(i)) <= BUDGET, "within the budget");
            ok(handler.updatesOf(i) <= BUDGET / COST, "no more updates than it pays for");
        }
    }

    function invariant_A_Line_Has_Spent_What_Its_Updates_Cost_And_Under_No_Other_Key() public view {
        for (uint256 i = 0; i < handler.LINES(); ++i) {
            eq(ledger.privacySpentOf(handler.holder(i)), COST * handler.updatesOf(i));
        }
        for (uint256 i = 0; i < handler.numFormer(); ++i) {
            eq(ledger.privacySpentOf(handler.former(i)), 0);
        }
    }
}
