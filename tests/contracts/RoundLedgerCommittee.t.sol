// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Signature} from "../../contracts/libraries/Attestations.sol";
import {Fault} from "../../contracts/libraries/Faults.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {CommitteeTest} from "./CommitteeTest.sol";
import {vm} from "./Vm.sol";

contract RoundLedgerTurnsTest is CommitteeTest {
    function test_The_First_Turn_Goes_Around() public {
        for (uint256 i = 0; i < 5; ++i) {
            submitFirst(TARGET_UPDATES);
            proposeAs(i % 3, MODEL);
            attestAs((i + 1) % 3, MODEL);
        }
        eq(phase(), Phase.FINALIZED);
    }

    function test_The_Next_Aggregator_May_Propose_Once_Its_Turn_Has_Come() public {
        submitFirst(TARGET_UPDATES);
        for (uint256 i = 1; i < 3; ++i) {
            uint256 from = START + i * AGGREGATE;
            vm.warp(from - 1);
            vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.OutOfTurn.selector, aggregator(i), from));
            vm.prank(aggregator(i));
            ledger.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
        }
        vm.warp(START + 2 * AGGREGATE);
        proposeAs(2, MODEL);
        eq(ledger.proposal().proposer, aggregator(2));
    }

    function test_Turns_Begin_When_Time_Closes_Collection() public {
        submitFirst(MIN_UPDATES);
        vm.warp(collectUntil() + AGGREGATE);
        proposeAs(1, MODEL);
    }

    function test_An_Earlier_Aggregator_May_Still_Propose() public {
        submitFirst(TARGET_UPDATES);
        vm.warp(aggregateUntil());
        proposeAs(0, MODEL);
    }

    function test_Silent_Aggregators_Expire_The_Round() public {
        submitFirst(TARGET_UPDATES);
        vm.warp(START + 3 * AGGREGATE);
        eq(phase(), Phase.AGGREGATING);
        vm.warp(START + 3 * AGGREGATE + 1);
        eq(phase(), Phase.EXPIRED);
    }

    function test_Nobody_Proposes_Without_Its_Bond(uint96 bond) public {
        bond = bond % BOND;
        ILedgerTypes.TaskParameters memory p = parameters();
        p.bond = BOND;
        ledger = create(p);
        if (bond != 0) deposit(0, bond);
        submitFirst(TARGET_UPDATES);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.BondTooLow.selector, bond, BOND));
        vm.prank(aggregator(0));
        ledger.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
    }
}

