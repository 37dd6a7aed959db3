// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {vm} from "./Vm.sol";

/// @notice A task of three aggregators in which seeds select about half of the participants of a round.
abstract contract SeedTest is CommitteeTest {
    uint32 internal constant SEED = 30;
    uint32 internal constant HALF = 2 ** 31;
    uint256 internal constant LENGTH = 6;

    function setUp() public virtual override {
        super.setUp();
        ledger = create(sampled(HALF));
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
    }

    function sampled(uint32 rate) internal view returns (ILedgerTypes.TaskParameters memory p) {
        p = parameters();
        p.quorum = 2;
        p.bond = BOND;
        p.numRounds = 5;
        p.minUpdates = 1;
        p.targetUpdates = 2;
        p.sampleRate = rate;
        p.seedSeconds = SEED;
    }

    /// The secret of an aggregator that lies so many hashes before its tip.
    function secretOf(uint256 i, uint256 place) internal pure returns (bytes32 word) {
        word = keccak256(abi.encode("secret", i));
        for (uint256 k = LENGTH; k > place; --k) {
            word = keccak256(abi.encode(word));
        }
    }

    function tipOf(uint256 i) internal pure returns (bytes32) {
        return secretOf(i, 0);
    }

    function commitAs(uint256 i, bytes32 tip) internal {
        vm.prank(aggregator(i));
        ledger.commitSeeds(tip);
    }

    function commitAll() internal {
        for (uint256 i = 0; i < 3; ++i) {
            commitAs(i, tipOf(i));
        }
    }

    /// Reveals the secret at a place of the chain, the first one at place 1.
    function revealAs(uint256 i, uint256 place) internal {
        uint32 number = round();
        vm.prank(aggregator(i));
        ledger.revealSeed(number, secretOf(i, place));
    }

    function revealAll(uint256 place) internal {
        for (uint256 i = 0; i < 3; ++i) {
            revealAs(i, place);
        }
    }

    /// By the text of docs/spec.md, not by the library.
    function contributionOf(uint256 i, uint32 number, uint256 place) internal pure returns (bytes32) {
        return keccak256(abi.encode(number, aggregator(i), secretOf(i, place)));
    }

    function seedAfter(bytes32 former, uint32 number, bytes32 mix) internal pure returns (bytes32) {
        return keccak256(abi.encode(former, number, mix));
    }

    /// The participants whom a seed selects, and the others.
    function drawn(bytes32 seed) internal pure returns (uint256[] memory those, uint256[] memory others) {
        uint256 count = 0;
        for (uint256 i = 0; i < NUM_PARTICIPANTS; ++i) {
            if (isDrawn(seed, participant(i))) ++count;
        }
        (those, others) = (new uint256[](count), new uint256[](NUM_PARTICIPANTS - count));
        (uint256 a, uint256 b) = (0, 0);
        for (uint256 i = 0; i < NUM_PARTICIPANTS; ++i) {
            if (isDrawn(seed, participant(i))) those[a++] = i;
            else others[b++] = i;
        }
    }

    function isDrawn(bytes32 seed, address who) internal pure returns (bool) {
        return uint256(keccak256(abi.encode(seed, who))) >> 224 < HALF;
    }

    function waitForOpening() internal {
        if (openedAt() > vm.getBlockTimestamp()) vm.warp(openedAt());
    }

    function notSelected(uint256 i) internal view returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.NotSelected.selector, round(), participant(i));
    }

    function withheld(uint256 i) internal view returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.SeedWithheld.selector, round(), aggregator(i));
    }
}
