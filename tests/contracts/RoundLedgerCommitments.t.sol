// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Commitments} from "../../contracts/libraries/Commitments.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {CommitTest} from "./CommitTest.sol";
import {vm} from "./Vm.sol";

/// @notice The library where a vector puts it: on its chain, at the address of its ledger.
contract Committer {
    function commitmentTo(
        uint32 number,
        address participant,
        bytes32 digest,
        bytes32 cidDigest,
        uint32 weight,
        bytes32 salt
    ) external view returns (bytes32) {
        return Commitments.commitmentTo(number, participant, digest, cidDigest, weight, salt);
    }
}

contract RoundLedgerCommitmentsTest is CommitTest {
    string private constant VECTORS = "./tests/vectors/commitment/commitment.json";

    function setUp() public override {
        super.setUp();
        ledger = create(withCommitments());
    }

    // Committing

    function test_A_Round_Begins_With_Commitments() public {
        eq(phase(), Phase.COMMITTING);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.UpdateCommitted(1, participant(0), commitmentOf(0), START);
        commit(0);
        ILedgerTypes.Participant memory standing = ledger.participantOf(participant(0));
        ok(standing.isAdmitted, "admitted");
        eq(standing.lastRound, 1);
        eq(standing.lastSequence, PENDING);
        eq(bytes32(standing.lastRecord), bytes32(bytes23(commitmentOf(0))));
        eq(ledger.currentRound().numUpdates, 0);
        eq(ledger.committing().numCommitted, 1);
        eq(ledger.committing().closedAt, 0);
    }

    function test_A_Participant_Can_Commit_Until_The_Last_Second() public {
        vm.warp(commitUntil());
        commit(0);
        vm.warp(commitUntil() + 1);
        _refuseCommit(unexpectedPhase(Phase.EXPIRED, Phase.COMMITTING), 1, commitmentOf(1));
    }

    function test_Nobody_Commits_Once_Updates_Are_Revealed() public {
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        _refuseCommit(unexpectedPhase(Phase.COLLECTING, Phase.COMMITTING), 5, commitmentOf(5));
        reveal(0);
        _refuseCommit(unexpectedPhase(Phase.COLLECTING, Phase.COMMITTING), 5, commitmentOf(5));
    }

    function test_The_Target_Closes_Committing_At_Once() public {
        vm.warp(START + 10);
        commitFirst(TARGET_UPDATES);
        eq(phase(), Phase.COLLECTING);
        eq(ledger.committing().closedAt, START + 10);
        _refuseCommit(unexpectedPhase(Phase.COLLECTING, Phase.COMMITTING), 7, commitmentOf(7));
        vm.warp(START + 10 + COLLECT);
        reveal(0);
        vm.warp(START + 10 + COLLECT + 1);
        eq(phase(), Phase.EXPIRED);
    }

    function test_Nobody_Commits_Twice_In_A_Round() public {
        commit(0);
        bytes memory expected = abi.encodeWithSelector(ILedgerTypes.AlreadyCommitted.selector, 1, participant(0));
        _refuseCommit(expected, 0, commitmentOf(0));
        _refuseCommit(expected, 0, commitmentOf(1));
        eq(ledger.committing().numCommitted, 1);
    }

    function test_Nobody_Commits_Without_Admission() public {
        vm.prank(ANYBODY);
        vm.expectRevert(refusal(ILedgerTypes.NotAdmitted.selector, ANYBODY));
        ledger.commitUpdate(1, MODEL);
    }

    function test_No_Round_But_The_Current_One_Takes_Commitments(uint32 other) public {
        vm.assume(other != 1);
        vm.prank(participant(0));
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, other, 1));
        ledger.commitUpdate(other, MODEL);
    }

    function test_Too_Few_Commitments_Expire_The_Round_At_Once() public {
        commitFirst(MIN_UPDATES - 1);
        vm.warp(commitUntil() + 1);
        eq(phase(), Phase.EXPIRED);
        _refuseReveal(unexpectedPhase(Phase.EXPIRED, Phase.COLLECTING), 0, saltOf(0));
        vm.prank(ANYBODY);
        ledger.abort(1);
        eq(phase(), Phase.COMMITTING);
        eq(ledger.committing().round, 1);
        commit(0);
        eq(ledger.committing().round, 2);
        eq(ledger.committing().numCommitted, 1);
    }

    // Revealing

    function test_No_Round_But_The_Current_One_Takes_Reveals(uint32 other) public {
        vm.assume(other != 1);
        commitFirst(TARGET_UPDATES);
        vm.prank(participant(0));
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, other, 1));
        ledger.revealUpdate(other, digestOf(0), cidOf(0), WEIGHT, saltOf(0));
    }

    function test_A_Reveal_Is_A_Submission() public {
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        for (uint32 i = 0; i < MIN_UPDATES; ++i) {
            uint256 who = MIN_UPDATES - 1 - i;
            vm.expectEmit(address(ledger));
            emit ILedgerTypes.UpdateSubmitted(
                1, participant(who), i, digestOf(who), cidOf(who), WEIGHT, uint40(vm.getBlockTimestamp())
            );
            reveal(who);
            eq(ledger.participantOf(participant(who)).lastSequence, i);
        }
        eq(ledger.currentRound().numUpdates, MIN_UPDATES);
    }

    function test_Collection_Closes_Once_All_Who_Committed_Have_Revealed() public {
        commitFirst(MIN_UPDATES + 1);
        vm.warp(commitUntil() + 5);
        revealFirst(MIN_UPDATES);
        eq(phase(), Phase.COLLECTING);
        eq(ledger.currentRound().closedAt, 0);
        reveal(MIN_UPDATES);
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.currentRound().closedAt, commitUntil() + 5);
    }

    function test_A_Participant_Can_Reveal_From_The_First_Second_To_The_Last() public {
        commitFirst(MIN_UPDATES + 1);
        vm.warp(commitUntil());
        _refuseReveal(unexpectedPhase(Phase.COMMITTING, Phase.COLLECTING), 0, saltOf(0));
        vm.warp(commitUntil() + 1);
        reveal(0);
        vm.warp(revealUntil());
        reveal(1);
        vm.warp(revealUntil() + 1);
        _refuseReveal(unexpectedPhase(Phase.AGGREGATING, Phase.COLLECTING), 2, saltOf(2));
        propose();
        eq(phase(), Phase.PROPOSED);
    }

    function test_Who_Does_Not_Reveal_Is_Not_Waited_For_For_Ever() public {
        commitFirst(TARGET_UPDATES);
        reveal(0);
        vm.warp(revealUntil() + 1);
        vm.prank(ANYBODY);
        ledger.abort(1);
        eq(phase(), Phase.COMMITTING);
    }

    function test_Nothing_But_What_Was_Committed_To_Is_Revealed() public {
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        _refuseReveal(_wrong(0, digestOf(1), cidOf(0), WEIGHT, saltOf(0)), 0, digestOf(1), cidOf(0), WEIGHT, saltOf(0));
        _refuseReveal(_wrong(0, digestOf(0), cidOf(1), WEIGHT, saltOf(0)), 0, digestOf(0), cidOf(1), WEIGHT, saltOf(0));
        _refuseReveal(_wrong(0, digestOf(0), cidOf(0), 8, saltOf(0)), 0, digestOf(0), cidOf(0), 8, saltOf(0));
        _refuseReveal(_wrong(0, digestOf(0), cidOf(0), WEIGHT, saltOf(1)), 0, digestOf(0), cidOf(0), WEIGHT, saltOf(1));
        reveal(0);
    }

    function test_A_Copied_Commitment_Can_Not_Be_Revealed() public {
        bytes32 copied = commitmentOf(0);
        vm.prank(participant(1));
        ledger.commitUpdate(1, copied);
        commit(0);
        vm.warp(commitUntil() + 1);
        reveal(0);
        _refuseReveal(_wrong(1, digestOf(0), cidOf(0), WEIGHT, saltOf(0)), 1, digestOf(0), cidOf(0), WEIGHT, saltOf(0));
    }

    function test_A_Commitment_Of_Another_Round_Is_Worth_Nothing() public {
        bytes32[2] memory old = [commitmentOf(0), commitmentOf(1)];
        vm.warp(commitUntil() + 1);
        ledger.abort(1);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(participant(i));
            ledger.commitUpdate(2, old[i]);
        }
        vm.warp(commitUntil() + 1);
        _refuseReveal(_wrong(0, digestOf(0), cidOf(0), WEIGHT, saltOf(0)), 0, saltOf(0));
    }

    function test_A_Commitment_To_Another_Ledger_Is_Worth_Nothing() public {
        bytes32[2] memory other = [commitmentOf(0), commitmentOf(1)];
        ledger = create(withCommitments());
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(participant(i));
            ledger.commitUpdate(1, other[i]);
        }
        vm.warp(commitUntil() + 1);
        _refuseReveal(_wrong(0, digestOf(0), cidOf(0), WEIGHT, saltOf(0)), 0, saltOf(0));
    }

    function test_A_Commitment_On_Another_Chain_Is_Worth_Nothing() public {
        bytes32 elsewhere = keccak256(
            abi.encode(
                block.chainid + 1, address(ledger), uint32(1), participant(0), digestOf(0), cidOf(0), WEIGHT, saltOf(0)
            )
        );
        vm.prank(participant(0));
        ledger.commitUpdate(1, elsewhere);
        commit(1);
        vm.warp(commitUntil() + 1);
        _refuseReveal(_wrong(0, digestOf(0), cidOf(0), WEIGHT, saltOf(0)), 0, saltOf(0));
        reveal(1);
    }

    function test_Nobody_Reveals_Without_A_Commitment() public {
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        _refuseReveal(abi.encodeWithSelector(ILedgerTypes.NotCommitted.selector, 1, participant(5)), 5, saltOf(5));
    }

    function test_Nobody_Reveals_Twice() public {
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        reveal(0);
        _refuseReveal(abi.encodeWithSelector(ILedgerTypes.AlreadySubmitted.selector, 1, participant(0)), 0, saltOf(0));
    }

    function test_Who_Was_Removed_Reveals_Nothing() public {
        commitFirst(MIN_UPDATES);
        registry.revoke(one(participant(0)));
        ledger.remove(participant(0));
        vm.warp(commitUntil() + 1);
        _refuseReveal(refusal(ILedgerTypes.NotAdmitted.selector, participant(0)), 0, saltOf(0));
    }

    function test_What_No_Submission_May_Say_Can_Not_Be_Revealed_Either() public {
        bytes32[3] memory words = [digestOf(0), bytes32(0), digestOf(2)];
        uint32[3] memory weights = [MAX_WEIGHT + 1, WEIGHT, 0];
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 commitment = _commitment(i, words[i], cidOf(i), weights[i], saltOf(i));
            vm.prank(participant(i));
            ledger.commitUpdate(1, commitment);
        }
        vm.warp(commitUntil() + 1);
        bytes memory expected = refusal(ILedgerTypes.WeightOutOfRange.selector, MAX_WEIGHT + 1, MAX_WEIGHT);
        _refuseReveal(expected, 0, words[0], cidOf(0), weights[0], saltOf(0));
        expected = abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector);
        _refuseReveal(expected, 1, words[1], cidOf(1), weights[1], saltOf(1));
        expected = refusal(ILedgerTypes.WeightOutOfRange.selector, 0, MAX_WEIGHT);
        _refuseReveal(expected, 2, words[2], cidOf(2), weights[2], saltOf(2));
    }

    // The option

    function test_Where_A_Commitment_Is_Asked_For_No_Update_Enters_Without_One() public {
        bytes memory expected = abi.encodeWithSelector(ILedgerTypes.CommitmentsRequired.selector);
        vm.prank(participant(0));
        vm.expectRevert(expected);
        ledger.submitUpdate(1, digestOf(0), cidOf(0), WEIGHT);
        commitFirst(MIN_UPDATES);
        vm.warp(commitUntil() + 1);
        vm.prank(participant(0));
        vm.expectRevert(expected);
        ledger.submitUpdate(1, digestOf(0), cidOf(0), WEIGHT);
    }

    function test_Where_No_Commitment_Is_Asked_For_None_Is_Taken() public {
        ledger = create(parameters());
        bytes memory expected = abi.encodeWithSelector(ILedgerTypes.NoCommitments.selector);
        bytes32 commitment = commitmentOf(0);
        vm.prank(participant(0));
        vm.expectRevert(expected);
        ledger.commitUpdate(1, commitment);
        _refuseReveal(expected, 0, saltOf(0));
        eq(ledger.committing().round, 0);
    }

    function test_A_Task_Without_Commitments_Never_Touches_Their_Slot() public {
        ledger = create(parameters());
        enter(Phase.FINALIZED);
        eq(vm.load(address(ledger), bytes32(uint256(13))), 0);
    }

    function test_Any_Time_To_Commit_Is_Kept_As_Given(uint32 commitSeconds) public {
        ILedgerTypes.TaskParameters memory p = parameters();
        p.commitSeconds = commitSeconds;
        eq(new RoundLedger(p, committee()).parameters(), p);
    }

    // From round to round

    function test_A_Task_With_Commitments_Runs_To_Its_End() public {
        for (uint256 i = 0; i < NUM_ROUNDS; ++i) {
            commitFirst(TARGET_UPDATES);
            revealFirst(TARGET_UPDATES);
            propose();
            vm.warp(vm.getBlockTimestamp() + CHALLENGE);
            finalize();
        }
        eq(phase(), Phase.FINALIZED);
    }

    function test_A_Pause_Moves_The_Time_To_Commit() public {
        ledger.pause(1000);
        vm.warp(commitUntil() + 1);
        ledger.abort(1);
        eq(phase(), Phase.SCHEDULED);
        _refuseCommit(unexpectedPhase(Phase.SCHEDULED, Phase.COMMITTING), 0, commitmentOf(0));
        vm.warp(openedAt());
        commit(0);
        vm.warp(commitUntil());
        commit(1);
        vm.warp(commitUntil() + 1);
        eq(phase(), Phase.COLLECTING);
    }

    function test_A_Stopped_Round_Takes_No_Commitment_And_No_Reveal() public {
        commitFirst(MIN_UPDATES);
        ledger.stop();
        _refuseCommit(unexpectedPhase(Phase.ABORTED, Phase.COMMITTING), 5, commitmentOf(5));
        vm.warp(commitUntil() + 1);
        _refuseReveal(unexpectedPhase(Phase.ABORTED, Phase.COLLECTING), 0, saltOf(0));
    }

    function test_From_Every_Point_A_Round_With_Commitments_Can_Be_Moved_On(
        uint8 commitments,
        uint8 reveals,
        uint16 later,
        bool isProposed
    ) public {
        uint256 count = commitments % (TARGET_UPDATES + 1);
        commitFirst(count);
        if (phase() != Phase.COLLECTING) vm.warp(commitUntil() + 1);
        if (phase() == Phase.COLLECTING) revealFirst(reveals % (count + 1));
        if (phase() == Phase.AGGREGATING && isProposed) propose();
        vm.warp(vm.getBlockTimestamp() + later);
        if (phase() != Phase.PROPOSED) vm.warp(revealUntil() + COLLECT + AGGREGATE + 1);
        else vm.warp(vm.getBlockTimestamp() + CHALLENGE);
        vm.prank(ANYBODY);
        if (phase() == Phase.PROPOSED) ledger.finalize(1);
        else ledger.abort(1);
        eq(round(), 2);
        eq(phase(), Phase.COMMITTING);
    }

    function test_Commitments_Are_The_Golden_Words() public {
        string memory json = vm.readFile(VECTORS);
        uint256 count = vm.parseJsonUint(json, ".count");
        ok(count > 10, "the vectors are read");
        uint256 compared = 0;
        Committer committer = new Committer();
        for (uint256 i = 0; i < count; ++i) {
            string memory path = string.concat(".cases[", vm.toString(i), "].");
            // This chain is the one that it is; Python reads those of others.
            if (vm.parseJsonUint(json, string.concat(path, "chain_id")) != block.chainid) continue;
            ++compared;
            address target = address(bytes20(vm.parseBytes(_text(json, path, "ledger"))));
            vm.etch(target, address(committer).code);
            bytes32 actual = Committer(target).commitmentTo(
                uint32(vm.parseJsonUint(json, string.concat(path, "round"))),
                address(bytes20(vm.parseBytes(_text(json, path, "participant")))),
                _word(json, path, "digest"),
                _word(json, path, "cid_digest"),
                uint32(vm.parseJsonUint(json, string.concat(path, "weight"))),
                _word(json, path, "salt")
            );
            eq(actual, _word(json, path, "commitment"));
        }
        ok(compared > 8, "most of them are of this chain");
    }

    function _text(string memory json, string memory path, string memory key) private pure returns (string memory) {
        return vm.parseJsonString(json, string.concat(path, key));
    }

    function _word(string memory json, string memory path, string memory key) private pure returns (bytes32) {
        return vm.parseBytes32(string.concat("0x", _text(json, path, key)));
    }

    function _commitment(uint256 i, bytes32 digest, bytes32 cid, uint32 weight, bytes32 salt)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(block.chainid, address(ledger), round(), participant(i), digest, cid, weight, salt)
        );
    }

    function _wrong(uint256 i, bytes32 digest, bytes32 cid, uint32 weight, bytes32 salt)
        private
        view
        returns (bytes memory)
    {
        return
            abi.encodeWithSelector(ILedgerTypes.WrongReveal.selector, _commitment(i, digest, cid, weight, salt));
    }

    function _refuseCommit(bytes memory expected, uint256 i, bytes32 commitment) private {
        _refuse(expected, participant(i), abi.encodeCall(IRoundLedger.commitUpdate, (round(), commitment)));
    }

    function _refuseReveal(bytes memory expected, uint256 i, bytes32 salt) private {
        _refuseReveal(expected, i, digestOf(i), cidOf(i), WEIGHT, salt);
    }

    function _refuseReveal(
        bytes memory expected,
        uint256 i,
        bytes32 digest,
        bytes32 cid,
        uint32 weight,
        bytes32 salt
    ) private {
        _refuse(
            expected,
            participant(i),
            abi.encodeCall(IRoundLedger.revealUpdate, (round(), digest, cid, weight, salt))
        );
    }

    /// Also checks that what is refused leaves no trace.
    function _refuse(bytes memory expected, address sender, bytes memory call) private {
        bytes32 history = ledger.historyHash();
        vm.prank(sender);
        (bool isAccepted, bytes memory answer) = address(ledger).call(call);
        ok(!isAccepted, "refused");
        eq(answer, expected);
        eq(ledger.historyHash(), history);
    }
}
