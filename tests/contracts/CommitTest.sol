// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice What participants do in a task with commitments.
abstract contract CommitTest is LedgerTest {
    uint32 internal constant COMMIT = 30;
    uint32 internal constant WEIGHT = 7;
    uint32 internal constant PENDING = type(uint32).max;

    function withCommitments() internal view returns (ILedgerTypes.TaskParameters memory p) {
        p = parameters();
        p.commitSeconds = COMMIT;
    }

    function saltOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", i));
    }

    /// By the text of docs/spec.md, not by the library.
    function commitmentOf(uint256 i) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                block.chainid, address(ledger), round(), participant(i), digestOf(i), cidOf(i), WEIGHT, saltOf(i)
            )
        );
    }

    function commit(uint256 i) internal {
        uint32 number = round();
        bytes32 commitment = commitmentOf(i);
        vm.prank(participant(i));
        ledger.commitUpdate(number, commitment);
    }

    function commitFirst(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            commit(i);
        }
    }

    function reveal(uint256 i) internal {
        uint32 number = round();
        vm.prank(participant(i));
        ledger.revealUpdate(number, digestOf(i), cidOf(i), WEIGHT, saltOf(i));
    }

    function revealFirst(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            reveal(i);
        }
    }

    function commitUntil() internal view returns (uint256) {
        return uint256(openedAt()) + COMMIT;
    }

    function revealUntil() internal view returns (uint256) {
        uint40 closedAt = ledger.committing().closedAt;
        return (closedAt == 0 ? commitUntil() : closedAt) + COLLECT;
    }
}
