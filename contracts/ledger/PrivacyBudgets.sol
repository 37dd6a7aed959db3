// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerState} from "./LedgerState.sol";

/// @title What the updates of each participant cost together, in tasks with a privacy budget
/// @notice Tasks without one read and write none of this.
abstract contract PrivacyBudgets is LedgerState {
    /// Charges a participant for an update. Whether there is a budget is for the caller to ask: tasks without pay for
    /// a question, and not for a call.
    function _charge(address participant) internal {
        _privacySpent[participant] = _requireBudget(participant) + _privacyCost();
    }

    /// Requires that a participant can pay for one more update, and returns what it has spent.
    function _requireBudget(address participant) internal view returns (uint64 spent) {
        spent = _privacySpent[participant];
        // INVARIANT P-281: no participant's updates cost more together than the budget of the task.
        if (_privacyBudget() - spent < _privacyCost()) {
            revert PrivacyBudgetExceeded(participant, spent, _privacyBudget());
        }
    }

    /// Moves what was spent along with an admission.
    function _moveSpent(address participant, address successor) internal {
        // INVARIANT P-282: who changes its key has no new budget.
        _privacySpent[successor] = _privacySpent[participant];
        _privacySpent[participant] = 0;
    }
}
