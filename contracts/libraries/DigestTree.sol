// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One chunk of some content, and the hashes that lead from it to the content's digest.
struct Opening {
    /// The bytes themselves: 1,024 of them, fewer only at the end of the content.
    bytes chunk;
    /// The siblings on the way up, that of the leaf first; a level without sibling has no entry.
    bytes32[] proof;
}

/// @title Shows one chunk of content that is on record by its digest alone
/// @notice A digest is the Merkle tree hash of RFC 6962, section 2.1, with SHA-256, over chunks of
/// 1,024 bytes (docs/spec.md, 5.1):
///
///     leaf = sha256(0x00 ++ chunk)
///     node = sha256(0x01 ++ left ++ right)
///
/// and a tree of n leaves splits at the largest power of two below n. `verify` follows a path of
/// this tree from a leaf to its root, by the algorithm of RFC 9162, section 2.1.3.2.
///
/// What an accepted opening shows: if `root` is the digest of content of `numChunks` chunks, then
/// `chunk` is the one at `index` of that content, or somebody found a collision of SHA-256.
///
/// What it does not show: that there are `numChunks` chunks. A digest does not tell the size of what
/// it is the digest of; the same opening is that of chunk 0 of 3 and of chunk 0 of 4, that of chunk 2
/// of 3 and of chunk 1 of 2. The caller MUST take `numChunks` from a source that it trusts as much as
/// the root, never from whoever hands in the opening. Content whose size is not the expected one
/// cannot be trusted to open at all, so the burden of opening belongs to whoever vouches for it.
///
/// Whoever is accused may well have made the root. It may be no digest of anything: what is opened
/// below it is then still one value for each index and `numChunks`, by the same collision argument.
library DigestTree {
    uint256 internal constant CHUNK_BYTES = 1024;

    /// @notice Whether `opening` is that of chunk `index` of the content with digest `root`.
    /// @dev False for every opening that is not, whatever its form; reverts for lack of gas alone,
    /// and where the calldata is no Opening at all.
    /// @param root digest of the content
    /// @param index position of the chunk, from 0
    /// @param numChunks number of chunks of the content; from the caller's own knowledge, see above
    /// @param opening the chunk, and its proof
    function verify(bytes32 root, uint256 index, uint256 numChunks, Opening calldata opening)
        internal
        view
        returns (bool)
    {
        bytes calldata chunk = opening.chunk;
        bytes32[] calldata proof = opening.proof;
        // INVARIANT P-100: no chunk lies beyond the content.
        if (index >= numChunks) return false;
        // INVARIANT P-101: a chunk has 1,024 bytes; the last one may have fewer, but some.
        if (chunk.length > CHUNK_BYTES || chunk.length == 0) return false;
        if (chunk.length < CHUNK_BYTES && index != numChunks - 1) return false;

        bytes32 hash = _hashLeaf(chunk);
        // Positions on the level that `hash` is on: its own, and that of the level's last node.
        uint256 position = index;
        uint256 last = numChunks - 1;
        for (uint256 i = 0; i < proof.length; ++i) {
            // INVARIANT P-102: a proof has exactly as many hashes as the path has siblings.
            if (last == 0) return false;
            if (position & 1 == 1 || position == last) {
                hash = _hashNode(proof[i], hash);
                // An odd last node moves up unchanged: at these levels it had no sibling. This ends,
                // because `position` is `last` here, and not zero.
                while (position & 1 == 0) {
                    position >>= 1;
                    last >>= 1;
                }
            } else {
                hash = _hashNode(hash, proof[i]);
            }
            position >>= 1;
            last >>= 1;
        }
        return last == 0 && hash == root;
    }

    // Both hash from the memory behind the free pointer, without moving it: what is there is read
    // once, in the same block. `sha256(abi.encodePacked(..))` would copy each pair into memory of its
    // own and pay for the growth. The precompile at address 2 fails for lack of gas alone, and answers
    // nothing on a chain that lacks it; in neither case may what lay in memory pass for a hash.

    function _hashLeaf(bytes calldata chunk) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            // INVARIANT P-103: leaves hash behind 0x00, nodes behind 0x01; none passes for the other.
            mstore8(buffer, 0x00)
            calldatacopy(add(buffer, 1), chunk.offset, chunk.length)
            let isHashed := staticcall(gas(), 2, buffer, add(chunk.length, 1), 0x00, 0x20)
            if iszero(and(isHashed, eq(returndatasize(), 0x20))) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    function _hashNode(bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore8(buffer, 0x01)
            mstore(add(buffer, 1), left)
            mstore(add(buffer, 33), right)
            let isHashed := staticcall(gas(), 2, buffer, 65, 0x00, 0x20)
            if iszero(and(isHashed, eq(returndatasize(), 0x20))) { revert(0, 0) }
            hash := mload(0x00)
        }
    }
}
