// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "../../contracts/libraries/TypedData.sol";
import {SignedUpdate} from "../../contracts/libraries/SignedUpdates.sol";
import {vm} from "./Vm.sol";

/// @notice Participants with keys, who sign their updates for somebody else to hand in.
abstract contract Signing {
    uint256 private constant FIRST_KEY = 77;

    /// What an update is signed for; tests alter a copy.
    struct Place {
        string name;
        string version;
        uint256 chainId;
        address contract_;
        uint32 number;
    }

    function signer(uint256 i) internal pure returns (address) {
        return vm.addr(FIRST_KEY + i);
    }

    function signers(uint256 count) internal pure returns (address[] memory all) {
        all = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = signer(i);
        }
    }

    function placeOf(address ledger, uint32 number) internal view returns (Place memory) {
        return Place("fl_chain", "1", block.chainid, ledger, number);
    }

    function signed(uint256 i, Place memory place, bytes32 digest, bytes32 cid, uint32 weight)
        internal
        pure
        returns (SignedUpdate memory)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(place.name)),
                keccak256(bytes(place.version)),
                place.chainId,
                place.contract_
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Update(uint32 round,bytes32 digest,bytes32 cidDigest,uint32 weight)"),
                place.number,
                digest,
                cid,
                weight
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(FIRST_KEY + i, keccak256(bytes.concat(hex"1901", domain, message)));
        return SignedUpdate(digest, cid, weight, Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255)));
    }
}