contract RoundLedgerAttestTest is CommitteeTest {
    function setUp() public override {
        super.setUp();
        submitFirst(TARGET_UPDATES);
        propose();
    }

    function test_A_Quorum_Makes_The_Model_Final_At_Once() public {
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ModelAttested(1, aggregator(2), MODEL, REPORT, START);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundFinalized(1, MODEL, START);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundOpened(2, 1, START, START);
        attestAs(2, MODEL);
        eq(ledger.modelDigestOf(1), MODEL);
        eq(ledger.aggregatorOf(aggregator(2)).attestedIn, 1);
        eq(ledger.aggregatorOf(aggregator(2)).attestedAt, START);
    }

    function test_One_Voice_Against_Decides_Nothing() public {
        attestAs(1, OTHER);
        eq(phase(), Phase.PROPOSED);
        eq(ledger.proposal().numFor, 1);
        eq(ledger.proposal().numAgainst, 1);
        attestAs(2, MODEL);
        eq(ledger.modelDigestOf(1), MODEL);
    }

    function test_A_Quorum_Against_Rejects_The_Model_And_Takes_The_Bond() public {
        attestAs(1, OTHER);
        vm.warp(START + 7);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ModelAttested(1, aggregator(2), keccak256("a third"), REPORT, START + 7);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.ProposalRejected(1, aggregator(0), Fault.OVERRULED, START + 7);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(aggregator(0), address(0), BOND, Fault.OVERRULED, START + 7);
        attestAs(2, keccak256("a third"));
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.aggregatorOf(aggregator(0)).bond, 0);
        eq(ledger.currentRound().closedAt, START + 8);
        eq(ledger.modelDigestOf(1), bytes32(0));
    }

    function test_After_A_Rejection_The_Turns_Begin_Again_Without_The_One_At_Fault() public {
        attestAs(1, OTHER);
        attestAs(2, OTHER);
        deposit(0, BOND);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AggregatorBarred.selector, 1));
        vm.prank(aggregator(0));
        ledger.propose(1, OTHER, MODEL_CID, REPORT, REPORT_CID);
        vm.warp(START + AGGREGATE);
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.OutOfTurn.selector, aggregator(1), START + AGGREGATE + 1)
        );
        vm.prank(aggregator(1));
        ledger.propose(1, OTHER, MODEL_CID, REPORT, REPORT_CID);
        vm.warp(START + AGGREGATE + 1);
        proposeAs(1, OTHER);
        vm.warp(START + AGGREGATE + 1 + CHALLENGE);
        finalize();
        eq(ledger.modelDigestOf(1), OTHER);
    }

    function test_What_Was_Signed_Against_One_Proposal_Counts_For_The_Next() public {
        attestAs(1, OTHER);
        attestAs(2, OTHER);
        vm.warp(START + AGGREGATE + 1);
        proposeAs(1, OTHER);
        eq(ledger.proposal().numFor, 1);
        attestAs(2, OTHER);
        eq(ledger.modelDigestOf(1), OTHER);
    }

    function test_An_Equivocation_Of_Before_The_Proposal_Takes_Nothing_From_It() public {
        attestAs(1, OTHER);
        attestAs(2, OTHER);
        vm.warp(START + AGGREGATE + 1);
        proposeAs(1, OTHER);
        attestAs(2, MODEL);
        eq(ledger.aggregatorOf(aggregator(2)).barredIn, type(uint32).max);
        eq(ledger.proposal().numFor, 1);
        eq(ledger.proposal().numAgainst, 0);
    }

    function test_Who_Attested_Against_A_Model_Cannot_Propose_It() public {
        attestAs(1, OTHER);
        attestAs(2, OTHER);
        vm.warp(START + AGGREGATE + 1);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.AlreadyAttested.selector, 1, aggregator(1)));
        vm.prank(aggregator(1));
        ledger.propose(1, MODEL, MODEL_CID, REPORT, REPORT_CID);
    }

    function test_Nobody_Attests_Twice() public {
        attestAs(1, OTHER);
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.AlreadyAttested.selector, 1, aggregator(1)), list(sign(1, 1, OTHER)), OTHER
        );
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.AlreadyAttested.selector, 1, aggregator(0)), list(sign(0, 1, MODEL)), MODEL
        );
    }

    function test_A_Second_Result_Costs_The_Bond_And_Takes_The_First_Back() public {
        attestAs(1, OTHER);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(aggregator(1), ANYBODY, BOND, Fault.EQUIVOCATION, START);
        attestAs(1, MODEL);
        eq(ledger.proposal().numFor, 1);
        eq(ledger.proposal().numAgainst, 0);
        eq(ledger.payoutOf(ANYBODY), BOND / 2);
        eq(ledger.aggregatorOf(aggregator(1)).bond, 0);
        eq(ledger.aggregatorOf(aggregator(1)).barredIn, type(uint32).max);
    }

    function test_A_Proposer_That_Signs_Another_Result_Counts_No_More() public {
        attestAs(0, OTHER);
        eq(ledger.proposal().numFor, 0);
        attestAs(1, MODEL);
        eq(phase(), Phase.PROPOSED);
        attestAs(2, MODEL);
        eq(ledger.modelDigestOf(1), MODEL);
    }

    function test_An_Equivocator_That_Is_Overruled_Stays_Barred_For_Good() public {
        attestAs(1, OTHER);
        attestAs(0, OTHER);
        attestAs(2, OTHER);
        eq(phase(), Phase.AGGREGATING);
        eq(ledger.aggregatorOf(aggregator(0)).barredIn, type(uint32).max);
    }

    function test_Several_Signatures_Count_In_One_Call_Up_To_The_Quorum() public {
        Signature[] memory both = new Signature[](2);
        (both[0], both[1]) = (sign(1, 1, MODEL), sign(2, 1, MODEL));
        ledger.attest(1, MODEL, REPORT, both);
        eq(round(), 2);
        eq(ledger.aggregatorOf(aggregator(1)).attestedIn, 1);
        eq(ledger.aggregatorOf(aggregator(2)).attestedIn, 0);
    }

    function test_A_Signature_For_Another_Ledger_Chain_Round_Or_Report_Is_Of_Nobody_Here(uint32 number, uint64 chainId)
        public
    {
        vm.assume(number != 1 && chainId != block.chainid);
        _expectStranger(pack(1, digestToSign(address(registry), block.chainid, 1, MODEL)));
        _expectStranger(pack(1, digestToSign(address(ledger), chainId, 1, MODEL)));
        _expectStranger(pack(1, digestToSign(address(ledger), block.chainid, number, MODEL)));
        _expectStranger(sign(1, 1, OTHER));
        _expectStranger(keccak256("another report"), sign(1, 1, MODEL));
    }

    function test_The_Other_Form_Of_A_Signature_Is_Refused(uint128 above) public {
        _expectStranger(twin(sign(1, 1, MODEL)));
        // The few values of s above half of the order that 255 bits can hold.
        bytes32 vs = bytes32((ORDER >> 1) + 1 + above % (2 ** 255 - 1 - (ORDER >> 1)));
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.NotAggregator.selector, address(0)),
            list(Signature(sign(1, 1, MODEL).r, vs)),
            MODEL
        );
    }

    function test_A_Flipped_Bit_Makes_It_Somebody_Elses_Signature(uint16 bit) public {
        Signature memory signature = sign(1, 1, MODEL);
        bit = bit % 512;
        if (bit < 256) signature.r ^= bytes32(1 << bit);
        else signature.vs ^= bytes32(1 << (bit - 256));
        _expectStranger(signature);
    }

    function test_A_Signature_Of_A_Stranger_Is_Refused(uint128 key) public {
        vm.assume(key > 3);
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.NotAggregator.selector, vm.addr(key)),
            list(pack(key - 1, digestToSign(address(ledger), block.chainid, 1, MODEL))),
            MODEL
        );
    }

    function test_Nobody_Attests_Without_A_Bond_Or_After_A_Fault() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        (p.quorum, p.bond) = (2, BOND);
        ledger = create(p);
        deposit(0, BOND);
        submitFirst(TARGET_UPDATES);
        propose();
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.BondTooLow.selector, 0, BOND), list(sign(1, 1, MODEL)), MODEL
        );
        deposit(1, BOND);
        attestAs(1, OTHER);
        attestAs(1, MODEL);
        _expectRefusal(
            abi.encodeWithSelector(ILedgerTypes.AggregatorBarred.selector, type(uint32).max),
            list(sign(1, 1, MODEL)),
            MODEL
        );
    }

    function test_Without_A_Quorum_In_The_Task_Only_The_Window_Decides() public {
        ILedgerTypes.TaskParameters memory p = parameters();
        ledger = create(p);
        submitFirst(TARGET_UPDATES);
        propose();
        for (uint256 i = 1; i < 3; ++i) {
            attestAs(i, OTHER);
        }
        eq(phase(), Phase.PROPOSED);
        vm.warp(START + CHALLENGE);
        finalize();
        eq(ledger.modelDigestOf(1), MODEL);
    }

    function _expectStranger(Signature memory signature) private {
        _expectStranger(REPORT, signature);
    }

    /// Whoever the signature recovers to, it is no aggregator.
    function _expectStranger(bytes32 report, Signature memory signature) private {
        bytes32 history = ledger.historyHash();
        (bool isTaken, bytes memory answer) =
            address(ledger).call(abi.encodeCall(IRoundLedger.attest, (1, MODEL, report, list(signature))));
        ok(!isTaken, "the signature is not taken");
        eq(bytes32(bytes4(answer)), bytes32(ILedgerTypes.NotAggregator.selector));
        eq(ledger.historyHash(), history);
    }

    function _expectRefusal(bytes memory expected, Signature[] memory signatures, bytes32 model) private {
        vm.expectRevert(expected);
        ledger.attest(1, model, REPORT, signatures);
    }
}

