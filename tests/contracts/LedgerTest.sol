// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {Disputes} from "../../contracts/ledger/Disputes.sol";
import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Comparisons that show both sides when they fail.
abstract contract Assertions {
    error NotEqual(uint256 actual, uint256 expected);
    error NotEqualHash(bytes32 actual, bytes32 expected);
    error NotEqualBytes(bytes actual, bytes expected);
    error NotTrue(string claim);

    function eq(uint256 actual, uint256 expected) internal pure {
        if (actual != expected) revert NotEqual(actual, expected);
    }

    function eq(address actual, address expected) internal pure {
        eq(uint160(actual), uint160(expected));
    }

    function eq(Phase actual, Phase expected) internal pure {
        eq(uint8(actual), uint8(expected));
    }

    function eq(bytes32 actual, bytes32 expected) internal pure {
        if (actual != expected) revert NotEqualHash(actual, expected);
    }

    function eq(bytes memory actual, bytes memory expected) internal pure {
        if (keccak256(actual) != keccak256(expected)) revert NotEqualBytes(actual, expected);
    }

    function eq(ILedgerTypes.TaskParameters memory actual, ILedgerTypes.TaskParameters memory expected)
        internal
        pure
    {
        eq(abi.encode(actual), abi.encode(expected));
    }

    function ok(bool condition, string memory claim) internal pure {
        if (!condition) revert NotTrue(claim);
    }

    /// Recomputes a history hash from logs, by the text of libraries/History.sol.
    function replay(Vm.Log[] memory logs, address emitter, bytes32 history) internal pure returns (bytes32) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != emitter) continue;
            bytes memory record;
            for (uint256 j = 0; j < logs[i].topics.length; ++j) {
                record = bytes.concat(record, logs[i].topics[j]);
            }
            history = keccak256(abi.encode(history, keccak256(bytes.concat(record, logs[i].data))));
        }
        return history;
    }

    function historyStart(address emitter) internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, emitter));
    }
}

