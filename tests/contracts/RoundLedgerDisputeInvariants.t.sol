// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {IRoundLedger} from "../../contracts/interfaces/IRoundLedger.sol";
import {Signature} from "../../contracts/libraries/Attestations.sol";
import {Opening} from "../../contracts/libraries/DigestTree.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Question, Stage} from "../../contracts/libraries/Questions.sol";
import {DisputeTest} from "./DisputeTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice A committee, challengers and a coordinator that do anything at any time, sometimes what is
/// asked of them. Keeps its own books.
contract DisputeHandler is DisputeTest {
    bytes32 public history;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public decided;
    bool public isOrderly = true;

    constructor() {
        DisputeTest.setUp();
        seed = "random moves";
        ILedgerTypes.TaskParameters memory p = disputable();
        (p.numRounds, p.targetUpdates) = (100, 40);
        vm.recordLogs();
        createDisputable(p);
        paidIn = 3 * uint256(BOND);
        history = replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger)));
    }

    function setUp() public override {} // no test contract, nothing to repeat

    function theLedger() external view returns (ILedger) {
        return ledger;
    }

    /// Everybody who can have money here.
    function actor(uint256 i) public pure returns (address) {
        if (i % 5 < 3) return aggregator(i % 5);
        return i % 5 == 3 ? CHALLENGER : ANYBODY;
    }

    function passTime(uint8 seconds_) external {
        vm.warp(vm.getBlockTimestamp() + seconds_ % 24);
    }

    /// Updates come all at once, or a round would take most of a run.
    function trySubmit(uint8 count) public {
        if (phase() != Phase.COLLECTING) return;
        uint256 from = ledger.currentRound().numUpdates;
        for (uint256 i = from; i < from + 1 + count % 40 && i < 40; ++i) {
            _try(participant(i), 0, abi.encodeCall(IRoundLedger.submitUpdate, (round(), _digest(i), cidOf(i), weightOf(i))));
        }
        if (ledger.currentRound().closedAt == 0) vm.warp(collectUntil() + 1);
    }

    function tryPropose(uint8 who, bool isRight, uint8 count) external {
        trySubmit(count);
        if (phase() != Phase.AGGREGATING) return;
        base = _modelOf(ledger.currentRound().baseRound);
        report = reportOf(ledger.currentRound().numUpdates);
        lie = Lie(!isRight, 0, 1, 12345);
        model = base;
        setValue(5);
        bytes memory call =
            abi.encodeCall(IRoundLedger.propose, (round(), digest(model), MODEL_CID, digest(report), REPORT_CID));
        if (_try(actor(who % 3), 0, call)) _models[round()] = model;
    }

    /// Mostly about a value, and mostly with a deposit that is taken.
    function tryChallenge(uint8 who, uint8 question, uint8 position, uint8 luck) external {
        uint256 wei_ = luck % 8 == 0 ? BOND / 2 : BOND;
        Question asked = question % 8 < 4 ? Question(question % 4) : Question.VALUE;
        uint32 place = asked == Question.VALUE ? 5 : asked == Question.HEADER ? 0 : position % 48;
        _try(actor(who), wei_, abi.encodeCall(IDisputes.challenge, (round(), asked, place)));
    }

    /// Whoever's move it is makes it.
    function tryMove(uint8 choice) external {
        if (phase() != Phase.CHALLENGED) return;
        ILedgerTypes.Dispute memory d = ledger.dispute();
        address challenger = d.challenger;
        address proposer_ = ledger.proposal().proposer;
        if (d.stage == Stage.SINGLE) {
            ILedgerTypes.UpdateRecord memory record =
                ILedgerTypes.UpdateRecord(participant(d.first), _digest(d.first), cidOf(d.first), weightOf(d.first), 0);
            record.timestamp = submittedAt[d.first];
            bytes memory decision = abi.encodeCall(
                IDisputes.decideUpdate,
                (d.round, record, statusOpening(d.first), valueOpening(updateBlob(d.first), 5, 2))
            );
            bool isInTime = vm.getBlockTimestamp() <= d.until;
            isOrderly = isOrderly && _try(ANYBODY, 0, decision) == isInTime;
            if (isInTime) ++decided;
        } else if (d.stage == Stage.SPLIT) {
            uint32 part = uint32(choice % ((uint256(d.count) + _width(d.count) - 1) / _width(d.count)));
            uint256[32] memory parts = claims(d.first, d.count, 5);
            _try(challenger, 0, abi.encodeCall(IDisputes.selectPart, (d.round, part, parts)));
        } else if (d.stage == Stage.SELECTED) {
            _try(proposer_, 0, abi.encodeCall(IDisputes.splitPart, (d.round, claims(d.first, d.count, 5))));
        } else if (d.question == Question.HEADER) {
            _try(ANYBODY, 0, abi.encodeCall(IDisputes.answerHeader, (d.round, open(_modelOf(0), 0), open(model, 0))));
        } else if (d.question == Question.STATUS) {
            _try(ANYBODY, 0, abi.encodeCall(IDisputes.answerStatus, (d.round, statusOpening(d.position))));
        } else {
            (Opening memory before, Opening memory next) = (valueOpening(base, 5, 4), valueOpening(model, 5, 4));
            _try(proposer_, 0, abi.encodeCall(IDisputes.answerValue, (d.round, before, next, allClaims(5))));
        }
    }

    function tryConclude() external {
        _try(ANYBODY, 0, abi.encodeCall(IDisputes.concludeDispute, (round())));
    }

    function tryAttest(uint8 who, bool isFor, uint8 luck) external {
        if (luck % 8 != 0 || report.length == 0) return; // quorums would end most disputes
        bytes32 modelDigest = isFor ? digest(model) : keccak256("another");
        Signature[] memory signatures = list(signResult(who % 3, round(), modelDigest));
        _try(actor(who), 0, abi.encodeCall(IRoundLedger.attest, (round(), modelDigest, digest(report), signatures)));
    }

    function tryFinalize() external {
        _try(ANYBODY, 0, abi.encodeCall(IRoundLedger.finalize, (round())));
    }

    function tryAbort() external {
        _try(ANYBODY, 0, abi.encodeCall(IRoundLedger.abort, (round())));
    }

    function tryOmission(uint8 sequence) external {
        if (report.length == 0) return;
        Opening memory shown = open(report, 1);
        _try(ANYBODY, 0, abi.encodeCall(IDisputes.proveOmission, (round(), sequence % 48, shown)));
    }

    function tryDeposit(uint8 who) external {
        _try(actor(who), BOND, abi.encodeCall(IRoundLedger.depositBond, ()));
    }

    function tryClaim(uint8 who) external {
        uint256 due = ledger.payoutOf(actor(who));
        if (_try(actor(who), 0, abi.encodeCall(IRoundLedger.claimPayout, ()))) paidOut += due;
    }

    /// Rare, or most runs would end here.
    function tryStop(uint8 luck) external {
        if (luck == 0) _try(address(this), 0, abi.encodeCall(IRoundLedger.stop, ()));
    }

    function owed() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 5; ++i) {
            sum += ledger.payoutOf(actor(i)) + ledger.aggregatorOf(actor(i)).bond;
        }
        if (ledger.dispute().stage != Stage.NONE) sum += BOND;
    }

    mapping(uint256 sequence => uint40) public submittedAt;
    mapping(uint256 sequence => bytes32) private _digests;
    mapping(uint32 number => bytes) private _models;

    function _modelOf(uint32 number) private returns (bytes memory) {
        if (_models[0].length == 0) _models[0] = base;
        return _models[number];
    }

    function _digest(uint256 i) private returns (bytes32) {
        if (_digests[i] == 0) _digests[i] = digest(updateBlob(i));
        return _digests[i];
    }

    function _width(uint256 count) private pure returns (uint256) {
        return (count + 31) / 32;
    }

    function _try(address sender, uint256 wei_, bytes memory call) private returns (bool isAccepted) {
        uint256 numUpdates = ledger.currentRound().numUpdates;
        vm.recordLogs();
        vm.deal(sender, wei_);
        vm.prank(sender);
        (isAccepted,) = address(ledger).call{value: wei_}(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (isAccepted) paidIn += wei_;
        if (ledger.currentRound().numUpdates == numUpdates + 1) submittedAt[numUpdates] = now_();
        isOrderly = isOrderly && isAccepted == (logs.length != 0);
        history = replay(logs, address(ledger), history);
    }
}

