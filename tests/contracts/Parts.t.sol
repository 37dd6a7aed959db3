// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Parts} from "../../contracts/libraries/Parts.sol";
import {Assertions} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice The library as a contract would use it.
contract PartsUser {
    function total(uint256[32] calldata parts, uint256 count) external pure returns (uint256, int256) {
        return Parts.total(parts, count);
    }
}

contract PartsTest is Assertions {
    PartsUser private _user = new PartsUser();

    function test_Parts_Cover_A_Range_Once(uint32 count, uint32 position) public pure {
        vm.assume(count != 0);
        _checkCover(count, position);
    }

    function test_Parts_Cover_Every_Small_Range_Once(uint32 position) public pure {
        for (uint256 count = 1; count <= 1100; ++count) {
            _checkCover(count, position);
        }
        _checkCover(type(uint32).max, position);
    }

    function test_Seven_Splits_Leave_A_Single_Update_Of_Any_Range(uint32 count) public pure {
        vm.assume(count != 0);
        uint256 left = count;
        uint256 splits = 0;
        for (; left > 1; ++splits) {
            left = Parts.widthOf(left);
        }
        ok(splits <= 7, "32^7 is more than there are");
        eq(Parts.widthOf(1), 1);
        eq(Parts.numberOf(1), 1);
    }

    function test_A_Word_Holds_A_Weight_And_A_Sum(uint64 weight, int192 sum) public pure {
        uint256 part = _pack(weight, sum);
        eq(Parts.weightOf(part), weight);
        ok(Parts.sumOf(part) == sum, "the sum with its sign");
    }

    function test_The_Total_Adds_Up(uint32 count, uint64[32] calldata weights, int192[32] calldata sums) public view {
        vm.assume(count != 0);
        uint256[32] memory parts;
        uint256 weight = 0;
        int256 sum = 0;
        for (uint256 i = 0; i < Parts.numberOf(count); ++i) {
            parts[i] = _pack(weights[i], sums[i]);
            weight += weights[i];
            sum += sums[i];
        }
        _expectTotal(parts, count, weight, sum);
    }

    function test_Nothing_Leaves_Its_Type_At_The_Ends() public view {
        uint256[32] memory parts;
        for (uint256 i = 0; i < 32; ++i) {
            parts[i] = _pack(type(uint64).max, type(int192).min);
        }
        _expectTotal(parts, 32, 32 * uint256(type(uint64).max), 32 * int256(type(int192).min));
        for (uint256 i = 0; i < 32; ++i) {
            parts[i] = _pack(0, type(int192).max);
        }
        _expectTotal(parts, type(uint32).max, 0, 32 * int256(type(int192).max));
    }

    function test_A_Word_Beyond_The_Last_Part_Is_Refused(uint32 count, uint256 place, uint256 word) public {
        vm.assume(count != 0 && word != 0);
        uint256 number = Parts.numberOf(count);
        vm.assume(number < 32);
        place = number + place % (32 - number);
        uint256[32] memory parts;
        parts[place] = word;
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.PartsOutOfRange.selector, place));
        _user.total(parts, count);
    }

    function test_Words_Beyond_The_Last_Part_Cannot_Cancel_Out() public {
        uint256[32] memory parts;
        (parts[5], parts[6]) = (_pack(0, 1), _pack(0, -1));
        vm.expectRevert(abi.encodeWithSelector(ILedgerTypes.PartsOutOfRange.selector, 5));
        _user.total(parts, 5);
    }

    /// The parts lie next to one another, none is empty, and `position` lies in exactly one.
    function _checkCover(uint256 count, uint256 position) private pure {
        position = position % count;
        uint256 width = Parts.widthOf(count);
        uint256 number = Parts.numberOf(count);
        ok(number >= 1 && number <= 32, "1 to 32 parts");
        ok((number - 1) * width < count, "none is empty");
        ok(number * width >= count, "together they are the range");
        uint256 hits = 0;
        for (uint256 i = 0; i < number; ++i) {
            if (position >= i * width && position < (i + 1) * width) ++hits;
        }
        eq(hits, 1);
    }

    function _expectTotal(uint256[32] memory parts, uint256 count, uint256 weight, int256 sum) private view {
        (uint256 actualWeight, int256 actualSum) = _user.total(parts, count);
        eq(actualWeight, weight);
        ok(actualSum == sum, "the sum");
    }

    function _pack(uint64 weight, int192 sum) private pure returns (uint256) {
        return uint256(weight) << 192 | uint192(sum);
    }
}
