// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {vm} from "./Vm.sol";

/// @notice Challenges, and asks for its money again while it is being paid.
contract GreedyChallenger {
    ILedger private immutable _ledger;
    uint256 public tries;

    constructor(ILedger ledger_) {
        _ledger = ledger_;
    }

    function challenge(Question question, uint32 position) external payable {
        _ledger.challenge{value: msg.value}(1, question, position);
    }

    function claim() external {
        _ledger.claimPayout();
    }

    receive() external payable {
        ++tries;
        (bool isPaidAgain,) = address(_ledger).call(abi.encodeCall(IRoundLedger.claimPayout, ()));
        if (isPaidAgain) revert();
    }
}

/// @notice How disputes end that no update decides, and what is left of them.
contract RoundLedgerDisputeEndsTest is DisputeTest {
    uint32 private constant POSITION = 600;
    bytes32 private constant OTHER_MODEL = keccak256("another model");

    function setUp() public override {
        super.setUp();
        begin("ends", 40, POSITION);
    }

    /// Brings a dispute to each of the six points at which somebody is awaited.
    function _enterStage(uint256 point) private {
        if (point == 0) ask(Question.HEADER, 0);
        else if (point == 1) ask(Question.STATUS, 39);
        else ask(Question.VALUE, POSITION);
        if (point > 2) answerValue(POSITION);
        if (point > 3) selectPart(7);
        if (point > 4) {
            splitPart();
            selectPart(7);
        }
    }

    function test_Silence_Loses_At_Every_Stage_And_Not_A_Second_Too_Early(uint256 point) public {
        point = point % 6;
        _enterStage(point);
        uint40 until = now_() + CHALLENGE;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.MoveNotOver.selector, until));
        ledger.concludeDispute(1);
        vm.warp(until + 1);
        bool isChallengersMove = point == 3;
        if (isChallengersMove) expectFailed(Fault.SILENCE);
        else expectRejected(Fault.SILENCE);
        vm.prank(ANYBODY);
        ledger.concludeDispute(1);
        if (isChallengersMove) checkFailed();
        else checkRejected();
        checkMoney(BOND / 2);
    }

    function test_A_Quorum_For_The_Model_Decides_In_A_Dispute(uint256 point, uint32 later) public {
        _enterStage(point % 6);
        vm.warp(now_() + later);
        attestTo(2, digest(model));
        eq(ledger.modelDigestOf(1), digest(model));
        checkNoDispute();
        eq(ledger.payoutOf(CHALLENGER), BOND);
        checkMoney(0);
    }

    function test_A_Quorum_Against_The_Model_Decides_In_A_Dispute(uint256 point, uint32 later) public {
        _enterStage(point % 6);
        vm.warp(now_() + later);
        attestTo(1, OTHER_MODEL);
        eq(phase(), Phase.CHALLENGED);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ProposalRejected(1, aggregator(0), Fault.OVERRULED, now_());
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(aggregator(0), address(0), BOND, Fault.OVERRULED, now_());
        attestTo(2, OTHER_MODEL);
        checkNoDispute();
        eq(ledger.payoutOf(CHALLENGER), BOND);
        checkMoney(BOND);
    }

    function test_Stopping_In_A_Dispute_Gives_The_Deposit_Back(uint256 point, uint32 later) public {
        _enterStage(point % 6);
        vm.warp(now_() + later);
        ledger.stop();
        eq(phase(), Phase.ABORTED);
        eq(ledger.modelDigestOf(1), bytes32(0));
        checkNoDispute();
        checkMoney(0);
    }

    function test_Stopping_After_A_Challenge_That_Failed_Gives_Nothing_Back() public {
        ask(Question.HEADER, 0);
        answerHeader();
        ledger.stop();
        checkNoDispute();
        eq(ledger.payoutOf(CHALLENGER), 0);
        checkMoney(BOND / 2);
    }

    function test_A_Proposer_That_Equivocates_In_A_Dispute_Has_No_Bond_Left_To_Win() public {
        _enterStage(5);
        attestTo(0, OTHER_MODEL);
        eq(ledger.aggregatorOf(aggregator(0)).bond, 0);
        eq(phase(), Phase.CHALLENGED);
        lateness(1);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ProposalRejected(1, aggregator(0), Fault.SILENCE, now_());
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(aggregator(0), CHALLENGER, 0, Fault.SILENCE, now_());
        ledger.concludeDispute(1);
        eq(ledger.aggregatorOf(aggregator(0)).barredIn, type(uint32).max);
        eq(ledger.payoutOf(CHALLENGER), BOND);
        eq(ledger.payoutOf(ANYBODY), BOND / 2);
        claim(ANYBODY);
        checkMoney(BOND / 2);
    }

    function test_A_Proposer_That_Equivocated_Can_Still_Defend_Its_Model() public {
        attestTo(0, OTHER_MODEL);
        descend(POSITION, 7);
        decideUpdate(7);
        eq(ledger.payoutOf(aggregator(0)), BOND / 2);
        vm.warp(now_() + CHALLENGE);
        finalize();
        eq(ledger.modelDigestOf(1), digest(model));
    }

    function test_A_Second_Challenge_Can_Follow_A_Failed_One_And_Knows_Nothing_Of_It() public {
        _enterStage(3);
        lateness(1);
        ledger.concludeDispute(1);
        vm.warp(now_() + CHALLENGE); // the last chance, if nobody is quicker
        ask(Question.HEADER, 0);
        ILedgerTypes.Dispute memory d;
        (d.round, d.challenger, d.until) = (1, CHALLENGER, now_() + CHALLENGE);
        (d.question, d.stage) = (Question.HEADER, Stage.ASKED);
        eq(abi.encode(ledger.dispute()), abi.encode(d));
        lateness(1);
        expectRejected(Fault.SILENCE);
        ledger.concludeDispute(1);
        eq(ledger.payoutOf(CHALLENGER), BOND + BOND / 2);
        eq(ledger.payoutOf(aggregator(0)), BOND / 2);
        checkMoney(BOND);
    }

    function test_The_Next_Proposal_Of_The_Round_Has_A_Window_And_Disputes_Of_Its_Own() public {
        ask(Question.HEADER, 0);
        answerHeader(); // a window that has begun again
        vm.warp(now_() + 5);
        ask(Question.VALUE, POSITION);
        lateness(1);
        ledger.concludeDispute(1);
        checkNoDispute();
        vm.warp(now_() + 1 + AGGREGATE);
        (bytes32 modelDigest, bytes32 reportDigest) = (digest(model), digest(report));
        vm.prank(aggregator(1));
        ledger.propose(1, modelDigest, MODEL_CID, reportDigest, REPORT_CID);
        ask(Question.HEADER, 0);
        answerHeader();
        eq(ledger.payoutOf(aggregator(1)), BOND / 2);
        checkWindow(now_() + CHALLENGE);
        checkNoDispute();
    }

    function test_The_Next_Round_Knows_Nothing_Of_A_Challenge_That_Failed() public {
        ask(Question.HEADER, 0);
        answerHeader();
        attestTo(2, digest(model));
        checkNoDispute();
        base = model;
        begin("next", 1, POSITION);
        checkWindow(now_() + CHALLENGE);
    }

    function test_In_A_Dispute_No_Other_Round_Takes_Attestations(uint32 other) public {
        vm.assume(other != 1);
        ask(Question.HEADER, 0);
        (bytes32 modelDigest, bytes32 reportDigest) = (digest(model), digest(report));
        Signature[] memory signatures = list(signResult(2, other, modelDigest));
        refuse(
            abi.encodeCall(ledger.attest, (other, modelDigest, reportDigest, signatures)),
            refusal(ILedgerTypes.UnexpectedRound.selector, other, 1)
        );
    }

    function test_A_Pause_Moves_No_Deadline_Of_A_Dispute() public {
        ask(Question.HEADER, 0);
        uint40 until = ledger.dispute().until;
        ledger.pause(1000);
        eq(phase(), Phase.CHALLENGED);
        vm.warp(until + 1);
        ledger.concludeDispute(1);
        eq(phase(), Phase.AGGREGATING);
    }

    function test_A_Participant_That_Is_Removed_Takes_No_Update_From_A_Dispute() public {
        _enterStage(5);
        registry.revoke(one(participant(7)));
        ledger.remove(participant(7));
        decideUpdate(7);
        checkFailed();
    }

    function test_A_Deposit_Cannot_Be_Claimed_From_Within_Itself(uint96 forced) public {
        GreedyChallenger greedy = new GreedyChallenger(ledger);
        vm.deal(address(this), BOND);
        greedy.challenge{value: BOND}(Question.VALUE, POSITION);
        vm.deal(address(ledger), address(ledger).balance + forced);
        vm.warp(now_() + CHALLENGE + 1);
        ledger.concludeDispute(1);
        greedy.claim();
        eq(greedy.tries(), 1);
        eq(address(greedy).balance, BOND + BOND / 2);
        checkMoney(BOND / 2 + uint256(forced));
    }

    function test_A_Proposer_That_Disputes_With_Itself_Loses_Money_Either_Way() public {
        challengeAs(aggregator(0), Question.HEADER, 0);
        answerHeader();
        challengeAs(aggregator(0), Question.VALUE, POSITION);
        lateness(1);
        ledger.concludeDispute(1);
        eq(ledger.payoutOf(aggregator(0)), BOND / 2 + BOND + BOND / 2);
        checkMoney(BOND);
    }

    function test_Who_Cannot_Be_Found_Silent_Loses_Nothing() public {
        // The second aggregator proposes after the first one's turn; who attested meanwhile is not silent.
        vm.warp(START);
        createDisputable(disputable());
        submitBlobs(40);
        vm.warp(collectUntil() + AGGREGATE);
        (bytes32 modelDigest, bytes32 reportDigest) = (digest(model), digest(report));
        vm.prank(aggregator(1));
        ledger.propose(1, modelDigest, MODEL_CID, reportDigest, REPORT_CID);
        attestTo(0, OTHER_MODEL);
        vm.warp(now_() + CHALLENGE);
        finalize();
        eq(ledger.aggregatorOf(aggregator(0)).bond, BOND);
        eq(ledger.aggregatorOf(aggregator(2)).bond, BOND); // its turn had not come
    }

    function test_Who_Had_No_Bond_Could_Not_Act_And_Loses_Nothing() public {
        vm.warp(START);
        ledger = create(disputable());
        deposit(0, BOND - 1);
        deposit(1, BOND);
        submitFirst(1);
        vm.warp(collectUntil() + AGGREGATE);
        vm.prank(aggregator(1));
        ledger.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
        vm.warp(now_() + CHALLENGE);
        finalize();
        eq(ledger.modelDigestOf(1), MODEL);
        eq(ledger.aggregatorOf(aggregator(0)).bond, BOND - 1);
        eq(ledger.aggregatorOf(aggregator(0)).barredIn, 0);
    }

    function test_Who_Let_Its_Turn_Pass_And_Said_Nothing_Loses_Its_Bond_To_Nobody() public {
        vm.warp(START);
        createDisputable(disputable());
        submitBlobs(40);
        vm.warp(collectUntil() + AGGREGATE);
        (bytes32 modelDigest, bytes32 reportDigest) = (digest(model), digest(report));
        vm.prank(aggregator(1));
        ledger.propose(1, modelDigest, MODEL_CID, reportDigest, REPORT_CID);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(aggregator(0), address(0), BOND, Fault.SILENCE, now_());
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundFinalized(1, modelDigest, now_());
        attestTo(2, modelDigest);
        eq(ledger.aggregatorOf(aggregator(0)).barredIn, 1);
        checkMoney(BOND);
    }
}