contract RoundLedgerDisputeInvariants is DisputeTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    DisputeHandler private handler;

    function setUp() public override {
        handler = new DisputeHandler();
        ledger = handler.theLedger();
    }

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[18] memory all = [
            DisputeHandler.passTime.selector,
            DisputeHandler.passTime.selector,
            DisputeHandler.trySubmit.selector,
            DisputeHandler.tryPropose.selector,
            DisputeHandler.tryChallenge.selector,
            DisputeHandler.tryChallenge.selector,
            // Moves come several times, so that disputes get somewhere.
            DisputeHandler.tryMove.selector,
            DisputeHandler.tryMove.selector,
            DisputeHandler.tryMove.selector,
            DisputeHandler.tryMove.selector,
            DisputeHandler.tryConclude.selector,
            DisputeHandler.tryAttest.selector,
            DisputeHandler.tryFinalize.selector,
            DisputeHandler.tryAbort.selector,
            DisputeHandler.tryOmission.selector,
            DisputeHandler.tryDeposit.selector,
            DisputeHandler.tryClaim.selector,
            DisputeHandler.tryStop.selector
        ];
        bytes4[] memory selectors = new bytes4[](all.length);
        for (uint256 i = 0; i < all.length; ++i) {
            selectors[i] = all[i];
        }
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_The_Ledger_Can_Always_Pay_What_It_Owes() public view {
        eq(address(ledger).balance, handler.paidIn() - handler.paidOut());
        ok(address(ledger).balance >= handler.owed(), "bonds, payouts and the standing deposit are there");
    }

    function invariant_The_History_Hash_Follows_From_The_Logs_Of_Disputes() public view {
        eq(ledger.historyHash(), handler.history());
        ok(handler.isOrderly(), "what is done leaves a record, what is refused does not");
    }

    function invariant_A_Dispute_Is_About_The_Proposal_Of_The_Round() public view {
        ILedgerTypes.Dispute memory d = ledger.dispute();
        ok(d.round == 0 || (d.round == round() && ledger.proposal().round == round()), "or there is none");
        eq(uint256(d.stage == Stage.NONE ? 0 : 1), phase() == Phase.CHALLENGED ? 1 : 0);
        ok((d.stage == Stage.NONE) == (d.challenger == address(0)), "somebody is behind it");
    }

    function invariant_Every_Dispute_Ends() public {
        if (phase() != Phase.CHALLENGED) return;
        uint256 time = vm.getBlockTimestamp();
        vm.warp(ledger.dispute().until + 1);
        bytes memory call = abi.encodeCall(IDisputes.concludeDispute, (round()));
        vm.prank(ANYBODY);
        (bool isAccepted,) = address(ledger).call(call);
        ok(isAccepted && phase() != Phase.CHALLENGED, "anybody can conclude it when its time is over");
        vm.warp(time);
    }
}
