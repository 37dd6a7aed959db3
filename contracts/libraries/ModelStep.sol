// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title One integer of a model, from the round before to the next
/// @notice The rule `mean` of docs/spec.md, 8.2, for one value, in exact integers:
///
///     A  = div_rhe(S * 2^(G - F), W)
///     M' = min(max(M + A, -2^31), 2^31 - 1)
///
/// M is the value of the base model, S the sum of weight times lane over the included updates, W
/// their total weight, F and G the task's fraction bits. fl_chain/aggregation/mean.py is the same
/// rule for a whole model.
///
/// Within the headroom of a task (docs/spec.md, 4) nothing here reverts. Beyond it, a product or sum
/// that leaves int256 reverts as any checked arithmetic does; nothing ever wraps.
library ModelStep {
    /// @notice The value of the next model.
    /// @dev A total weight of zero reverts with Panic(0x12), division by zero: a round without an
    /// included update has no model, which the caller must have found before.
    /// @param base M, of the base model
    /// @param sum S, of weight times lane over the included updates
    /// @param shift G - F, the bits by which a model is finer than an update; at most 254
    /// @param totalWeight W, of the included updates; not zero
    function next(int32 base, int256 sum, uint256 shift, uint256 totalWeight) internal pure returns (int32) {
        // Not `sum << shift`, which drops bits silently where this reverts.
        int256 scaled = sum * int256(2) ** shift;
        return _saturate(base + div_rhe(scaled, totalWeight));
    }

    /// @notice The integer nearest to `numerator / denominator`; of two equally near, the even one.
    /// @dev Exact for every numerator and every denominator but zero, which reverts with Panic(0x12).
    /// The name is that of the specification.
    function div_rhe(int256 numerator, uint256 denominator) internal pure returns (int256) {
        bool isNegative = numerator < 0;
        unchecked {
            // Rounding half to even is symmetric about zero, so divide magnitudes: there, truncation
            // is floor. The magnitude of the least int256 is 2^255, which uint256 holds.
            uint256 magnitude = isNegative ? uint256(-numerator) : uint256(numerator);
            uint256 quotient = magnitude / denominator;
            uint256 remainder = magnitude % denominator;
            // INVARIANT P-105: a step is rounded to the nearest integer, ties to even.
            // `remainder` against what it lacks to `denominator`: its double might not fit.
            uint256 lacking = denominator - remainder;
            if (remainder > lacking || (remainder == lacking && quotient & 1 == 1)) ++quotient;
            return isNegative ? -int256(quotient) : int256(quotient);
        }
    }

    function _saturate(int256 value) private pure returns (int32) {
        // INVARIANT P-106: a model saturates at the ends of int32 and never wraps.
        if (value > type(int32).max) return type(int32).max;
        if (value < type(int32).min) return type(int32).min;
        return int32(value);
    }
}
