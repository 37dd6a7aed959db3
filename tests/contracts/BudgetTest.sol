// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {CommitTest} from "./CommitTest.sol";
import {Acceptances} from "./RegistryTest.sol";
import {Signing} from "./Signing.sol";
import {vm} from "./Vm.sol";

/// @notice A task in which every update costs its participant 10 of a budget of 25.
abstract contract BudgetTest is CommitTest, Acceptances, Signing {
    uint64 internal constant COST = 10;
    uint64 internal constant BUDGET = 25;
    uint256 internal constant SIGNERS = 4;

    function setUp() public virtual override {
        super.setUp();
        registry.enrol(signers(SIGNERS));
        begin(withBudget());
    }

    function begin(ILedgerTypes.TaskParameters memory p) internal {
        ledger = create(p);
        ledger.admit(signers(SIGNERS));
    }

    function withBudget() internal view returns (ILedgerTypes.TaskParameters memory p) {
        p = parameters();
        (p.privacyCost, p.privacyBudget, p.numRounds) = (COST, BUDGET, 100);
    }

    function batch(uint256 from, uint256 to) internal view returns (SignedUpdate[] memory updates) {
        updates = new SignedUpdate[](to - from);
        Place memory place = placeOf(address(ledger), round());
        for (uint256 i = from; i < to; ++i) {
            updates[i - from] = signed(i, place, digestOf(i), cidOf(i), 7);
        }
    }

    /// The next round, without a model of this one.
    function nextRound() internal {
        vm.warp(aggregateUntil() + (ledger.parameters().commitSeconds == 0 ? 1 : COMMIT + 1));
        ledger.abort(round());
    }

    /// Puts the address of a key in the place of another address, in registry and ledger.
    function change(address who, uint256 key) internal returns (address successor) {
        successor = vm.addr(key);
        registry.rotate(who, successor, accept(key, who, successor, address(registry), block.chainid));
        ledger.succeed(who);
    }

    function spent(uint256 i) internal view returns (uint64) {
        return ledger.privacySpentOf(participant(i));
    }

    function exceeded(address who, uint64 spent_, uint64 budget) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.PrivacyBudgetExceeded.selector, who, spent_, budget);
    }

    function submitAs(address who) internal {
        uint32 number = round();
        vm.prank(who);
        ledger.submitUpdate(number, digestOf(9), cidOf(9), 7);
    }
}
