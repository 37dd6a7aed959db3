// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The tree of RFC 6962 by its recursive definition.
abstract contract RecursiveTree {
    /// The largest power of two below n.
    function split(uint256 n) internal pure returns (uint256 k) {
        for (k = 1; 2 * k < n; k *= 2) {}
    }

    /// MTH over the entries from `from` up to `to`, which it excludes.
    function treeHash(bytes[] memory entries, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return sha256(bytes.concat(hex"00", entries[from]));
        uint256 middle = from + split(to - from);
        return sha256(bytes.concat(hex"01", treeHash(entries, from, middle), treeHash(entries, middle, to)));
    }

    /// PATH of the entry at `index`.
    function path(bytes[] memory entries, uint256 index, uint256 from, uint256 to)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (to - from == 1) return new bytes32[](0);
        uint256 middle = from + split(to - from);
        return index < middle
            ? append(path(entries, index, from, middle), treeHash(entries, middle, to))
            : append(path(entries, index, middle, to), treeHash(entries, from, middle));
    }

    /// At each hash of a path, the side on which the path itself goes.
    function turns(uint256 index, uint256 n) internal pure returns (string memory) {
        if (n == 1) return "";
        uint256 k = split(n);
        return index < k ? string.concat(turns(index, k), "L") : string.concat(turns(index - k, n - k), "R");
    }

    function append(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }
}
