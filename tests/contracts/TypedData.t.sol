// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature, TypedData} from "../../contracts/libraries/TypedData.sol";
import {Assertions} from "./LedgerTest.sol";

contract TypedDataTest is Assertions {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    /// The x coordinate of the curve's generator, which is one of a point on the curve.
    bytes32 private constant X = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;

    function signerOf(Signature calldata signature) external pure returns (address) {
        return TypedData.signerIn(keccak256("domain"), keccak256("message"), signature);
    }

    function test_Of_Two_Forms_Of_A_Signature_The_One_With_The_Smaller_S_Counts_To_The_Bit() public view {
        uint256 half = ORDER / 2; // rounded down, since the order is odd
        for (uint256 parity = 0; parity < 2; ++parity) {
            bytes32 high = bytes32(parity << 255);
            ok(this.signerOf(Signature(X, high | bytes32(half))) != address(0), "the greatest s that counts");
            eq(this.signerOf(Signature(X, high | bytes32(half + 1))), address(0));
        }
    }
}