contract RoundLedgerEquivocationTest is CommitteeTest {
    function test_Two_Results_For_One_Round_Cost_The_Bond_Whenever_They_Are_Shown() public {
        ILedgerTypes.Attestation memory one_ = attestation(2, 77, MODEL);
        ILedgerTypes.Attestation memory other = attestation(2, 77, OTHER);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondSlashed(aggregator(2), ANYBODY, BOND, Fault.EQUIVOCATION, START);
        vm.prank(ANYBODY);
        ledger.proveEquivocation(one_, other);
        eq(ledger.aggregatorOf(aggregator(2)).bond, 0);
        vm.prank(ANYBODY);
        ledger.claimPayout();
        eq(ANYBODY.balance, BOND / 2);
    }

    function test_An_Equivocation_Is_Fined_Once_And_For_Good() public {
        ILedgerTypes.Attestation memory one_ = attestation(2, 1, MODEL);
        ILedgerTypes.Attestation memory other = attestation(2, 1, OTHER);
        ledger.proveEquivocation(one_, other);
        bytes memory barred = abi.encodeWithSelector(ILedgerTypes.AggregatorBarred.selector, type(uint32).max);
        vm.expectRevert(barred);
        ledger.proveEquivocation(one_, other);
        vm.deal(aggregator(2), BOND);
        vm.expectRevert(barred);
        vm.prank(aggregator(2));
        ledger.depositBond{value: BOND}();
    }

    function test_An_Equivocation_Shown_During_The_Proposal_Takes_The_Attestation_Back() public {
        submitFirst(TARGET_UPDATES);
        propose();
        attestAs(1, OTHER);
        ledger.proveEquivocation(attestation(1, 1, OTHER), attestation(1, 1, MODEL));
        eq(ledger.proposal().numAgainst, 0);
        attestAs(2, OTHER);
        eq(phase(), Phase.PROPOSED);
    }

    function test_One_Result_Or_Two_Rounds_Or_Two_Signers_Are_No_Equivocation(uint32 number, uint32 other) public {
        vm.assume(number != other);
        _expectNone(attestation(2, number, MODEL), attestation(2, number, MODEL));
        _expectNone(attestation(2, number, MODEL), attestation(2, other, OTHER));
        _expectNone(attestation(2, number, MODEL), attestation(1, number, OTHER));
        ILedgerTypes.Attestation memory malleable = attestation(2, number, OTHER);
        malleable.signature = twin(malleable.signature);
        _expectNone(attestation(2, number, MODEL), malleable);
        _expectNone(malleable, attestation(2, number, MODEL));
    }

    function test_Two_Results_Of_A_Stranger_Are_Nobodys_Fault() public {
        ILedgerTypes.Attestation memory one_ = attestation(9, 1, MODEL);
        ILedgerTypes.Attestation memory other = attestation(9, 1, OTHER);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NotAggregator.selector, aggregator(9)));
        ledger.proveEquivocation(one_, other);
    }

    function test_What_Nobody_Signed_Is_No_Equivocation(uint128 above) public {
        bytes32 vs = bytes32((ORDER >> 1) + 1 + above % (2 ** 255 - 1 - (ORDER >> 1)));
        ILedgerTypes.Attestation memory one_ = attestation(2, 1, MODEL);
        ILedgerTypes.Attestation memory other = attestation(2, 1, OTHER);
        (one_.signature.vs, other.signature.vs) = (vs, vs);
        _expectNone(one_, other);
    }

    function _expectNone(ILedgerTypes.Attestation memory one_, ILedgerTypes.Attestation memory other) private {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NoEquivocation.selector));
        ledger.proveEquivocation(one_, other);
    }
}

