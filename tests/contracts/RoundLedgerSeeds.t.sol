// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoundLedger} from "../../contracts/RoundLedger.sol";
import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {Seeds} from "../../contracts/libraries/Seeds.sol";
import {SeedTest} from "./SeedTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice The secrets that make a seed: who commits and reveals when, and what withholding costs.
contract RoundLedgerSeedsTest is SeedTest {
    string private constant VECTORS = "./tests/vectors/seed/seed.json";

    // When a round opens

    function test_The_First_Round_Gives_Time_To_Commit_And_To_Reveal() public {
        eq(phase(), Phase.SCHEDULED);
        eq(openedAt(), START + 2 * SEED);
        eq(ledger.seeding().revealsFrom, START + SEED);
        vm.warp(START + 2 * SEED - 1);
        eq(phase(), Phase.SCHEDULED);
        eq(ledger.seedOf(1), bytes32(0));
        vm.warp(START + 2 * SEED);
        eq(phase(), Phase.COLLECTING);
        eq(ledger.seedOf(1), seedAfter(keccak256("manifest"), 1, 0));
        eq(ledger.seedOf(2), bytes32(0));
    }

    function test_A_Round_Opens_At_Once_When_All_Have_Revealed() public {
        commitAll();
        eq(ledger.seeding().revealsFrom, START);
        eq(openedAt(), START + SEED);
        revealAs(0, 1);
        revealAs(1, 1);
        eq(phase(), Phase.SCHEDULED);
        revealAs(2, 1);
        eq(phase(), Phase.COLLECTING);
        eq(openedAt(), START);
    }

    function test_The_Seed_Is_That_Of_The_Text_Whatever_The_Order() public {
        commitAll();
        revealAs(2, 1);
        revealAs(0, 1);
        revealAs(1, 1);
        bytes32 mix = contributionOf(0, 1, 1) ^ contributionOf(1, 1, 1) ^ contributionOf(2, 1, 1);
        bytes32 first = seedAfter(keccak256("manifest"), 1, mix);
        eq(ledger.seedOf(1), first);
        _expire();
        revealAs(1, 2);
        revealAs(2, 2);
        waitForOpening();
        mix = contributionOf(1, 2, 2) ^ contributionOf(2, 2, 2);
        eq(ledger.seedOf(2), seedAfter(first, 2, mix));
        eq(ledger.seedOf(1), bytes32(0));
    }

    function test_A_Later_Round_Is_Scheduled_From_The_Record_That_Opens_It() public {
        waitForOpening();
        _expire();
        eq(round(), 2);
        eq(phase(), Phase.SCHEDULED);
        eq(openedAt(), vm.getBlockTimestamp() + SEED);
        eq(ledger.seeding().revealsFrom, vm.getBlockTimestamp());
    }

    function test_A_Pause_Takes_No_Time_From_The_Secrets() public {
        ledger.pause(1000);
        eq(openedAt(), START + 1000);
        ledger.pause(0);
        eq(openedAt(), START + 2 * SEED);
        commitAll();
        ledger.pause(1);
        eq(openedAt(), START + SEED);
        revealAll(1);
        eq(openedAt(), START + 1);
    }

    function test_A_Round_That_Is_Paused_Opens_No_Earlier_When_All_Have_Revealed() public {
        ledger.pause(1000);
        commitAll();
        eq(openedAt(), START + 1000);
        revealAll(1);
        eq(openedAt(), START + 1000);
        ledger.pause(5);
        eq(openedAt(), START + 5);
    }

    // Committing

    function test_A_Tip_Is_On_Record() public {
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.SeedsCommitted(aggregator(1), tipOf(1), START);
        commitAs(1, tipOf(1));
        ILedgerTypes.SeedChain memory chain = ledger.seedChainOf(aggregator(1));
        eq(chain.tip, tipOf(1));
        eq(chain.dueFrom, 1);
        eq(chain.revealedIn, 0);
        eq(ledger.seeding().numCommitted, 1);
        commitAs(1, tipOf(0));
        eq(ledger.seeding().numCommitted, 1);
    }

    function test_Nobody_Chooses_A_Secret_Once_One_Can_Be_Seen() public {
        commitAs(0, tipOf(0));
        vm.warp(START + SEED - 1);
        commitAs(1, tipOf(1));
        vm.warp(START + SEED);
        // Neither a first tip nor another one, although nobody has revealed yet.
        _refuseTip(0, tipOf(2), abi.encodeWithSelector(ILedgerTypes.SeedsFixed.selector, 1));
        _refuseTip(2, tipOf(2), abi.encodeWithSelector(ILedgerTypes.SeedsFixed.selector, 1));
        waitForOpening();
        commitAs(2, tipOf(2));
        _expire();
        _refuseTip(2, tipOf(0), abi.encodeWithSelector(ILedgerTypes.SeedsFixed.selector, 2));
    }

    function test_All_Tips_Fix_The_Secrets_At_Once() public {
        commitAll();
        _refuseTip(2, tipOf(0), abi.encodeWithSelector(ILedgerTypes.SeedsFixed.selector, 1));
    }

    function test_Only_Aggregators_Commit_And_Never_To_Zero() public {
        _refuseTip(0, 0, abi.encodeWithSelector(ILedgerTypes.ZeroDigest.selector));
        vm.prank(ANYBODY);
        vm.expectRevert(refusal(ILedgerTypes.NotAggregator.selector, ANYBODY));
        ledger.commitSeeds(tipOf(0));
        vm.prank(ANYBODY);
        vm.expectRevert(refusal(ILedgerTypes.NotAggregator.selector, ANYBODY));
        ledger.revealSeed(1, tipOf(0));
        ledger.stop();
        _refuseTip(0, tipOf(0), refusal(ILedgerTypes.TaskOver.selector, 1, uint8(Phase.ABORTED)));
    }

    function test_Who_Commits_Last_And_Late_Closes_No_Round_That_Is_Open() public {
        commitAs(0, tipOf(0));
        commitAs(1, tipOf(1));
        waitForOpening();
        uint40 opened = openedAt();
        vm.warp(opened + 1);
        commitAs(2, tipOf(2));
        eq(ledger.seeding().numCommitted, 3);
        eq(openedAt(), opened);
        eq(phase(), Phase.COLLECTING);
    }

    function test_A_Task_Without_A_Sample_Rate_Takes_No_Secrets() public {
        ledger = create(parameters());
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.NoSampling.selector);
        _refuseTip(0, tipOf(0), reason);
        vm.expectRevert(reason);
        ledger.revealSeed(1, tipOf(0));
        eq(ledger.lotOf(participant(0)).from, 0);
        eq(abi.encode(ledger.seeding()), new bytes(6 * 32));
        eq(ledger.seedOf(1), bytes32(0));
    }

    function test_A_Rate_Needs_A_Time_And_A_Time_A_Rate() public {
        ILedgerTypes.TaskParameters memory p = sampled(HALF);
        p.seedSeconds = 0;
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("seedSeconds"), 0)
        );
        new RoundLedger(p, committee());
        p = sampled(0);
        vm.expectRevert(
            abi.encodeWithSelector(ILedgerTypes.ParameterOutOfRange.selector, bytes32("seedSeconds"), SEED)
        );
        new RoundLedger(p, committee());
    }

    // Revealing

    function test_A_Secret_Is_On_Record_And_Is_The_Tip_From_Then_On() public {
        commitAll();
        vm.expectEmit(address(ledger));
        emit ILedgerTypes.SeedRevealed(1, aggregator(2), secretOf(2, 1), START);
        revealAs(2, 1);
        ILedgerTypes.SeedChain memory chain = ledger.seedChainOf(aggregator(2));
        eq(chain.tip, secretOf(2, 1));
        eq(chain.revealedIn, 1);
        eq(ledger.seeding().mix, contributionOf(2, 1, 1));
        eq(ledger.seeding().numRevealed, 1);
    }

    function test_No_Other_Secret_Is_Revealed(bytes32 secret) public {
        vm.assume(secret != secretOf(0, 1));
        commitAll();
        _refuseSecret(0, secret, abi.encodeWithSelector(ILedgerTypes.WrongSecret.selector, tipOf(0)));
    }

    function test_The_Secret_Of_Another_Round_Is_Worth_Nothing() public {
        commitAll();
        // That of the round after it.
        _refuseSecret(0, secretOf(0, 2), abi.encodeWithSelector(ILedgerTypes.WrongSecret.selector, tipOf(0)));
        revealAll(1);
        _expire();
        // That of the round before it.
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.WrongSecret.selector, secretOf(0, 1));
        _refuseSecret(0, secretOf(0, 1), reason);
        revealAs(0, 2);
    }

    function test_The_Secret_Of_Another_Aggregator_Is_Worth_Nothing() public {
        commitAll();
        revealAs(0, 1);
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.WrongSecret.selector, tipOf(1));
        _refuseSecret(1, secretOf(0, 1), reason);
    }

    function test_Two_With_The_Same_Secret_Do_Not_Cancel_Each_Other_Out() public {
        commitAs(0, tipOf(0));
        commitAs(1, tipOf(0));
        vm.warp(START + SEED);
        revealAs(0, 1);
        vm.prank(aggregator(1));
        ledger.revealSeed(1, secretOf(0, 1));
        ok(ledger.seeding().mix != 0, "each is bound to its aggregator");
    }

    function test_Nobody_Reveals_Twice_In_A_Round() public {
        commitAll();
        revealAs(0, 1);
        bytes memory reason =
            abi.encodeWithSelector(ILedgerTypes.AlreadyRevealed.selector, 1, aggregator(0));
        _refuseSecret(0, secretOf(0, 2), reason);
    }

    function test_Nothing_Is_Revealed_While_Tips_Can_Be_Chosen_Or_Once_The_Round_Is_Open() public {
        commitAs(0, tipOf(0));
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.SeedsNotFixed.selector, START + SEED);
        _refuseSecret(0, secretOf(0, 1), reason);
        vm.warp(START + 2 * SEED);
        _refuseSecret(0, secretOf(0, 1), unexpectedPhase(Phase.COLLECTING, Phase.SCHEDULED));
        _expire();
        vm.prank(aggregator(0));
        vm.expectRevert(refusal(ILedgerTypes.UnexpectedRound.selector, 1, 2));
        ledger.revealSeed(1, secretOf(0, 1));
    }

    function test_Who_Has_No_Turn_To_Lose_Has_No_Influence() public {
        ledger = create(sampled(HALF));
        commitAll();
        _refuseSecret(0, secretOf(0, 1), refusal(ILedgerTypes.BondTooLow.selector, 0, BOND));
        deposit(0, BOND);
        ledger.proveEquivocation(attestation(0, 7, MODEL), attestation(0, 7, OTHER));
        bytes memory reason = abi.encodeWithSelector(ILedgerTypes.AggregatorBarred.selector, type(uint32).max);
        _refuseSecret(0, secretOf(0, 1), reason);
    }

    // Withholding

    function test_Who_Withholds_Neither_Proposes_Nor_Attests() public {
        _withhold(0);
        submitDrawn();
        _refuseProposal(0);
        vm.warp(vm.getBlockTimestamp() + AGGREGATE);
        proposeAs(1, MODEL);
        Signature[] memory signatures = list(sign(0, 1, MODEL));
        vm.expectRevert(withheld(0));
        ledger.attest(1, MODEL, REPORT, signatures);
    }

    function test_Who_Withholds_Lists_No_Updates() public {
        _withholdAndList(HALF);
        vm.warp(START);
        _withholdAndList(1); // the smallest rate
    }

    function _withholdAndList(uint32 rate) private {
        ILedgerTypes.TaskParameters memory p = sampled(rate);
        (p.listSeconds, p.targetUpdates) = (5, uint32(NUM_PARTICIPANTS));
        ledger = create(p);
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
        _withhold(0);
        bytes memory reason = withheld(0);
        vm.prank(aggregator(0));
        vm.expectRevert(reason);
        ledger.listUpdates(1, 1, keccak256("list"), keccak256("list cid"));
        vm.prank(aggregator(1));
        ledger.listUpdates(1, 1, keccak256("list"), keccak256("list cid"));
        eq(ledger.currentRound().numUpdates, 1);
    }

    function test_Who_Withholds_Is_Fined_As_Silent_If_Its_Turn_Has_Come() public {
        _withhold(0);
        submitDrawn();
        vm.warp(vm.getBlockTimestamp() + AGGREGATE);
        proposeAs(1, MODEL);
        attestAs(2, MODEL);
        eq(round(), 2);
        eq(ledger.aggregatorOf(aggregator(0)).bond, 0);
        eq(ledger.aggregatorOf(aggregator(1)).bond, BOND);
    }

    function test_Another_Tip_Does_Not_Make_Up_For_A_Secret() public {
        _withhold(0);
        commitAs(0, tipOf(1));
        eq(ledger.seedChainOf(aggregator(0)).dueFrom, 1);
        submitDrawn();
        _refuseProposal(0);
    }

    function test_Who_Withheld_Acts_Again_Once_It_Reveals() public {
        _withhold(0);
        _expire();
        revealAs(0, 1);
        revealAs(1, 2);
        revealAs(2, 2);
        submitDrawn();
        proposeAs(1, MODEL);
        attestAs(0, MODEL);
        eq(round(), 3);
    }

    function test_Who_Has_No_Tip_Or_A_Later_One_Acts() public {
        waitForOpening();
        commitAs(0, tipOf(0));
        eq(ledger.seedChainOf(aggregator(0)).dueFrom, 2);
        submitDrawn();
        propose();
        attestAs(1, MODEL);
        eq(round(), 2);
    }

    function test_Whoever_Is_Silent_The_Round_Ends() public {
        commitAll();
        waitForOpening();
        submitDrawn();
        vm.warp(aggregateUntil() + 1);
        eq(phase(), Phase.EXPIRED);
        vm.prank(ANYBODY);
        ledger.abort(1);
        eq(round(), 2);
    }

    // Words and history

    function test_The_History_Hash_Follows_From_The_Logs_Of_Secrets() public {
        vm.recordLogs();
        ledger = create(sampled(HALF));
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
        commitAll();
        revealAll(1);
        submitDrawn();
        bytes32 history = replay(vm.getRecordedLogs(), address(ledger), historyStart(address(ledger)));
        eq(ledger.historyHash(), history);
    }

    function test_Seeds_And_Lots_Are_The_Golden_Words() public view {
        string memory json = vm.readFile(VECTORS);
        uint256 count = vm.parseJsonUint(json, ".count");
        ok(count > 8, "the vectors are read");
        for (uint256 i = 0; i < count; ++i) {
            string memory path = string.concat(".cases[", vm.toString(i), "].");
            uint32 number = uint32(vm.parseJsonUint(json, string.concat(path, "round")));
            bytes32 mix = 0;
            uint256 revealed = vm.parseJsonUint(json, string.concat(path, "num_secrets"));
            for (uint256 k = 0; k < revealed; ++k) {
                string memory entry = string.concat(path, "secrets[", vm.toString(k), "].");
                mix ^= Seeds.contributionOf(number, _address(json, entry, "aggregator"), _word(json, entry, "secret"));
            }
            eq(Seeds.seedOf(_word(json, path, "former_seed"), number, mix), _word(json, path, "seed"));
        }
        count = vm.parseJsonUint(json, ".lot_count");
        ok(count > 50, "the lots are read");
        for (uint256 i = 0; i < count; ++i) {
            string memory path = string.concat(".lots[", vm.toString(i), "].");
            bool isSelected = Seeds.isSelected(
                _word(json, path, "seed"),
                _address(json, path, "name"),
                uint32(vm.parseJsonUint(json, string.concat(path, "sample_rate")))
            );
            ok(isSelected == vm.parseJsonBool(json, string.concat(path, "is_selected")), path);
        }
    }

    function _address(string memory json, string memory path, string memory key) private pure returns (address) {
        return address(bytes20(vm.parseBytes(vm.parseJsonString(json, string.concat(path, key)))));
    }

    function _word(string memory json, string memory path, string memory key) private pure returns (bytes32) {
        return vm.parseBytes32(string.concat("0x", vm.parseJsonString(json, string.concat(path, key))));
    }

    /// Begins round 1 without the secret of one aggregator.
    function _withhold(uint256 who) private {
        commitAll();
        for (uint256 i = 0; i < 3; ++i) {
            if (i != who) revealAs(i, 1);
        }
        waitForOpening();
    }

    /// Ends a round that is open without an update.
    function _expire() private {
        vm.warp(collectUntil() + 1);
        ledger.abort(round());
    }

    /// Lets those submit whom the seed selects, as many as the round takes.
    function submitDrawn() private {
        (uint256[] memory those,) = drawn(ledger.seedOf(round()));
        for (uint256 i = 0; i < those.length && i < 2; ++i) {
            submit(those[i]);
        }
        if (ledger.currentRound().closedAt == 0) vm.warp(collectUntil() + 1);
    }

    function _refuseProposal(uint256 i) private {
        uint32 number = round();
        bytes memory reason = withheld(i);
        vm.prank(aggregator(i));
        vm.expectRevert(reason);
        ledger.propose(number, MODEL, MODEL_CID, REPORT, REPORT_CID);
    }

    function _refuseTip(uint256 i, bytes32 tip, bytes memory reason) private {
        vm.prank(aggregator(i));
        vm.expectRevert(reason);
        ledger.commitSeeds(tip);
    }

    function _refuseSecret(uint256 i, bytes32 secret, bytes memory reason) private {
        uint32 number = round();
        vm.prank(aggregator(i));
        vm.expectRevert(reason);
        ledger.revealSeed(number, secret);
    }
}
