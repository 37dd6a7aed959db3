// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Phase} from "../../contracts/libraries/Phases.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {Acceptances} from "./RegistryTest.sol";
import {Signing} from "./Signing.sol";
import {vm} from "./Vm.sol";

/// @notice Who is admitted where there are lists: so few that the sum fits, and nobody comes or goes while a
/// model depends on it.
contract RoundLedgerListAdmissionsTest is LedgerTest, Signing, Acceptances {
    uint256 private constant SUCCESSOR_KEY = 0x5EC0;
    uint32 private constant TARGET = NUM_PARTICIPANTS + 1;

    function setUp() public override {
        super.setUp();
        registry.enrol(signers(3));
        open(1);
    }

    function test_Admissions_Are_Frozen_While_A_Model_Depends_On_Them() public {
        submitFirst(MIN_UPDATES);
        address successor = rotate(0);
        registry.revoke(one(participant(1)));
        vm.warp(collectUntil() + 1);
        checkFrozen(Phase.AGGREGATING);
        propose();
        checkFrozen(Phase.PROPOSED);
        vm.warp(proposedAt() + CHALLENGE);
        finalize();
        ledger.succeed(participant(0));
        ledger.remove(participant(1));
        ledger.admit(one(signer(0)));
        ok(ledger.participantOf(successor).isAdmitted, "it is thawed");
    }

    function test_Admissions_Thaw_When_A_Round_Expires() public {
        vm.warp(collectUntil() + 1);
        eq(phase(), Phase.EXPIRED);
        ledger.admit(one(signer(0)));
    }

    function test_Without_Lists_Admissions_Are_Never_Frozen() public {
        open(0);
        submitFirst(MIN_UPDATES);
        vm.warp(collectUntil() + 1);
        ledger.admit(one(signer(0)));
    }

    function test_As_Many_Are_Admitted_As_Count() public {
        bytes memory full = abi.encodeWithSelector(ILedgerTypes.TooManyParticipants.selector, TARGET);
        vm.expectRevert(full);
        ledger.admit(signers(2));
        ledger.admit(one(signer(0)));
        vm.expectRevert(full);
        ledger.admit(one(signer(1)));
        registry.revoke(one(participant(3)));
        ledger.remove(participant(3));
        ledger.admit(one(signer(1)));
        vm.expectRevert(full);
        ledger.admit(one(signer(2)));
    }

    function test_A_Successor_Takes_No_Place() public {
        ledger.admit(one(signer(0)));
        rotate(0);
        ledger.succeed(participant(0));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.TooManyParticipants.selector, TARGET));
        ledger.admit(one(signer(1)));
    }

    function open(uint32 listSeconds) private {
        ILedgerTypes.TaskParameters memory p = parameters();
        (p.targetUpdates, p.listSeconds) = (TARGET, listSeconds);
        ledger = create(p);
    }

    function rotate(uint256 i) private returns (address successor) {
        address former = participant(i);
        successor = vm.addr(SUCCESSOR_KEY);
        registry.rotate(former, successor, accept(SUCCESSOR_KEY, former, successor, address(registry), block.chainid));
    }

    function checkFrozen(Phase current) private {
        bytes memory frozen = abi.encodeWithSelector(ILedgerTypes.AdmissionsFrozen.selector, 1, current);
        eq(phase(), current);
        vm.expectRevert(frozen);
        ledger.admit(one(signer(0)));
        vm.expectRevert(frozen);
        ledger.remove(participant(1));
        vm.expectRevert(frozen);
        ledger.succeed(participant(0));
    }
}