/// @notice Takes its payout by asking for it again while it is being paid.
contract Thief {
    ILedger private immutable _ledger;
    uint256 public tries;
    bool private immutable _takes;

    constructor(ILedger ledger_, bool takes) {
        _ledger = ledger_;
        _takes = takes;
    }

    function show(ILedgerTypes.Attestation calldata one, ILedgerTypes.Attestation calldata other) external {
        _ledger.proveEquivocation(one, other);
    }

    function claim() external {
        _ledger.claimPayout();
    }

    receive() external payable {
        if (!_takes) revert();
        ++tries;
        (bool isPaidAgain,) = address(_ledger).call(abi.encodeCall(IRoundLedger.claimPayout, ()));
        if (isPaidAgain) revert();
    }
}

contract RoundLedgerBondTest is CommitteeTest {
    function test_A_Deposit_Adds_To_The_Bond() public {
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondDeposited(aggregator(0), 5, START);
        deposit(0, 5);
        eq(ledger.aggregatorOf(aggregator(0)).bond, BOND + 5);
        eq(address(ledger).balance, 3 * uint256(BOND) + 5);
    }

    function test_Only_Aggregators_Deposit_And_Not_Nothing() public {
        vm.deal(ANYBODY, 1);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.NotAggregator.selector, ANYBODY));
        vm.prank(ANYBODY);
        ledger.depositBond{value: 1}();
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("bond"), uint256(BOND))
        );
        vm.prank(aggregator(0));
        ledger.depositBond();
    }

    function test_No_Bond_Exceeds_Its_Slot() public {
        vm.deal(aggregator(0), 2 ** 96);
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("bond"), 2 ** 96)
        );
        vm.prank(aggregator(0));
        ledger.depositBond{value: 2 ** 96 - BOND}();
    }

    function test_Bonds_Are_Free_A_Window_After_The_End_And_Not_A_Second_Before() public {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.BondLocked.selector, type(uint256).max));
        vm.prank(aggregator(0));
        ledger.withdrawBond();
        vm.warp(START + 5);
        ledger.stop();
        uint256 from = START + 5 + CHALLENGE;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.BondLocked.selector, from));
        vm.prank(aggregator(0));
        ledger.withdrawBond();
        vm.warp(from);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.BondWithdrawn(aggregator(0), BOND, uint40(from));
        vm.prank(aggregator(0));
        ledger.withdrawBond();
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.PayoutClaimed(aggregator(0), BOND, uint40(from));
        vm.prank(aggregator(0));
        ledger.claimPayout();
        eq(aggregator(0).balance, BOND);
    }

    function test_Bonds_Are_Free_After_The_Last_Round_As_Well() public {
        for (uint256 i = 0; i < 5; ++i) {
            submitFirst(TARGET_UPDATES);
            proposeAs(i % 3, MODEL);
            attestAs((i + 1) % 3, MODEL);
        }
        vm.warp(START + CHALLENGE);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(aggregator(i));
            ledger.withdrawBond();
            vm.prank(aggregator(i));
            ledger.claimPayout();
        }
        eq(address(ledger).balance, 0);
    }

    function test_Nobody_Is_Paid_Twice() public {
        ledger.stop();
        vm.warp(START + CHALLENGE);
        vm.prank(aggregator(0));
        ledger.withdrawBond();
        bytes memory nothing = abi.encodeWithSelector(ILedgerTypes.NothingToPay.selector, aggregator(0));
        vm.expectRevert(nothing);
        vm.prank(aggregator(0));
        ledger.withdrawBond();
        vm.prank(aggregator(0));
        ledger.claimPayout();
        vm.expectRevert(nothing);
        vm.prank(aggregator(0));
        ledger.claimPayout();
    }

    function test_A_Payout_Cannot_Be_Claimed_From_Within_Itself() public {
        Thief thief = new Thief(ledger, true);
        thief.show(attestation(2, 1, MODEL), attestation(2, 1, OTHER));
        thief.claim();
        eq(thief.tries(), 1);
        eq(address(thief).balance, BOND / 2);
    }

    function test_A_Payout_That_Is_Not_Taken_Stays_Due() public {
        Thief thief = new Thief(ledger, false);
        thief.show(attestation(2, 1, MODEL), attestation(2, 1, OTHER));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.PayoutRefused.selector, address(thief)));
        thief.claim();
        eq(ledger.payoutOf(address(thief)), BOND / 2);
    }

    function test_Forced_Ether_Changes_No_Book(uint96 wei_) public {
        uint256 before = ledger.aggregatorOf(aggregator(0)).bond;
        vm.deal(address(ledger), address(ledger).balance + wei_);
        eq(ledger.aggregatorOf(aggregator(0)).bond, before);
        ledger.stop();
        vm.warp(START + CHALLENGE);
        vm.prank(aggregator(0));
        ledger.withdrawBond();
        eq(ledger.payoutOf(aggregator(0)), BOND);
    }
}

