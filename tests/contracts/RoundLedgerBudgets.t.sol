// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {BudgetTest} from "./BudgetTest.sol";
import {vm} from "./Vm.sol";

/// @notice What updates cost, and who cannot pay any more.
contract RoundLedgerBudgetsTest is BudgetTest {
    uint256 private constant SECOND_KEY = 0x5EC0;
    uint256 private constant THIRD_KEY = 0x741D;

    function test_A_Budget_Pays_For_As_Many_Updates_As_It_Holds_Costs(uint64 cost, uint64 budget) public {
        if (budget == 0) budget = 1;
        uint64 least = budget / 8 + 1;
        cost = least + cost % (budget - least + 1);
        ILedgerTypes.TaskParameters memory p = withBudget();
        (p.privacyCost, p.privacyBudget) = (cost, budget);
        begin(p);
        for (uint64 count = 0; count < budget / cost; ++count) {
            eq(spent(0), count * cost);
            submit(0);
            nextRound();
        }
        uint64 all = budget / cost * cost;
        eq(spent(0), all);
        vm.expectRevert(exceeded(participant(0), all, budget));
        this.submitFrom(0);
        submit(1);
        eq(spent(1), cost);
    }

    function submitFrom(uint256 i) external {
        submit(i);
    }

    function test_Without_A_Budget_Nothing_Is_Spent() public {
        begin(parameters());
        for (uint256 i = 0; i < 4; ++i) {
            submit(0);
            eq(spent(0), 0);
            nextRound();
        }
    }

    function test_What_Was_Spent_Does_Not_Come_Back() public {
        submit(0);
        nextRound();
        eq(spent(0), COST);
        submit(0);
        ledger.stop();
        eq(spent(0), 2 * COST);
    }

    function test_What_Is_Refused_Costs_Nothing() public {
        uint32 number = round();
        vm.expectRevert(refusal(ILedgerTypes.WeightOutOfRange.selector, 0, MAX_WEIGHT));
        vm.prank(participant(0));
        ledger.submitUpdate(number, digestOf(0), cidOf(0), 0);
        eq(spent(0), 0);
        submit(0);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, participant(0)));
        this.submitFrom(0);
        eq(spent(0), COST);
    }

    function test_Who_Has_Submitted_Is_Told_So_Whatever_It_Has_Left() public {
        submit(0);
        nextRound();
        submit(0);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 2, participant(0)));
        this.submitFrom(0);
    }

    function test_A_Relayed_Update_Costs_Its_Participant_The_Same() public {
        vm.prank(ANYBODY);
        ledger.submitBatch(1, batch(0, 3));
        for (uint256 i = 0; i < 3; ++i) {
            eq(ledger.privacySpentOf(signer(i)), COST);
        }
        eq(ledger.privacySpentOf(signer(3)), 0);
        eq(ledger.privacySpentOf(ANYBODY), 0);
    }

    function test_What_A_Batch_Passes_Over_Costs_Nothing() public {
        submitAs(signer(1));
        SignedUpdate[] memory updates = batch(0, 3);
        updates[2] = updates[0];
        ledger.submitBatch(1, updates);
        eq(ledger.privacySpentOf(signer(0)), COST);
        eq(ledger.privacySpentOf(signer(1)), COST);
        submitFirst(1);
        ledger.submitBatch(1, batch(2, 4));
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.privacySpentOf(signer(2)), COST);
        eq(ledger.privacySpentOf(signer(3)), 0);
    }

    function test_A_Batch_With_An_Update_That_Nobody_Can_Pay_For_Is_Refused() public {
        for (uint256 i = 0; i < 2; ++i) {
            submitAs(signer(1));
            nextRound();
        }
        SignedUpdate[] memory updates = batch(0, 3);
        uint32 number = round();
        vm.expectRevert(exceeded(signer(1), 2 * COST, BUDGET));
        ledger.submitBatch(number, updates);
        eq(ledger.privacySpentOf(signer(0)), 0);
    }

    // Commitments

    function test_A_Commitment_Costs_Nothing_And_A_Reveal_Does() public {
        _beginCommitting();
        commitFirst(3);
        vm.warp(commitUntil() + 1);
        eq(spent(0), 0);
        reveal(0);
        eq(spent(0), COST);
        nextRound();
        eq(spent(1), 0);
    }

    function test_Who_Could_Not_Reveal_Does_Not_Commit() public {
        _beginCommitting();
        for (uint256 i = 0; i < 2; ++i) {
            commitFirst(MIN_UPDATES);
            vm.warp(commitUntil() + 1);
            reveal(0);
            nextRound();
        }
        vm.expectRevert(exceeded(participant(0), 2 * COST, BUDGET));
        this.commitFrom(0);
        commit(1);
        eq(ledger.committing().numCommitted, 1);
    }

    function test_The_Smallest_Cost_Is_One_As_Well() public {
        ILedgerTypes.TaskParameters memory p = withBudget();
        (p.commitSeconds, p.privacyCost, p.privacyBudget) = (COMMIT, 1, 1);
        begin(p);
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        reveal(0);
        eq(spent(0), 1);
        nextRound();
        vm.expectRevert(exceeded(participant(0), 1, 1));
        this.commitFrom(0);
    }

    function commitFrom(uint256 i) external {
        commit(i);
    }

    function _beginCommitting() private {
        ILedgerTypes.TaskParameters memory p = withBudget();
        p.commitSeconds = COMMIT;
        begin(p);
    }

    // Keys

    function test_What_Was_Spent_Moves_With_An_Admission() public {
        submit(0);
        address second = change(participant(0), SECOND_KEY);
        eq(spent(0), 0);
        eq(ledger.privacySpentOf(second), COST);
        nextRound();
        submitAs(second);
        nextRound();
        address third = change(second, THIRD_KEY);
        eq(ledger.privacySpentOf(second), 0);
        eq(ledger.privacySpentOf(third), 2 * COST);
        vm.expectRevert(exceeded(third, 2 * COST, BUDGET));
        this.submitBy(third);
    }

    function submitBy(address who) external {
        submitAs(who);
    }

    function test_Who_Has_Spent_Nothing_Leaves_Nothing_To_Its_Successor() public {
        submit(1);
        address second = change(participant(0), SECOND_KEY);
        eq(ledger.privacySpentOf(second), 0);
        submitAs(second);
        eq(ledger.privacySpentOf(second), COST);
        eq(spent(1), COST);
    }

    function test_Without_A_Budget_Nothing_Moves() public {
        begin(parameters());
        submit(0);
        address second = change(participant(0), SECOND_KEY);
        eq(ledger.privacySpentOf(second), 0);
    }

    // Creation

    function test_A_Budget_Has_A_Cost_And_Pays_For_One_Update_At_Least(uint64 cost, uint64 budget) public {
        ILedgerTypes.TaskParameters memory p = parameters();
        (p.privacyCost, p.privacyBudget) = (cost, budget);
        bool isRefused = cost > budget || (cost == 0 && budget != 0);
        if (isRefused) _expectOutOfRange("privacyBudget", budget);
        RoundLedger made = new RoundLedger(p, committee());
        if (!isRefused) eq(made.parameters(), p);
    }

    function test_The_Ends_Of_A_Budget() public {
        uint64[2][7] memory pairs = [
            [uint64(0), 0],
            [uint64(1), 1],
            [type(uint64).max, type(uint64).max],
            [uint64(1), type(uint64).max],
            [uint64(1), 0],
            [uint64(0), 1],
            [uint64(8), 7]
        ];
        for (uint256 i = 0; i < pairs.length; ++i) {
            ILedgerTypes.TaskParameters memory p = parameters();
            (p.privacyCost, p.privacyBudget) = (pairs[i][0], pairs[i][1]);
            if (i > 3) _expectOutOfRange("privacyBudget", p.privacyBudget);
            new RoundLedger(p, committee());
        }
    }

    function test_There_Are_No_Lists_Where_Updates_Cost_Anything() public {
        ILedgerTypes.TaskParameters memory p = withBudget();
        p.listSeconds = 1;
        _expectOutOfRange("listSeconds", 1);
        new RoundLedger(p, committee());
        (p.privacyCost, p.privacyBudget) = (0, 0);
        eq(new RoundLedger(p, committee()).parameters(), p);
    }

    function _expectOutOfRange(bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, name, value));
    }
}
