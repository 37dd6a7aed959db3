// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Attestations, Signature} from "../../contracts/libraries/Attestations.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {ModelStep} from "../../contracts/libraries/ModelStep.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {RecursiveTree} from "./RecursiveTree.sol";
import {vm} from "./Vm.sol";

/// @notice Content in whole chunks and its openings.
abstract contract Content is RecursiveTree {
    function digest(bytes memory content) internal pure returns (bytes32) {
        bytes[] memory all = chunks(content);
        return treeHash(all, 0, all.length);
    }

    function open(bytes memory content, uint256 index) internal pure returns (Opening memory) {
        bytes[] memory all = chunks(content);
        return Opening(all[index], path(all, index, 0, all.length));
    }

    function chunks(bytes memory content) internal pure returns (bytes[] memory all) {
        all = new bytes[]((content.length + 1023) / 1024);
        for (uint256 i = 0; i < all.length; ++i) {
            uint256 size = content.length - i * 1024;
            all[i] = slice(content, i * 1024, size < 1024 ? size : 1024);
        }
    }

    function slice(bytes memory data, uint256 from, uint256 size) internal pure returns (bytes memory part) {
        part = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(part, 0x20), add(add(data, 0x20), from), size)
        }
    }

    /// As many bytes as are asked for: of a few seeds extreme lanes, of all others noise.
    function noise(bytes32 from, uint256 size) internal pure returns (bytes memory data) {
        data = new bytes((size + 31) / 32 * 32);
        for (uint256 i = 0; i < data.length; i += 32) {
            bytes32 next = noiseAt(from, i);
            assembly ("memory-safe") {
                mstore(add(add(data, 0x20), i), next)
            }
        }
        assembly ("memory-safe") {
            mstore(data, size)
        }
    }

    /// The 32 bytes of noise that begin at `offset`.
    function noiseAt(bytes32 from, uint256 offset) internal pure returns (bytes32 next) {
        if (uint8(from[0]) < 32) return bytes32(type(uint256).max / 0xffff * 0xff7f);
        if (uint8(from[0]) < 64) return bytes32(type(uint256).max / 0xffff * 0x0080);
        assembly ("memory-safe") {
            mstore(0x00, from)
            mstore(0x20, offset)
            next := keccak256(0x00, 0x40)
        }
    }

    function readInt(bytes memory data, uint256 offset, uint256 width) internal pure returns (int256 value) {
        uint256 bits = 0;
        for (uint256 i = 0; i < width; ++i) {
            bits |= uint256(uint8(data[offset + i])) << (8 * i);
        }
        uint256 unused = 256 - 8 * width;
        return int256(bits << unused) >> unused;
    }

    function writeInt32(bytes memory data, uint256 offset, int32 value) internal pure {
        for (uint256 i = 0; i < 4; ++i) {
            data[offset + i] = bytes1(uint8(uint32(value) >> (8 * i)));
        }
    }
}

