// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelStep} from "../../contracts/libraries/ModelStep.sol";
import {Assertions} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice The library as a contract would use it.
contract ModelStepUser {
    function next(int32 base, int256 sum, uint256 shift, uint256 totalWeight) external pure returns (int32) {
        return ModelStep.next(base, sum, shift, totalWeight);
    }

    function divide(int256 numerator, uint256 denominator) external pure returns (int256) {
        return ModelStep.div_rhe(numerator, denominator);
    }
}

/// @notice The step of one value, from the vectors that Python reads as well, and by definition.
contract ModelStepTest is Assertions {
    string private constant VECTORS = "./tests/vectors/aggregate/steps.json";
    /// No scaled sum of a task reaches it.
    int256 private constant HEADROOM = 2 ** 62;

    ModelStepUser private _user = new ModelStepUser();

    function test_Every_Step_Of_The_Vectors_Is_Taken() public view {
        uint256 count = vm.parseJsonUint(vm.readFile(VECTORS), ".count");
        ok(count > 90, "the cases are read");
        for (uint256 i = 0; i < count; ++i) {
            this.checkStep(string.concat(".cases[", vm.toString(i), "]"));
        }
    }

    /// |2 (n - q d)| <= d says that q is nearest; where it is equal, two are, and q is the even one.
    function test_A_Quotient_Is_The_Nearest_And_Of_Two_The_Even_One(int128 numerator, uint120 denominator) public view {
        vm.assume(denominator != 0);
        _checkNearest(numerator, denominator);
        _checkNearest(numerator % HEADROOM, denominator);
    }

    function test_Small_Quotients_Are_The_Nearest_And_Ties_Are_Even() public view {
        for (int256 numerator = -40; numerator <= 40; ++numerator) {
            for (uint256 denominator = 1; denominator <= 12; ++denominator) {
                _checkNearest(numerator, denominator);
            }
        }
    }

    function test_A_Tie_Goes_To_The_Even_Neighbour(int64 quotient, uint56 half) public view {
        vm.assume(half != 0);
        int256 below = quotient;
        int256 even = below % 2 == 0 ? below : below + 1;
        int256 denominator = 2 * int256(uint256(half));
        eq(_user.divide(below * denominator + denominator / 2, uint256(denominator)), even);
    }

    function test_Division_Is_Symmetric_About_Zero(int256 numerator, uint256 denominator) public view {
        vm.assume(denominator != 0 && numerator != type(int256).min);
        eq(_user.divide(-numerator, denominator), -_user.divide(numerator, denominator));
    }

    function test_Division_Is_Exact_At_The_Ends_Of_All_Types() public view {
        int256 least = type(int256).min;
        uint256 largest = type(uint256).max;
        eq(_user.divide(least, 1), least);
        eq(_user.divide(least, 2), least / 2);
        eq(_user.divide(least, 2 ** 255), -1);
        eq(_user.divide(type(int256).max, 1), type(int256).max);
        eq(_user.divide(type(int256).max, 2), 2 ** 254);
        // -2^255 over 2^256 - 1 is past minus a half; (2^255 - 1) over it is short of a half.
        eq(_user.divide(least, largest), -1);
        eq(_user.divide(type(int256).max, largest), 0);
        eq(_user.divide(type(int256).max, 2 ** 255), 1);
    }

    function test_A_Division_By_Zero_Reverts(int256 numerator, int32 base) public {
        bytes memory panic = abi.encodeWithSignature("Panic(uint256)", 0x12);
        vm.expectRevert(panic);
        _user.divide(numerator, 0);
        vm.expectRevert(panic);
        _user.next(base, numerator % HEADROOM, 0, 0);
    }

    function test_A_Step_Is_The_Rounded_Mean_Within_The_Ends_Of_Int32(
        int32 base,
        int64 sum,
        uint256 shift,
        uint256 totalWeight
    ) public view {
        shift %= 31;
        totalWeight = totalWeight % (2 ** 53 - 1) + 1;
        int256 scaled = int256(sum) * int256(2 ** shift) % HEADROOM;
        int256 whole = scaled / int256(2 ** shift);
        int256 moved = base + _user.divide(whole * int256(2 ** shift), totalWeight);
        int256 expected = moved > 2 ** 31 - 1 ? int256(2 ** 31 - 1) : moved;
        eq(_user.next(base, whole, shift, totalWeight), expected < -(2 ** 31) ? -(2 ** 31) : expected);
    }

    function test_A_Model_Saturates_And_Never_Wraps(int32 base, uint32 beyond) public view {
        int256 distance = 2 ** 32 + int256(uint256(beyond));
        eq(_user.next(base, distance, 0, 1), type(int32).max);
        eq(_user.next(base, -distance, 0, 1), type(int32).min);
        eq(_user.next(base, HEADROOM - 1, 0, 1), type(int32).max);
        eq(_user.next(base, 1 - HEADROOM, 0, 1), type(int32).min);
    }

    function test_A_Scaled_Sum_That_Leaves_Int256_Reverts() public {
        bytes memory panic = abi.encodeWithSignature("Panic(uint256)", 0x11);
        vm.expectRevert(panic);
        _user.next(0, 2 ** 62, 200, 1);
        vm.expectRevert(panic);
        _user.next(0, 1, 255, 1);
        vm.expectRevert(panic);
        _user.next(0, 1, 256, 1);
        vm.expectRevert(panic);
        _user.next(1, type(int256).max, 0, 1);
    }

    // External, so that each case starts with fresh memory of its own.

    function checkStep(string calldata key) external view {
        string memory json = vm.readFile(VECTORS);
        int32 next = _user.next(
            int32(vm.parseJsonInt(json, string.concat(key, ".base"))),
            vm.parseJsonInt(json, string.concat(key, ".sum")),
            vm.parseJsonUint(json, string.concat(key, ".shift")),
            vm.parseJsonUint(json, string.concat(key, ".weight"))
        );
        ok(next == vm.parseJsonInt(json, string.concat(key, ".next")), key);
    }

    function _checkNearest(int256 numerator, uint256 denominator) private view {
        int256 quotient = _user.divide(numerator, denominator);
        int256 off = 2 * (numerator - quotient * int256(denominator));
        uint256 distance = uint256(off < 0 ? -off : off);
        ok(distance <= denominator, "a nearer integer exists");
        ok(distance < denominator || quotient % 2 == 0, "a tie is even");
    }

    function eq(int256 actual, int256 expected) private pure {
        ok(actual == expected, "the integers are equal");
    }
}