contract RoundLedgerPauseTest is CommitteeTest {
    function test_A_Pause_Delays_The_Next_Round_And_No_Deadline_Of_This_One() public {
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.TaskPaused(START + 1000, START);
        ledger.pause(1000);
        eq(phase(), Phase.COLLECTING);
        vm.warp(collectUntil() + 1);
        eq(phase(), Phase.EXPIRED);
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.RoundOpened(2, 0, START + 1000, uint40(vm.getBlockTimestamp()));
        ledger.abort(1);
        eq(phase(), Phase.SCHEDULED);
        vm.warp(START + 999);
        eq(phase(), Phase.SCHEDULED);
        vm.expectRevert(unexpectedPhase(Phase.SCHEDULED, Phase.COLLECTING));
        vm.prank(participant(0));
        ledger.submitUpdate(2, digestOf(0), cidOf(0), 1);
        vm.warp(START + 1000);
        submit(0);
        eq(collectUntil(), START + 1000 + COLLECT);
    }

    function test_A_Pause_Ends_By_Itself_Or_When_The_Coordinator_Says_So() public {
        enter(Phase.SCHEDULED);
        ledger.pause(5000);
        eq(openedAt(), uint40(vm.getBlockTimestamp()) + 5000);
        ledger.pause(0);
        eq(phase(), Phase.COLLECTING);
        eq(openedAt(), uint40(vm.getBlockTimestamp()));
    }

    function test_A_Pause_That_Has_Passed_Delays_Nothing() public {
        ledger.pause(10);
        vm.warp(collectUntil() + 1);
        ledger.abort(1);
        eq(phase(), Phase.COLLECTING);
    }

    function test_Only_The_Coordinator_Pauses_And_Only_Before_The_End(address sender) public {
        vm.assume(sender != address(this));
        vm.expectRevert(refusal(ILedgerTypes.NotCoordinator.selector, sender, address(this)));
        vm.prank(sender);
        ledger.pause(1);
        ledger.stop();
        vm.expectRevert(refusal(ILedgerTypes.TaskOver.selector, 1, uint8(Phase.ABORTED)));
        ledger.pause(1);
    }
}
