// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {Signing} from "./Signing.sol";
import {vm} from "./Vm.sol";

/// @notice Disputes about values to which updates in a list contribute: the first updates of a round have a
/// record of their own, the others are in the list of the second aggregator.
contract RoundLedgerListDisputesTest is DisputeTest, Signing {
    uint256 private constant DIRECT = 2;
    uint256 private constant LISTED = 9; // entries in three chunks of the list
    uint256 private constant ENTRY = 256;
    uint32 private constant POSITION = 600;
    bytes32 private constant LIST_CID = keccak256("list cid");

    bytes private listBlob;
    ILedgerTypes.ListRecord private record;

    /// What is wrong with one entry: a word of it, from 0, in place of the right one.
    struct Flaw {
        bool isThere;
        /// Whether the participant signed it so: digest, CID digest or weight.
        bool isSigned;
        uint256 sequence;
        uint256 wordAt;
        bytes32 word;
    }

    Flaw private flaw;
    /// Updates that are submitted behind the list.
    uint256 private behind;

    function setUp() public override {
        super.setUp();
        registry.enrol(signers(DIRECT + LISTED));
        _fresh();
        seed = "lists";
    }

    function submitBlobs(uint256 count) internal override {
        super.submitBlobs(DIRECT);
        uint256 end = count - behind;
        listBlob = noise("header of a list", HEADER);
        for (uint256 i = DIRECT; i < end; ++i) {
            listBlob = bytes.concat(listBlob, entryOf(i));
        }
        (uint32 number, uint32 listed, bytes32 root) = (round(), uint32(end - DIRECT), digest(listBlob));
        record = ILedgerTypes.ListRecord(aggregator(1), uint32(DIRECT), listed, root, LIST_CID, now_());
        vm.prank(aggregator(1));
        ledger.listUpdates(number, listed, root, LIST_CID);
        for (uint256 i = end; i < count; ++i) {
            bytes32 blobDigest = digest(updateBlob(i));
            vm.prank(participant(i));
            ledger.submitUpdate(number, blobDigest, cidOf(i), weightOf(i));
        }
    }

    function here() private view returns (Place memory) {
        return placeOf(address(ledger), round());
    }

    function entryOf(uint256 i) private view returns (bytes memory) {
        bool isFlawed = flaw.isThere && flaw.sequence == i;
        bytes32[8] memory words;
        words[0] = bytes32(uint256(uint160(signer(i))));
        (words[1], words[2]) = (digest(updateBlob(i)), cidOf(i));
        words[3] = bytes32(uint256(weightOf(i)));
        if (isFlawed && flaw.isSigned) words[flaw.wordAt] = flaw.word;
        SignedUpdate memory u = signed(i, here(), words[1], words[2], uint32(uint256(words[3])));
        (words[4], words[5]) = (u.signature.r, u.signature.vs);
        if (isFlawed && !flaw.isSigned) words[flaw.wordAt] = flaw.word;
        return abi.encode(words);
    }

    // Who is right wins.

    function test_An_Honest_Proposer_Wins_About_Every_Update(bytes32 seed_, uint32 position) public {
        position %= VALUES;
        for (uint32 target = 0; target < DIRECT + LISTED; ++target) {
            _fresh();
            begin(seed_, DIRECT + LISTED, position);
            descend(position, target);
            expectFailed(Fault.FALSE_CHALLENGE);
            decide(target);
            checkFailed();
        }
    }

    function test_A_Lie_About_Any_Listed_Update_Loses(bytes32 seed_, uint32 by) public {
        seed = seed_;
        for (uint32 target = uint32(DIRECT); target < DIRECT + LISTED; ++target) {
            (uint256 weight, int256 sum) = truth(target, POSITION);
            _fresh();
            tell(target, weight, sum + 1 + int256(uint256(by)));
            begin(seed_, DIRECT + LISTED, POSITION);
            descend(POSITION, target);
            expectRejected(Fault.WRONG_MODEL);
            decide(target);
            checkRejected();
        }
    }

    function test_A_Claim_About_A_Listed_Update_Loses_By_One_In_Either_Direction() public {
        uint32 target = includedOf(true);
        (uint256 weight, int256 sum) = truth(target, POSITION);
        for (uint256 kind = 0; kind < 4; ++kind) {
            _fresh();
            if (kind == 0) tell(target, weight - 1, sum);
            if (kind == 1) tell(target, weight + 1, sum);
            if (kind == 2) tell(target, weight, sum - 1);
            if (kind == 3) tell(target, weight, sum + 1);
            _loses(target);
        }
    }

    function test_An_Excluded_Update_Of_A_List_Contributes_Nothing() public {
        uint32 target = includedOf(false);
        (uint256 weight, int256 sum) = counted(target, POSITION);
        tell(target, weight, sum);
        _loses(target);
    }

    // What nobody signed must not be included, whatever is claimed of it.

    function test_An_Entry_With_Any_Other_Word_Is_Nobodys(uint256 wordAt, bytes32 word) public {
        uint32 target = includedOf(true);
        wordAt = wordAt % 8;
        flaw = Flaw(true, false, target, wordAt, word);
        bytes memory entry = entryOf(target);
        flaw.isThere = false;
        if (keccak256(entry) == keccak256(entryOf(target))) return;
        flaw.isThere = true;
        _loses(target);
    }

    function test_An_Entry_That_Somebody_Else_Signed_Is_Nobodys() public {
        uint32 target = includedOf(true);
        flaw = Flaw(true, false, target, 0, bytes32(uint256(uint160(signer(0)))));
        _loses(target);
        for (uint256 i = 0; i < 2; ++i) {
            _fresh();
            // The addresses right below and above the signer's.
            flaw.word = bytes32(uint256(uint160(signer(target))) + 2 * i - 1);
            _loses(target);
        }
    }

    function test_An_Entry_With_Dirty_Bytes_Before_The_Participant_Is_Nobodys() public {
        uint32 target = includedOf(true);
        flaw = Flaw(true, false, target, 0, bytes32(uint256(uint160(signer(target))) | 1 << 160));
        _loses(target);
    }

    function test_An_Entry_With_Something_Behind_It_Is_Nobodys() public {
        uint32 target = includedOf(true);
        for (uint256 i = 0; i < 4; ++i) {
            _fresh();
            // The last byte of a word, or the first.
            flaw = Flaw(true, false, target, 6 + i / 2, bytes32(uint256(1) << (i % 2 == 0 ? 0 : 255)));
            _loses(target);
        }
    }

    function test_An_Entry_Of_Somebody_Who_Is_Not_Admitted_Is_Nobodys() public {
        uint32 target = includedOf(true);
        registry.revoke(one(signer(target)));
        ledger.remove(signer(target));
        _loses(target);
    }

    function test_An_Entry_Of_Somebody_Whom_The_Seed_Does_Not_Select_Is_Nobodys() public {
        uint32 target = includedOf(true);
        _freshSampled(target, false);
        _loses(target);
        _freshSampled(target, true);
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        expectFailed(Fault.FALSE_CHALLENGE);
        decide(target);
        checkFailed();
    }

    function test_An_Entry_With_An_Impossible_Weight_Is_Nobodys_Though_Signed() public {
        uint32 target = includedOf(true);
        tell(target, 0, 0);
        _losesThoughSigned(3, 0);
        _fresh();
        tell(target, MAX_WEIGHT + 1, int256(uint256(MAX_WEIGHT + 1)) * laneOf(target, POSITION));
        _losesThoughSigned(3, MAX_WEIGHT + 1);
    }

    function test_An_Entry_Without_A_Digest_Is_Nobodys_Though_Signed() public {
        _losesThoughSigned(1, 0);
        _fresh();
        _losesThoughSigned(2, 0);
    }

    function test_A_Flaw_Of_An_Excluded_Entry_Is_Right_As_Long_As_Nothing_Is_Claimed() public {
        uint32 target = includedOf(false);
        flaw = Flaw(true, false, target, 3, bytes32(type(uint256).max));
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        expectFailed(Fault.FALSE_CHALLENGE);
        decide(target);
        checkFailed();
    }

    function test_The_Largest_Weight_Counts() public {
        uint32 target = includedOf(true);
        tell(target, MAX_WEIGHT, int256(uint256(MAX_WEIGHT)) * laneOf(target, POSITION));
        flaw = Flaw(true, true, target, 3, bytes32(uint256(MAX_WEIGHT)));
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        expectFailed(Fault.FALSE_CHALLENGE);
        decide(target);
        checkFailed();
    }

    /// Nobody may have the list: that is why its entries are excluded.
    function test_What_The_Report_Excludes_Nobody_Has_To_Show(bytes32 claimed) public {
        uint32 target = includedOf(false);
        bool isTold = uint256(claimed) % 2 == 1;
        if (isTold) tell(target, 0, int256(uint256(claimed) % 1_000_000));
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        ILedgerTypes.ListRecord memory nothing;
        Opening memory none;
        Opening memory status = statusOpening(target);
        if (isTold) expectRejected(Fault.WRONG_MODEL);
        else expectFailed(Fault.FALSE_CHALLENGE);
        ledger.decideListedUpdate(1, nothing, none, status, none);
    }

    function test_Admissions_Are_Frozen_During_A_Dispute() public {
        uint32 target = includedOf(true);
        begin(seed, DIRECT + LISTED, POSITION);
        ask(Question.VALUE, POSITION);
        address revoked = signer(target);
        registry.revoke(one(revoked));
        bytes memory frozen = abi.encodeWithSelector(ILedgerTypes.AdmissionsFrozen.selector, 1, Phase.CHALLENGED);
        vm.expectRevert(frozen);
        ledger.remove(revoked);
        vm.expectRevert(frozen);
        ledger.admit(one(revoked));
        vm.expectRevert(frozen);
        ledger.succeed(revoked);
        answerValue(POSITION);
        selectPart(target);
        decide(target);
        checkFailed();
    }

    // What decides must be what is on record.

    function test_Only_The_List_On_Record_Decides(uint8 what) public {
        uint32 target = includedOf(true);
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        ILedgerTypes.ListRecord memory other = record;
        what = what % 6;
        if (what == 0) other.aggregator = aggregator(0);
        else if (what == 1) other.first += 1;
        else if (what == 2) other.count -= 1;
        else if (what == 3) other.digest = keccak256("another");
        else if (what == 4) other.cidDigest = keccak256("another");
        else other.timestamp += 1;
        _refuseWith(target, other, unknownList(other.aggregator, target));
    }

    function test_A_List_Of_Another_Round_Decides_Nothing() public {
        uint32 target = includedOf(true);
        begin(seed, DIRECT + LISTED, POSITION);
        vm.warp(now_() + CHALLENGE);
        finalize();
        ILedgerTypes.ListRecord memory former = record;
        vm.prank(aggregator(0));
        ledger.listUpdates(2, uint32(DIRECT + LISTED), record.digest, LIST_CID);
        vm.warp(collectUntil() + 1);
        report = reportOf(DIRECT + LISTED);
        base = model;
        setValue(POSITION);
        propose();
        ask(Question.VALUE, POSITION);
        answerValue(POSITION);
        selectPart(target);
        _refuseWith(target, former, unknownList(former.aggregator, target));
    }

    function test_Each_Update_Is_Decided_By_The_Record_That_It_Has() public {
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, 1);
        _refuseWith(1, record, unknownList(record.aggregator, 1));
        decide(1);
        eq(phase(), Phase.PROPOSED);
        uint32 last = uint32(DIRECT + LISTED) - 1;
        descend(POSITION, last);
        ILedgerTypes.UpdateRecord memory own = recordOf(last);
        own.participant = signer(last);
        Opening memory lane = valueOpening(updateBlob(last), POSITION, 2);
        bytes memory call = abi.encodeCall(IDisputes.decideUpdate, (1, own, statusOpening(last), lane));
        refuse(call, abi.encodeWithSelector(ILedgerTypes.UnknownRecord.selector, own.participant, last));
    }

    function test_What_Comes_After_A_List_Is_Not_In_It() public {
        behind = 1;
        uint32 last = uint32(DIRECT + LISTED);
        begin(seed, last + 1, POSITION);
        descend(POSITION, last);
        _refuseWith(last, record, unknownList(record.aggregator, last));
    }

    function test_Another_Chunk_Of_The_List_Decides_Nothing() public {
        uint32 target = uint32(DIRECT) + 4; // the first of its second chunk of entries
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        Opening memory lane = valueOpening(updateBlob(target), POSITION, 2);
        for (uint256 chunk = 0; chunk < 4; ++chunk) {
            if (chunk == 2) continue;
            bytes memory call = abi.encodeCall(
                IDisputes.decideListedUpdate, (1, record, open(listBlob, chunk), statusOpening(target), lane)
            );
            refuse(call, wrongOpening(listBlob, 2, 4));
        }
    }

    function test_Another_Chunk_Of_The_Update_Decides_Nothing() public {
        uint32 target = includedOf(true);
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        Opening memory lane = valueOpening(updateBlob(target), 0, 2);
        bytes memory call =
            abi.encodeCall(IDisputes.decideListedUpdate, (1, record, entryOpening(target), statusOpening(target), lane));
        refuse(call, wrongOpening(updateBlob(target), 2, 3));
    }

    function test_A_Listed_Update_Is_Decided_When_It_Is_The_Only_One_Left() public {
        uint32 target = includedOf(true);
        begin(seed, DIRECT + LISTED, POSITION);
        ask(Question.VALUE, POSITION);
        _refuseWith(target, record, unexpectedMove(Question.VALUE, Stage.ASKED));
        answerValue(POSITION);
        _refuseWith(target, record, unexpectedMove(Question.VALUE, Stage.SPLIT));
        selectPart(target);
        uint40 until = ledger.dispute().until;
        vm.warp(until + 1);
        _refuseWith(target, record, moveOver(until));
    }

    function test_A_Listed_Update_Without_A_Status_Is_An_Omission() public {
        submitBlobs(DIRECT + LISTED);
        vm.warp(collectUntil() + 1);
        (model, report) = (base, reportOf(DIRECT + LISTED - 1));
        propose();
        ledger.proveOmission(1, uint32(DIRECT + LISTED) - 1, statusOpening(DIRECT + LISTED - 1));
        eq(phase(), Phase.AGGREGATING);
    }

    function decide(uint32 target) private {
        if (target < DIRECT) return decideUpdate(target);
        bytes memory call = decision(target, record);
        vm.prank(ANYBODY);
        (bool isTaken, bytes memory answer) = address(ledger).call(call);
        if (!isTaken) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    function decision(uint32 target, ILedgerTypes.ListRecord memory of_) private view returns (bytes memory) {
        Opening memory lane = valueOpening(updateBlob(target), ledger.dispute().position, 2);
        return abi.encodeCall(
            IDisputes.decideListedUpdate, (round(), of_, entryOpening(target), statusOpening(target), lane)
        );
    }

    function entryOpening(uint256 target) private view returns (Opening memory) {
        uint256 position = target < DIRECT ? 0 : target - DIRECT;
        if (position >= LISTED) position = LISTED - 1;
        return open(listBlob, 1 + ENTRY * position / 1024);
    }

    function unknownList(address who, uint32 sequence) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ILedgerTypes.UnknownList.selector, who, sequence);
    }

    /// The first listed update that the report includes, or excludes.
    function includedOf(bool isIncluded) private view returns (uint32 i) {
        i = uint32(DIRECT);
        while ((statusOf(i) == 0) != isIncluded) ++i;
        ok(i < DIRECT + LISTED, "there is one");
    }

    function _refuseWith(uint32 target, ILedgerTypes.ListRecord memory of_, bytes memory reason) private {
        refuse(decision(target, of_), reason);
    }

    function _loses(uint32 target) private {
        begin(seed, DIRECT + LISTED, POSITION);
        descend(POSITION, target);
        expectRejected(Fault.WRONG_MODEL);
        decide(target);
        checkRejected();
    }

    function _losesThoughSigned(uint256 wordAt, uint256 word) private {
        uint32 target = includedOf(true);
        flaw = Flaw(true, true, target, wordAt, bytes32(word));
        _loses(target);
    }

    /// A task in its first second.
    function _fresh() private {
        _create(disputable());
    }

    /// One in which participants are selected: those with a record of their own and, or not, that of a listed one.
    function _freshSampled(uint256 target, bool isSelected) private {
        ILedgerTypes.TaskParameters memory p = disputable();
        (p.sampleRate, p.seedSeconds) = (2 ** 31, 5);
        bool isSo = false;
        for (uint256 i = 0; !isSo; ++i) {
            p.manifestDigest = keccak256(abi.encode(i));
            isSo = isDrawn(p.manifestDigest, signer(target)) == isSelected;
            for (uint256 k = 0; k < DIRECT; ++k) {
                isSo = isSo && isDrawn(p.manifestDigest, participant(k));
            }
        }
        _create(p);
        vm.warp(ledger.currentRound().openedAt);
    }

    function _create(ILedgerTypes.TaskParameters memory p) private {
        vm.warp(START);
        p.listSeconds = 50;
        ledger = createDisputable(p);
        ledger.admit(signers(DIRECT + LISTED));
        lie.isTold = false;
    }

    /// Whether the seed of the first round selects half of the people and this one, if nobody reveals a secret.
    function isDrawn(bytes32 manifestDigest, address who) private pure returns (bool) {
        bytes32 firstSeed = keccak256(abi.encode(manifestDigest, uint32(1), bytes32(0)));
        return uint256(keccak256(abi.encode(firstSeed, who))) >> 224 < 2 ** 31;
    }
}