/// @notice A task of two rounds with eight admitted participants, at the second of its opening.
/// This contract is registrar and coordinator.
abstract contract LedgerTest is Assertions {
    uint40 internal constant START = 1_700_000_000;
    uint32 internal constant NUM_ROUNDS = 2;
    uint32 internal constant MIN_UPDATES = 2;
    uint32 internal constant TARGET_UPDATES = 4;
    uint32 internal constant MAX_WEIGHT = 1000;
    uint32 internal constant COLLECT = 100;
    uint32 internal constant AGGREGATE = 50;
    uint32 internal constant CHALLENGE = 20;
    uint32 internal constant NUM_PARTICIPANTS = 8;

    address internal constant AGGREGATOR = address(0xA66);
    address internal constant ANYBODY = address(0xBEEF);

    bytes32 internal constant MODEL = keccak256("model");
    bytes32 internal constant MODEL_CID = keccak256("model cid");
    bytes32 internal constant REPORT = keccak256("report");
    bytes32 internal constant REPORT_CID = keccak256("report cid");

    ParticipantRegistry internal registry;
    Disputes internal disputes;
    ILedger internal ledger;

    function setUp() public virtual {
        vm.warp(START);
        registry = new ParticipantRegistry(0, 0);
        registry.enrol(everybody());
        disputes = new Disputes();
        ledger = create(parameters());
    }

    function parameters() internal view returns (ILedgerTypes.TaskParameters memory) {
        return ILedgerTypes.TaskParameters({
            registry: address(registry),
            disputes: address(disputes),
            manifestDigest: keccak256("manifest"),
            manifestCidDigest: keccak256("manifest cid"),
            genesisDigest: keccak256("genesis"),
            genesisCidDigest: keccak256("genesis cid"),
            numRounds: NUM_ROUNDS,
            minUpdates: MIN_UPDATES,
            targetUpdates: TARGET_UPDATES,
            maxWeight: MAX_WEIGHT,
            collectSeconds: COLLECT,
            aggregateSeconds: AGGREGATE,
            challengeSeconds: CHALLENGE,
            quorum: 0,
            bond: 0,
            headerChunks: 1,
            numValues: 8,
            fractionShift: 9,
            commitSeconds: 0,
            isOpen: false,
            listSeconds: 0,
            sampleRate: 0,
            seedSeconds: 0,
            reward: 0,
            privacyCost: 0,
            privacyBudget: 0,
            unmaskSeconds: 0
        });
    }

    /// The aggregators, in the order of their seats.
    function committee() internal pure virtual returns (address[] memory) {
        return one(AGGREGATOR);
    }

    /// Deploys a task and admits everybody.
    function create(ILedgerTypes.TaskParameters memory p) internal returns (ILedger created) {
        created = ILedger(address(new RoundLedger(p, committee())));
        created.admit(everybody());
    }

    function participant(uint256 i) internal pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    function everybody() internal pure returns (address[] memory all) {
        all = new address[](NUM_PARTICIPANTS);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = participant(i);
        }
    }

    function one(address who) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }

    function digestOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("update", i));
    }

    function cidOf(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("cid", i));
    }

    function round() internal view returns (uint32) {
        return ledger.currentRound().round;
    }

    function phase() internal view returns (Phase) {
        return ledger.phaseOf(round());
    }

    function openedAt() internal view returns (uint40) {
        return ledger.currentRound().openedAt;
    }

    function collectUntil() internal view returns (uint256) {
        return uint256(openedAt()) + COLLECT;
    }

    function aggregateUntil() internal view returns (uint256) {
        uint40 closedAt = ledger.currentRound().closedAt;
        return (closedAt == 0 ? collectUntil() : closedAt) + committee().length * AGGREGATE;
    }

    function proposedAt() internal view returns (uint40) {
        return ledger.proposal().proposedAt;
    }

    function submit(uint256 i) internal {
        uint32 current = round();
        vm.prank(participant(i));
        ledger.submitUpdate(current, digestOf(i), cidOf(i), 7);
    }

    function submitFirst(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            submit(i);
        }
    }

    function propose() internal virtual {
        uint32 current = round();
        vm.prank(AGGREGATOR);
        ledger.propose(current, MODEL, MODEL_CID, REPORT, REPORT_CID);
    }

    function finalize() internal {
        uint32 current = round();
        vm.prank(ANYBODY);
        ledger.finalize(current);
    }

    /// From the opening of a round to its successor, or to the end of the task.
    function finishRound() internal {
        submitFirst(TARGET_UPDATES);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        finalize();
    }

    /// Brings the task from its beginning into a phase, past every window that guards its exit.
    function enter(Phase target) internal virtual {
        if (target == Phase.COLLECTING) {
            submit(0);
        } else if (target == Phase.AGGREGATING) {
            submitFirst(MIN_UPDATES);
            vm.warp(collectUntil() + 1);
        } else if (target == Phase.PROPOSED) {
            submitFirst(TARGET_UPDATES);
            propose();
            vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        } else if (target == Phase.FINALIZED) {
            for (uint256 i = 0; i < NUM_ROUNDS; ++i) {
                finishRound();
            }
        } else if (target == Phase.EXPIRED) {
            submit(0);
            vm.warp(collectUntil() + 1);
        } else if (target == Phase.ABORTED) {
            submit(0);
            ledger.stop();
        } else if (target == Phase.SCHEDULED) {
            ledger.pause(1000);
            submit(0);
            vm.warp(collectUntil() + 1);
            ledger.abort(round());
        }
        eq(phase(), target);
    }

    function unexpectedPhase(Phase current, Phase expected) internal view returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.UnexpectedPhase.selector, round(), current, expected);
    }

    function refusal(bytes4 selector, address a) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a);
    }

    function refusal(bytes4 selector, address a, address b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function refusal(bytes4 selector, uint256 a, uint256 b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }
}
