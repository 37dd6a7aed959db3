// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {LittleEndian} from "../../contracts/libraries/LittleEndian.sol";
import {Assertions} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice The library as a contract would use it.
contract LittleEndianUser {
    function uint8At(bytes calldata data, uint256 offset) external pure returns (uint8) {
        return LittleEndian.uint8At(data, offset);
    }

    function int16At(bytes calldata data, uint256 offset) external pure returns (int16) {
        return LittleEndian.int16At(data, offset);
    }

    function int32At(bytes calldata data, uint256 offset) external pure returns (int32) {
        return LittleEndian.int32At(data, offset);
    }
}

contract LittleEndianTest is Assertions {
    LittleEndianUser private _user = new LittleEndianUser();

    function test_Lanes_And_Parameters_Are_Read_As_Blobs_Hold_Them() public view {
        // The data of the examples of docs/spec.md, 5.4.
        bytes memory data = hex"0100ffff0000ff7f0180000100ff0200";
        int16[8] memory lanes = [int16(1), -1, 0, 32767, -32767, 256, -256, 2];
        for (uint256 i = 0; i < lanes.length; ++i) {
            ok(_user.int16At(data, 2 * i) == lanes[i], "a lane");
        }
        data = hex"ffffffff000000800100000001020304ffffff7f";
        int32[5] memory values = [int32(-1), type(int32).min, 1, 0x04030201, type(int32).max];
        for (uint256 i = 0; i < values.length; ++i) {
            ok(_user.int32At(data, 4 * i) == values[i], "a parameter");
        }
        eq(_user.uint8At(data, 13), 2);
    }

    function test_Any_Integer_Is_Read_Back_Wherever_It_Lies(bytes calldata before, int32 value, bytes calldata rest)
        public
        view
    {
        uint32 bits = uint32(value);
        bytes memory little =
            abi.encodePacked(uint8(bits), uint8(bits >> 8), uint8(bits >> 16), uint8(bits >> 24));
        bytes memory data = bytes.concat(before, little, rest);
        ok(_user.int32At(data, before.length) == value, "32 bits");
        ok(_user.int16At(data, before.length) == int16(uint16(bits)), "16 bits");
        eq(_user.uint8At(data, before.length), uint8(bits));
    }

    function test_Nothing_Is_Read_From_Beyond_The_End(uint8 length, uint256 offset) public {
        bytes memory data = new bytes(length);
        for (uint256 i = 0; i < 6; ++i) {
            uint256 start = [uint256(length), uint256(length) + 1, 2 ** 256 - 1, 2 ** 255, 2 ** 64, offset][i];
            vm.assume(start >= length);
            _expectBeyondEnd(start, 1, length);
            _user.uint8At(data, start);
            _expectBeyondEnd(start, 2, length);
            _user.int16At(data, start);
            _expectBeyondEnd(start, 4, length);
            _user.int32At(data, start);
        }
    }

    function test_An_Integer_That_Ends_Beyond_The_End_Is_No_Value() public {
        bytes memory data = hex"010203";
        ok(_user.int16At(data, 1) == 0x0302, "the last two bytes");
        _expectBeyondEnd(2, 2, 3);
        _user.int16At(data, 2);
        _expectBeyondEnd(0, 4, 3);
        _user.int32At(data, 0);
        _expectBeyondEnd(0, 1, 0);
        _user.uint8At("", 0);
    }

    function _expectBeyondEnd(uint256 offset, uint256 width, uint256 length) private {
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.BeyondEnd.selector, offset, width, length));
    }
}
