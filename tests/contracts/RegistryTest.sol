// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParticipantRegistry} from "../../contracts/ParticipantRegistry.sol";
import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {Assertions} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice A signature by which one key accepts to succeed another.
abstract contract Acceptances {
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function accept(uint256 key, address participant, address successor, address contract_, uint256 chainId)
        internal
        pure
        returns (Signature memory)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("fl_chain"),
                keccak256("1"),
                chainId,
                contract_
            )
        );
        bytes32 message = keccak256(
            abi.encode(keccak256("Succession(address participant,address successor)"), participant, successor)
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(bytes.concat(hex"1901", domain, message)));
        return Signature(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }
}

/// @notice A registry with an enrolment bond; this contract is the registrar.
abstract contract RegistryTest is Assertions, Acceptances {
    uint40 internal constant START = 1_700_000_000;
    uint96 internal constant BOND = 1 ether;
    uint32 internal constant LEAVE = 100;
    uint256 internal constant CAROL_KEY = 0xCA201;
    uint256 internal constant DAVE_KEY = 0xDA5E;
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);

    ParticipantRegistry internal registry;

    function setUp() public virtual {
        vm.warp(START);
        registry = new ParticipantRegistry(BOND, LEAVE);
    }

    function carol() internal pure returns (address) {
        return vm.addr(CAROL_KEY);
    }

    function dave() internal pure returns (address) {
        return vm.addr(DAVE_KEY);
    }

    function enrolWithBond(address who) internal {
        vm.deal(who, BOND);
        vm.prank(who);
        registry.enrolWithBond{value: BOND}();
    }

    function leave(address who) internal {
        vm.prank(who);
        registry.leaveRegistry();
    }

    function accept(uint256 key, address participant) internal view returns (Signature memory) {
        return accept(key, participant, vm.addr(key), address(registry), block.chainid);
    }

    /// Lets `sender` put the holder of `key` in the place of `participant`.
    function rotate(address sender, address participant, uint256 key) internal {
        Signature memory acceptance = accept(key, participant);
        vm.prank(sender);
        registry.rotate(participant, vm.addr(key), acceptance);
    }

    function expectRefusal(bytes4 selector, address a) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a));
    }

    function expectLocked(uint256 until) internal {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.BondLocked.selector, until));
    }

    function list(address a) internal pure returns (address[] memory one) {
        one = new address[](1);
        one[0] = a;
    }
}