/// @notice A round with content behind every digest, and the parties of a dispute about its model.
/// The first aggregator proposes. What it claims of an update can be made wrong: `lie`.
abstract contract DisputeTest is CommitteeTest, Content {
    uint32 internal constant VALUES = 700; // three chunks of a model, two of an update
    uint32 internal constant SHIFT = 9;
    uint256 internal constant HEADER = 1024;
    uint256 internal constant CROWD = 72;
    address internal constant CHALLENGER = address(0xC4A1);

    /// What the proposer claims of one update instead of what it contributes.
    struct Lie {
        bool isTold;
        uint32 sequence;
        uint256 weight;
        int256 sum;
    }

    bytes32 internal seed;
    bytes internal base;
    bytes internal model;
    bytes internal report;
    Lie internal lie;

    function setUp() public virtual override {
        super.setUp();
        // Its first values are at the ends of their type, so that steps saturate.
        base = bytes.concat(noise("header of a model", HEADER), noise("genesis", 4 * VALUES));
        bytes memory genesis = base;
        for (uint256 i = 0; i < 128; ++i) {
            writeInt32(genesis, HEADER + 4 * i, i % 2 == 0 ? type(int32).max : type(int32).min);
        }
        base = genesis;
        registry.enrol(crowd(NUM_PARTICIPANTS, CROWD));
        ledger = createDisputable(disputable());
    }

    function disputable() internal view returns (ILedgerTypes.TaskParameters memory p) {
        p = parameters();
        (p.quorum, p.bond, p.numRounds) = (2, BOND, 5);
        (p.numValues, p.fractionShift) = (VALUES, SHIFT);
        (p.minUpdates, p.targetUpdates) = (1, 2000);
        p.genesisDigest = digest(base);
    }

    /// Deploys a task, admits the crowd, and deposits the bonds.
    function createDisputable(ILedgerTypes.TaskParameters memory p) internal returns (ILedger created) {
        created = create(p);
        created.admit(crowd(NUM_PARTICIPANTS, CROWD));
        ledger = created;
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
    }

    function crowd(uint256 from, uint256 to) internal pure returns (address[] memory members) {
        members = new address[](to - from);
        for (uint256 i = from; i < to; ++i) {
            members[i - from] = participant(i);
        }
    }

    // What is on record.

    function statusOf(uint256 i) internal view returns (uint8) {
        uint8 die = uint8(uint256(keccak256(abi.encode(seed, "status", i))));
        return i == 0 || die % 2 == 0 ? 0 : die % 12;
    }

    function weightOf(uint256 i) internal view returns (uint32) {
        return 1 + uint32(uint256(keccak256(abi.encode(seed, "weight", i))) % MAX_WEIGHT);
    }

    function laneData(uint256 i) internal view returns (bytes memory) {
        return noise(keccak256(abi.encode(seed, "lanes", i)), 2 * VALUES);
    }

    function laneOf(uint256 i, uint256 position) internal view returns (int256) {
        bytes32 around = noiseAt(keccak256(abi.encode(seed, "lanes", i)), 2 * position / 32 * 32);
        return readInt(abi.encode(around), 2 * position % 32, 2);
    }

    function updateBlob(uint256 i) internal view returns (bytes memory) {
        return bytes.concat(noise(keccak256(abi.encode(seed, "header", i)), HEADER), laneData(i));
    }

    function recordOf(uint256 i) internal view returns (ILedgerTypes.UpdateRecord memory) {
        return ILedgerTypes.UpdateRecord(participant(i), digest(updateBlob(i)), cidOf(i), weightOf(i), openedAt());
    }

    /// From the opening of a round to a proposal that is right, but for the lie. With many updates, of
    /// all values of the model only the one at `position` follows from them.
    function begin(bytes32 seed_, uint256 count, uint32 position) internal {
        seed = seed_;
        submitBlobs(count);
        vm.warp(collectUntil() + 1);
        report = reportOf(count);
        model = count > 8 ? base : derive(count);
        setValue(position);
        propose();
    }

    function derive(uint256 count) internal view returns (bytes memory next) {
        next = base;
        int256[VALUES] memory sums;
        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (statusOf(i) != 0) continue;
            int256 weight = int256(uint256(weightOf(i)));
            bytes memory lanes = laneData(i);
            for (uint256 k = 0; k < VALUES; ++k) {
                sums[k] += weight * readInt(lanes, 2 * k, 2);
            }
            total += uint256(weight);
        }
        for (uint256 k = 0; k < VALUES; ++k) {
            int32 value = int32(readInt(next, HEADER + 4 * k, 4));
            writeInt32(next, HEADER + 4 * k, ModelStep.next(value, sums[k], SHIFT, total));
        }
    }

    function submitBlobs(uint256 count) internal virtual {
        uint32 number = round();
        for (uint256 i = 0; i < count; ++i) {
            bytes32 digest_ = digest(updateBlob(i));
            vm.prank(participant(i));
            ledger.submitUpdate(number, digest_, cidOf(i), weightOf(i));
        }
    }

    function reportOf(uint256 count) internal view returns (bytes memory) {
        bytes memory statuses = new bytes(count);
        for (uint256 i = 0; i < count; ++i) {
            statuses[i] = bytes1(statusOf(i));
        }
        return bytes.concat(noise("header of a report", HEADER), statuses);
    }

    function propose() internal override {
        uint32 number = round();
        (bytes32 modelDigest, bytes32 reportDigest) = (digest(model), digest(report));
        vm.prank(proposer());
        ledger.propose(number, modelDigest, MODEL_CID, reportDigest, REPORT_CID);
    }

    function proposer() internal view returns (address) {
        return aggregator((round() - 1) % 3);
    }

    /// Gives the model the value that follows from what the proposer claims.
    function setValue(uint32 position) internal {
        (uint256 weight, int256 sum) = claimOf(0, ledger.currentRound().numUpdates, position);
        int32 value = int32(readInt(base, HEADER + 4 * position, 4));
        bytes memory next = model;
        writeInt32(next, HEADER + 4 * position, ModelStep.next(value, sum, SHIFT, weight));
        model = next;
    }

    // What the proposer claims.

    function contribution(uint256 i, uint32 position) internal view returns (uint256, int256) {
        if (lie.isTold && lie.sequence == i) return (lie.weight, lie.sum);
        return truth(i, position);
    }

    function truth(uint256 i, uint32 position) internal view returns (uint256, int256) {
        return statusOf(i) == 0 ? counted(i, position) : (0, int256(0));
    }

    function counted(uint256 i, uint32 position) internal view returns (uint256, int256) {
        uint256 weight = weightOf(i);
        return (weight, int256(weight) * laneOf(i, position));
    }

    function claimOf(uint256 first, uint256 count, uint32 position) internal view returns (uint256 weight, int256 sum) {
        for (uint256 i = first; i < first + count; ++i) {
            (uint256 w, int256 s) = contribution(i, position);
            weight += w;
            sum += s;
        }
    }

    function claims(uint256 first, uint256 count, uint32 position) internal view returns (uint256[32] memory parts) {
        uint256 width = (count + 31) / 32;
        for (uint256 i = 0; i * width < count; ++i) {
            uint256 rest = count - i * width;
            (uint256 weight, int256 sum) = claimOf(first + i * width, rest < width ? rest : width, position);
            parts[i] = word(weight, sum);
        }
    }

    function word(uint256 weight, int256 sum) internal pure returns (uint256) {
        return weight << 192 | uint192(uint256(sum));
    }

    function allClaims(uint32 position) internal view returns (uint256[32] memory) {
        return claims(0, ledger.currentRound().numUpdates, position);
    }

    // Moves.

    function challengeAs(address who, Question question, uint32 position) internal {
        uint32 number = round();
        vm.deal(who, who.balance + BOND);
        vm.prank(who);
        ledger.challenge{value: BOND}(number, question, position);
    }

    function ask(Question question, uint32 position) internal {
        challengeAs(CHALLENGER, question, position);
    }

    function valueOpening(bytes memory blob, uint32 position, uint256 width) internal pure returns (Opening memory) {
        return open(blob, 1 + width * position / 1024);
    }

    function statusOpening(uint256 sequence) internal view returns (Opening memory) {
        return open(report, 1 + sequence / 1024);
    }

    function answerHeader() internal {
        ledger.answerHeader(round(), open(base, 0), open(model, 0));
    }

    function answerStatus(uint32 sequence) internal {
        ledger.answerStatus(round(), statusOpening(sequence));
    }

    function answerValue(uint32 position) internal {
        answerValue(position, allClaims(position));
    }

    function answerValue(uint32 position, uint256[32] memory parts) internal {
        Opening memory before = valueOpening(base, position, 4);
        Opening memory next = valueOpening(model, position, 4);
        (uint32 number, address sender) = (round(), proposer());
        vm.prank(sender);
        ledger.answerValue(number, before, next, parts);
    }

    /// The challenger selects the part that `target` is in.
    function selectPart(uint32 target) internal {
        ILedgerTypes.Dispute memory d = ledger.dispute();
        uint32 part = uint32((target - d.first) / ((uint256(d.count) + 31) / 32));
        uint256[32] memory parts = claims(d.first, d.count, d.position);
        vm.prank(CHALLENGER);
        ledger.selectPart(d.round, part, parts);
    }

    function splitPart() internal {
        ILedgerTypes.Dispute memory d = ledger.dispute();
        uint256[32] memory parts = claims(d.first, d.count, d.position);
        address sender = proposer();
        vm.prank(sender);
        ledger.splitPart(d.round, parts);
    }

    function decideUpdate(uint32 target) internal {
        ILedgerTypes.Dispute memory d = ledger.dispute();
        ILedgerTypes.UpdateRecord memory record = recordOf(target);
        Opening memory lane = valueOpening(updateBlob(target), d.position, 2);
        Opening memory status = statusOpening(target);
        vm.prank(ANYBODY);
        ledger.decideUpdate(d.round, record, status, lane);
    }

    /// From a challenge to a single update.
    function descend(uint32 position, uint32 target) internal {
        ask(Question.VALUE, position);
        answerValue(position);
        selectPart(target);
        while (stage() == Stage.SELECTED) {
            splitPart();
            selectPart(target);
        }
        eq(ledger.dispute().first, target);
    }

    function stage() internal view returns (Stage) {
        return ledger.dispute().stage;
    }

    function lateness(uint256 more) internal {
        vm.warp(ledger.dispute().until + more);
    }

    function now_() internal view returns (uint40) {
        return uint40(vm.getBlockTimestamp());
    }

    function tell(uint32 sequence, uint256 weight, int256 sum) internal {
        lie = Lie(true, sequence, weight, sum);
    }

    /// An attestation to any model, with the report of the proposal.
    function attestTo(uint256 i, bytes32 modelDigest) internal {
        uint32 number = round();
        Signature[] memory signatures = list(signResult(i, number, modelDigest));
        bytes32 reportDigest = digest(report);
        vm.prank(ANYBODY);
        ledger.attest(number, modelDigest, reportDigest, signatures);
    }

    function signResult(uint256 i, uint32 number, bytes32 modelDigest) internal view returns (Signature memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("fl_chain"),
                keccak256("1"),
                block.chainid,
                address(ledger)
            )
        );
        bytes32 result = Attestations.resultOf(number, modelDigest, digest(report));
        return pack(i, keccak256(bytes.concat(hex"1901", domain, result)));
    }

    // Outcomes.

    /// Not by expectRevert, which takes the hashing of arguments for the call that it waits for.
    function refuse(address sender, bytes memory call, bytes memory expected) internal {
        bytes32 history = ledger.historyHash();
        vm.prank(sender);
        (bool isTaken, bytes memory answer) = address(ledger).call(call);
        ok(!isTaken, "it is refused");
        eq(answer, expected);
        eq(ledger.historyHash(), history);
    }

    function refuse(bytes memory call, bytes memory expected) internal {
        refuse(ANYBODY, call, expected);
    }

    function wrongAnswer() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.WrongAnswer.selector);
    }

    function expectFailed(Fault fault) internal {
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ChallengeFailed(round(), CHALLENGER, proposer(), BOND, fault, now_());
    }

    function expectRejected(Fault fault) internal {
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ProposalRejected(round(), proposer(), fault, now_());
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(proposer(), CHALLENGER, BOND, fault, now_());
    }

    /// The challenger lost: half of its deposit is the proposer's, and the window begins again.
    function checkFailed() internal {
        eq(phase(), Phase.PROPOSED);
        eq(ledger.payoutOf(CHALLENGER), 0);
        eq(ledger.payoutOf(proposer()), BOND / 2);
        eq(ledger.aggregatorOf(proposer()).bond, BOND);
        ILedgerTypes.Dispute memory rest;
        (rest.round, rest.until) = (round(), now_() + CHALLENGE);
        eq(abi.encode(ledger.dispute()), abi.encode(rest));
        checkWindow(now_() + CHALLENGE);
    }

    /// The proposer lost: half of its bond is the challenger's, whose deposit comes back.
    function checkRejected() internal view {
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.payoutOf(CHALLENGER), BOND + BOND / 2);
        eq(ledger.payoutOf(proposer()), 0);
        eq(ledger.aggregatorOf(proposer()).bond, 0);
        eq(ledger.aggregatorOf(proposer()).barredIn, round());
        eq(ledger.proposal().round, 0);
        checkNoDispute();
    }

    function checkNoDispute() internal view {
        ILedgerTypes.Dispute memory none;
        eq(abi.encode(ledger.dispute()), abi.encode(none));
    }

    /// The model becomes final at `until`, and not a second before.
    function checkWindow(uint40 until) internal {
        uint32 number = round();
        vm.warp(until - 1);
        vm.expectRevert(refusal(ILedgerTypes.ChallengeWindowOpen.selector, number, until));
        ledger.finalize(number);
        vm.warp(until);
        ledger.finalize(number);
        eq(ledger.modelDigestOf(number), digest(model));
    }

    /// Everybody takes what is due, and what stays is what the losers left.
    function checkMoney(uint256 left) internal {
        if (phase() != Phase.ABORTED) ledger.stop();
        vm.warp(now_() + CHALLENGE);
        for (uint256 i = 0; i < 3; ++i) {
            if (ledger.aggregatorOf(aggregator(i)).bond == 0) continue;
            vm.prank(aggregator(i));
            ledger.withdrawBond();
        }
        claim(CHALLENGER);
        for (uint256 i = 0; i < 3; ++i) {
            claim(aggregator(i));
        }
        eq(address(ledger).balance, left);
    }

    function claim(address who) internal {
        uint256 due = ledger.payoutOf(who);
        if (due == 0) return;
        uint256 before = who.balance;
        vm.prank(who);
        ledger.claimPayout();
        eq(who.balance, before + due);
    }

    function moveOver(uint40 until) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.MoveOver.selector, until);
    }

    function unexpectedMove(Question question, Stage stage_) internal pure returns (bytes memory) {
        return refusal(ILedgerTypes.UnexpectedMove.selector, uint8(question), uint8(stage_));
    }

    function wrongOpening(bytes memory content, uint256 index, uint256 numChunks) internal pure returns (bytes memory) {
        return wrongOpeningOf(digest(content), index, numChunks);
    }

    function wrongOpeningOf(bytes32 root, uint256 index, uint256 numChunks) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.WrongOpening.selector, root, index, numChunks);
    }
}
