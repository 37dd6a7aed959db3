// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Assertions} from "./LedgerTest.sol";

contract LittleEndianEndsTest is Assertions {
    using LittleEndian for bytes;

    function read(bytes calldata data) external pure returns (uint8, int16, int32) {
        return (data.uint8At(data.length - 1), data.int16At(data.length - 2), data.int32At(data.length - 4));
    }

    function test_An_Integer_May_Fill_All_Of_The_Bytes() public view {
        (uint8 one, int16 two, int32 four) = this.read(hex"01020384");
        eq(one, 0x84);
        ok(two == int16(uint16(0x8403)), "the last two");
        ok(four == int32(uint32(0x84030201)), "all four");
    }
}
