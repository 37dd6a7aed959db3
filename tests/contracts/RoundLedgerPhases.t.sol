// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {IMasks} from "../../contracts/interfaces/IMasks.sol";
import {ISampling} from "../../contracts/interfaces/ISampling.sol";
import {Attestations, Signature} from "../../contracts/libraries/Attestations.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question} from "../../contracts/libraries/Questions.sol";
import {CommitTest} from "./CommitTest.sol";
import {vm} from "./Vm.sol";

/// @notice The phases and the table of phases and actions, from the files that Python reads as well.
contract RoundLedgerPhasesTest is CommitTest {
    string private constant PHASES = "./tests/vectors/round/phases.json";
    string private constant TRANSITIONS = "./tests/vectors/round/transitions.json";
    /// A member of the group whose update `enter` does not submit.
    uint256 private constant UNHEARD = 7;
    /// Key of the aggregator that attests.
    uint256 private constant KEY = 77;

    uint32 private constant SEED = 30;
    bytes32 private constant SECRET = keccak256("secret");

    /// Whether participants of the task at hand commit before they submit.
    bool private _commits;
    /// Whether they are selected by a seed: all of them.
    bool private _samples;
    /// Whether updates of the task at hand are masked, so that seeds are told once they are in.
    bool private _masks;
    uint32 private constant UNMASK = 40;

    function committee() internal pure override returns (address[] memory members) {
        members = new address[](2);
        (members[0], members[1]) = (AGGREGATOR, vm.addr(KEY));
    }

    function propose() internal override {
        uint32 number = round();
        bytes32 reportDigest = _reportDigest();
        vm.prank(number % 2 == 1 ? AGGREGATOR : vm.addr(KEY));
        ledger.propose(number, MODEL, MODEL_CID, reportDigest, REPORT_CID);
    }

    function test_Phase_Names_Have_The_Numbers_Of_The_Vectors() public view {
        string[] memory names = vm.parseJsonStringArray(vm.readFile(TRANSITIONS), ".phases");
        eq(names.length, uint256(type(Phase).max) + 1);
        eq(bytes(names[uint8(Phase.NONE)]), "NONE");
        eq(bytes(names[uint8(Phase.COLLECTING)]), "COLLECTING");
        eq(bytes(names[uint8(Phase.AGGREGATING)]), "AGGREGATING");
        eq(bytes(names[uint8(Phase.PROPOSED)]), "PROPOSED");
        eq(bytes(names[uint8(Phase.FINALIZED)]), "FINALIZED");
        eq(bytes(names[uint8(Phase.EXPIRED)]), "EXPIRED");
        eq(bytes(names[uint8(Phase.ABORTED)]), "ABORTED");
        eq(bytes(names[uint8(Phase.CHALLENGED)]), "CHALLENGED");
        eq(bytes(names[uint8(Phase.SCHEDULED)]), "SCHEDULED");
        eq(bytes(names[uint8(Phase.COMMITTING)]), "COMMITTING");
        eq(bytes(names[uint8(Phase.UNMASKING)]), "UNMASKING");
    }

    function test_Every_Action_In_Every_Phase_Is_Allowed_Or_Refused_As_The_Table_Says() public {
        string memory json = vm.readFile(TRANSITIONS);
        uint256 count = vm.parseJsonUint(json, ".count");
        eq(count, 10 * 12);
        for (uint256 i = 0; i < count; ++i) {
            _checkCell(json, string.concat(".cells[", vm.toString(i), "]"));
        }
    }

    function test_The_Phase_At_Every_Boundary_Second_Is_As_The_Table_Says() public {
        string memory json = vm.readFile(PHASES);
        uint256 count = vm.parseJsonUint(json, ".count");
        ok(count > 50, "the table is read");
        for (uint256 i = 0; i < count; ++i) {
            _checkPhase(json, string.concat(".cases[", vm.toString(i), "]"));
        }
    }

    function test_The_Current_Round_Takes_One_Slot() public {
        finishRound();
        submitFirst(TARGET_UPDATES);
        propose();
        ILedgerTypes.CurrentRound memory current = ledger.currentRound();
        eq(
            vm.load(address(ledger), 0),
            _pack(current.round, current.baseRound, current.numUpdates, current.numFinalized, current.openedAt)
                | bytes32(uint256(current.closedAt) << 168 | uint256(current.pausedUntil) << 208)
        );
        ledger.stop();
        eq(uint256(vm.load(address(ledger), 0)) >> 248, 1);
    }

    function test_Rounds_Without_A_Number_Are_In_No_Phase(uint32 number) public {
        finishRound();
        vm.assume(number > 2);
        eq(ledger.phaseOf(number), Phase.NONE);
        eq(ledger.modelDigestOf(number), bytes32(0));
    }

    // Liveness: an unfinished task can be moved on from every phase, whoever is silent.

    function test_Without_Participants_A_Round_Is_Aborted() public {
        vm.warp(collectUntil() + 1);
        _anybodyMovesOn(Phase.EXPIRED);
    }

    function test_Without_The_Aggregator_A_Round_Is_Aborted() public {
        submitFirst(TARGET_UPDATES);
        vm.warp(aggregateUntil() + 1);
        _anybodyMovesOn(Phase.EXPIRED);
    }

    function test_Without_The_Last_Participants_A_Round_Is_Aggregated() public {
        submitFirst(MIN_UPDATES);
        vm.warp(collectUntil() + 1);
        propose();
        vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        _anybodyMovesOn(Phase.PROPOSED);
    }

    function test_Without_The_Coordinator_A_Task_Runs_To_Its_End() public {
        enter(Phase.FINALIZED);
        eq(ledger.currentRound().numFinalized, NUM_ROUNDS);
    }

    function test_An_Unfinished_Task_Can_Always_Be_Moved_On(uint8 updates, uint32 later, bool isProposed) public {
        submitFirst(updates % (TARGET_UPDATES + 1));
        if (isProposed && updates % (TARGET_UPDATES + 1) == TARGET_UPDATES) propose();
        vm.warp(vm.getBlockTimestamp() + later);
        if (phase() == Phase.COLLECTING || phase() == Phase.AGGREGATING) vm.warp(aggregateUntil() + 1);
        if (phase() == Phase.PROPOSED) vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        _anybodyMovesOn(phase());
    }

    function _anybodyMovesOn(Phase from) private {
        eq(phase(), from);
        vm.prank(ANYBODY);
        if (from == Phase.EXPIRED) ledger.abort(1);
        else ledger.finalize(1);
        eq(round(), 2);
        eq(phase(), Phase.COLLECTING);
    }

    function _checkCell(string memory json, string memory path) private {
        Phase from = _phase(vm.parseJsonString(json, string.concat(path, ".phase")));
        bytes32 action = keccak256(bytes(vm.parseJsonString(json, string.concat(path, ".action"))));
        _masks = from == Phase.UNMASKING || action == keccak256("unmask");
        _checkCellOf(json, path, from, action, true);
        if (_masks || from == Phase.COMMITTING || action == keccak256("commit")) return;
        _checkCellOf(json, path, from, action, false);
    }

    function _checkCellOf(string memory json, string memory path, Phase from, bytes32 action, bool commits)
        private
    {
        _commits = commits;
        vm.warp(START);
        ILedgerTypes.TaskParameters memory p = _disputable();
        if (commits) p.commitSeconds = COMMIT;
        _samples = _masks || action == keccak256("reveal_seed");
        if (_samples) (p.sampleRate, p.seedSeconds) = (type(uint32).max, SEED);
        if (_masks) (p.fractionShift, p.unmaskSeconds) = (type(uint32).max, UNMASK);
        ledger = create(p);
        _deposit(AGGREGATOR);
        _deposit(vm.addr(KEY));
        _waitForOpening();
        if (_samples && from == Phase.SCHEDULED) {
            vm.prank(AGGREGATOR);
            ledger.commitSeeds(keccak256(abi.encode(SECRET)));
        }
        if (from == Phase.CHALLENGED) {
            enter(Phase.PROPOSED);
            _challenge();
            vm.warp(vm.getBlockTimestamp() + CHALLENGE + 1);
        } else {
            enter(from);
        }
        uint32 number = round();
        bytes32 history = ledger.historyHash();
        (bool isAllowed, bytes memory answer) = _act(action, number);
        ok(isAllowed == vm.parseJsonBool(json, string.concat(path, ".allowed")), path);
        if (isAllowed) {
            string[] memory next = vm.parseJsonStringArray(json, string.concat(path, ".leads_to"));
            bool isMember = false;
            for (uint256 i = 0; i < next.length; ++i) {
                isMember = isMember || ledger.phaseOf(number) == _phase(next[i]);
            }
            ok(isMember, path);
            ok(ledger.historyHash() != history, "an action leaves a record");
        } else {
            string memory name = vm.parseJsonString(json, string.concat(path, ".error"));
            if (keccak256(bytes(name)) == keccak256("TaskOver")) {
                eq(answer, refusal(ILedgerTypes.TaskOver.selector, number, uint8(from)));
            } else {
                eq(bytes(name), "UnexpectedPhase");
                Phase expected = _phase(vm.parseJsonString(json, string.concat(path, ".expected")));
                eq(answer, unexpectedPhase(from, expected));
            }
            if (action == keccak256("move")) _refuseAllMoves(number, answer);
            eq(phase(), from);
            eq(ledger.historyHash(), history);
        }
    }

    function _refuseAllMoves(uint32 number, bytes memory expected) private {
        bytes[7] memory moves = _moves(number);
        for (uint256 i = 0; i < 7; ++i) {
            (bool isAllowed, bytes memory answer) = address(ledger).call(moves[i]);
            ok(!isAllowed, "a move without a dispute");
            eq(answer, expected);
        }
    }

    function _sign(uint32 number) private view returns (Signature memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("fl_chain"),
                keccak256("1"),
                block.chainid,
                address(ledger)
            )
        );
        bytes32 result = Attestations.resultOf(number, MODEL, _reportDigest());
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, keccak256(bytes.concat(hex"1901", domain, result)));
        return Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    /// A task with a bond, without which nothing is disputed.
    function _disputable() private view returns (ILedgerTypes.TaskParameters memory p) {
        p = parameters();
        p.bond = 1;
    }

    function _deposit(address aggregator) private {
        vm.deal(aggregator, 1);
        vm.prank(aggregator);
        ledger.depositBond{value: 1}();
    }

    function _challenge() private {
        uint32 number = round();
        vm.deal(ANYBODY, 1);
        vm.prank(ANYBODY);
        ledger.challenge{value: 1}(number, _masks ? Question.HEADER : Question.VALUE, 0);
    }

    /// A report whose last chunk has a status for the first update and none for the others.
    function _shortReport() private pure returns (Opening memory opening, bytes32 digest) {
        opening = Opening(hex"00", new bytes32[](1));
        opening.proof[0] = keccak256("first chunk");
        digest = sha256(bytes.concat(hex"01", opening.proof[0], sha256(hex"0000")));
    }

    function _reportDigest() private pure returns (bytes32 digest) {
        (, digest) = _shortReport();
    }

    /// All moves of a dispute, of which the first needs nothing but the time.
    function _moves(uint32 number) private pure returns (bytes[7] memory) {
        Opening memory none;
        uint256[32] memory parts;
        ILedgerTypes.UpdateRecord memory record;
        return [
            abi.encodeCall(IDisputes.concludeDispute, (number)),
            abi.encodeCall(IDisputes.answerHeader, (number, none, none)),
            abi.encodeCall(IDisputes.answerStatus, (number, none)),
            abi.encodeCall(IDisputes.answerValue, (number, none, none, parts)),
            abi.encodeCall(IDisputes.selectPart, (number, 0, parts)),
            abi.encodeCall(IDisputes.splitPart, (number, parts)),
            abi.encodeCall(IDisputes.decideUpdate, (number, record, none, none))
        ];
    }

    function _act(bytes32 action, uint32 number) private returns (bool, bytes memory) {
        bytes memory call;
        address sender = ANYBODY;
        if (action == keccak256("submit")) {
            sender = participant(UNHEARD);
            if (_commits) {
                call = abi.encodeCall(
                    IRoundLedger.revealUpdate,
                    (number, digestOf(UNHEARD), cidOf(UNHEARD), WEIGHT, saltOf(UNHEARD))
                );
            } else call = abi.encodeCall(IRoundLedger.submitUpdate, (number, digestOf(UNHEARD), cidOf(UNHEARD), 1));
        } else if (action == keccak256("commit")) {
            sender = participant(UNHEARD);
            call = abi.encodeCall(IRoundLedger.commitUpdate, (number, commitmentOf(UNHEARD)));
        } else if (action == keccak256("propose")) {
            sender = AGGREGATOR;
            call = abi.encodeCall(
                IRoundLedger.propose, (number, MODEL, MODEL_CID, _reportDigest(), REPORT_CID)
            );
        } else if (action == keccak256("attest")) {
            Signature[] memory signatures = new Signature[](1);
            signatures[0] = _sign(number);
            call = abi.encodeCall(IRoundLedger.attest, (number, MODEL, _reportDigest(), signatures));
        } else if (action == keccak256("challenge")) {
            vm.deal(ANYBODY, 1);
            call = abi.encodeCall(IDisputes.challenge, (number, Question.HEADER, 0));
            vm.prank(ANYBODY);
            return address(ledger).call{value: 1}(call);
        } else if (action == keccak256("move")) {
            call = _moves(number)[0];
        } else if (action == keccak256("prove_omission")) {
            (Opening memory report,) = _shortReport();
            call = abi.encodeCall(IDisputes.proveOmission, (number, 1, report));
        } else if (action == keccak256("finalize")) {
            call = abi.encodeCall(IRoundLedger.finalize, (number));
        } else if (action == keccak256("abort")) {
            call = abi.encodeCall(IRoundLedger.abort, (number));
        } else if (action == keccak256("unmask")) {
            sender = participant(UNHEARD);
            call = abi.encodeCall(IMasks.unmask, (number, cidOf(UNHEARD)));
        } else if (action == keccak256("reveal_seed")) {
            sender = AGGREGATOR;
            call = abi.encodeCall(ISampling.revealSeed, (number, SECRET));
        } else {
            ok(action == keccak256("stop"), "the action is known");
            sender = address(this);
            call = abi.encodeCall(IRoundLedger.stop, ());
        }
        vm.prank(sender);
        return address(ledger).call(call);
    }

    function enter(Phase target) internal override {
        if (_samples && !_commits && target == Phase.FINALIZED) {
            finishRound();
            _waitForOpening();
            finishRound();
            return;
        }
        if (!_commits) return super.enter(target);
        if (target == Phase.COMMITTING) {
            commit(0);
        } else if (target == Phase.COLLECTING) {
            _commitAndReveal(1);
        } else if (target == Phase.UNMASKING) {
            _commitAndReveal(3);
        } else if (target == Phase.AGGREGATING) {
            _commitAndReveal(2);
            vm.warp(revealUntil() + 1 + (_masks ? UNMASK : 0));
        } else if (target == Phase.PROPOSED) {
            _commitAndReveal(3);
            if (_masks) vm.warp(vm.getBlockTimestamp() + UNMASK + 1);
            propose();
            vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        } else if (target == Phase.FINALIZED) {
            for (uint256 i = 0; i < NUM_ROUNDS; ++i) {
                _waitForOpening();
                enter(Phase.PROPOSED);
                finalize();
            }
        } else if (target == Phase.EXPIRED) {
            commit(0);
            vm.warp(commitUntil() + 1);
        } else if (target == Phase.ABORTED) {
            commit(0);
            ledger.stop();
        } else {
            ledger.pause(1000);
            vm.warp(commitUntil() + 1);
            ledger.abort(round());
        }
        eq(phase(), target);
    }

    /// A task with seeds opens its rounds a while after the record that begins them.
    function _waitForOpening() private {
        if (openedAt() > vm.getBlockTimestamp()) vm.warp(openedAt());
    }

    /// Three commit, so many of them reveal, the one of whom `enter` is silent last.
    function _commitAndReveal(uint256 count) private {
        uint256[3] memory people = [0, 1, UNHEARD];
        for (uint256 i = 0; i < 3; ++i) {
            commit(people[i]);
        }
        vm.warp(commitUntil() + 1);
        for (uint256 i = 0; i < count; ++i) {
            reveal(people[i]);
        }
    }

    function _checkPhase(string memory json, string memory path) private {
        ILedgerTypes.TaskParameters memory p = parameters();
        string memory from = string.concat(path, ".parameters.");
        p.numRounds = _number(json, from, "num_rounds");
        p.minUpdates = _number(json, from, "min_updates");
        p.targetUpdates = _number(json, from, "target_updates");
        p.collectSeconds = _number(json, from, "collect_seconds");
        p.aggregateSeconds = _number(json, from, "aggregate_seconds");
        p.challengeSeconds = _number(json, from, "challenge_seconds");
        p.commitSeconds = _number(json, from, "commit_seconds");
        p.unmaskSeconds = _number(json, from, "unmask_seconds");
        if (p.unmaskSeconds != 0) (p.fractionShift, p.sampleRate, p.seedSeconds) = (type(uint32).max, 1, 1);
        ILedger task = ILedger(address(new RoundLedger(p, _members(_number(json, from, "num_aggregators")))));

        from = string.concat(path, ".current.");
        uint256 word = uint256(
            _pack(
                3,
                2,
                _number(json, from, "num_updates"),
                _number(json, from, "num_finalized"),
                uint40(vm.parseJsonUint(json, string.concat(from, "opened_at")))
            )
        );
        word |= vm.parseJsonUint(json, string.concat(from, "closed_at")) << 168;
        if (vm.parseJsonBool(json, string.concat(from, "is_stopped"))) word |= 1 << 248;
        vm.store(address(task), 0, bytes32(word));
        word = 3 | uint256(_number(json, from, "num_committed")) << 32;
        word |= vm.parseJsonUint(json, string.concat(from, "commit_closed_at")) << 64;
        vm.store(address(task), bytes32(uint256(13)), bytes32(word));
        word = _number(json, from, "unmask_round");
        word |= vm.parseJsonUint(json, string.concat(from, "unmask_closed_at")) << 64;
        vm.store(address(task), bytes32(uint256(29)), bytes32(word));
        vm.store(address(task), bytes32(uint256(2)), bytes32(uint256(_number(json, from, "proposal_round"))));
        vm.warp(vm.parseJsonUint(json, string.concat(path, ".now")));
        eq(bytes(_name(task.phaseOf(3))), bytes(vm.parseJsonString(json, string.concat(path, ".phase"))));
    }

    function _members(uint256 count) private pure returns (address[] memory members) {
        members = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            members[i] = address(uint160(i + 1));
        }
    }

    function _number(string memory json, string memory path, string memory key) private pure returns (uint32) {
        return uint32(vm.parseJsonUint(json, string.concat(path, key)));
    }

    function _pack(uint32 number, uint32 baseRound, uint32 numUpdates, uint32 numFinalized, uint40 opened)
        private
        pure
        returns (bytes32)
    {
        return bytes32(
            number | uint256(baseRound) << 32 | uint256(numUpdates) << 64 | uint256(numFinalized) << 96
                | uint256(opened) << 128
        );
    }

    function _phase(string memory name) private pure returns (Phase) {
        for (uint8 i = 0; i <= uint8(type(Phase).max); ++i) {
            if (keccak256(bytes(_name(Phase(i)))) == keccak256(bytes(name))) return Phase(i);
        }
        revert NotTrue(name);
    }

    function _name(Phase p) private pure returns (string memory) {
        if (p == Phase.NONE) return "NONE";
        if (p == Phase.COLLECTING) return "COLLECTING";
        if (p == Phase.AGGREGATING) return "AGGREGATING";
        if (p == Phase.PROPOSED) return "PROPOSED";
        if (p == Phase.FINALIZED) return "FINALIZED";
        if (p == Phase.EXPIRED) return "EXPIRED";
        if (p == Phase.CHALLENGED) return "CHALLENGED";
        if (p == Phase.SCHEDULED) return "SCHEDULED";
        if (p == Phase.COMMITTING) return "COMMITTING";
        if (p == Phase.UNMASKING) return "UNMASKING";
        return "ABORTED";
    }
}
