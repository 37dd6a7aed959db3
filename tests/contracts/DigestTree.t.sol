// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DigestTree, Opening} from "../../contracts/libraries/DigestTree.sol";
import {Assertions} from "./LedgerTest.sol";
import {RecursiveTree} from "./RecursiveTree.sol";
import {vm} from "./Vm.sol";

/// @notice The library as a contract would use it.
contract DigestTreeUser {
    function verify(bytes32 root, uint256 index, uint256 numChunks, Opening calldata opening)
        external
        view
        returns (bool)
    {
        return DigestTree.verify(root, index, numChunks, opening);
    }

    function measure(bytes32 root, uint256 index, uint256 numChunks, Opening calldata opening)
        external
        view
        returns (bool isOpened, uint256 used)
    {
        uint256 before = gasleft();
        isOpened = DigestTree.verify(root, index, numChunks, opening);
        used = before - gasleft();
    }
}

/// @notice Openings, from the vectors that Python reads as well, and of trees made here.
contract DigestTreeTest is Assertions, RecursiveTree {
    string private constant VECTORS = "./tests/vectors/digest/openings.json";
    uint256 private constant MAX_CHUNKS = 20;

    struct Case {
        bytes32 root;
        uint256 index;
        uint256 numChunks;
        Opening opening;
    }

    DigestTreeUser private _user = new DigestTreeUser();

    function test_Every_Opening_Of_The_Vectors_Is_Accepted() public view {
        uint256 count = _count(".count");
        ok(count > 150, "the cases are read");
        for (uint256 i = 0; i < count; ++i) {
            this.checkCase(string.concat(".cases[", vm.toString(i), "]"));
        }
    }

    function test_Places_With_The_Same_Path_Have_The_Same_Openings() public view {
        uint256 count = _count(".same_path_count");
        ok(count > 3, "the cases are read");
        for (uint256 i = 0; i < count; ++i) {
            this.checkSpelled(string.concat(".same_path[", vm.toString(i), "]"), true);
        }
    }

    function test_What_Is_No_Opening_Is_Refused() public view {
        uint256 count = _count(".refused_count");
        ok(count > 40, "the cases are read");
        for (uint256 i = 0; i < count; ++i) {
            this.checkSpelled(string.concat(".refused[", vm.toString(i), "]"), false);
        }
    }

    function test_Every_Chunk_Of_Any_Content_Opens(bytes32 seed, uint256 size, uint256 index, uint256 last) public view {
        ok(_verify(_make(seed, size, index, last)), "a genuine opening");
    }

    function test_One_Bit_Of_The_Chunk_Is_Noticed(bytes32 seed, uint256 size, uint256 index, uint256 last, uint256 bit)
        public
        view
    {
        Case memory opened = _make(seed, size, index, last);
        _flip(opened.opening.chunk, bit);
        ok(!_verify(opened), "one bit of the chunk");
    }

    function test_One_Bit_Of_The_Proof_Is_Noticed(bytes32 seed, uint256 size, uint256 index, uint256 entry, uint8 bit)
        public
        view
    {
        Case memory opened = _make(seed, size % (MAX_CHUNKS - 1) + 1, index, 0);
        bytes32[] memory proof = opened.opening.proof;
        proof[entry % proof.length] ^= bytes32(1 << bit);
        ok(!_verify(opened), "one bit of the proof");
    }

    function test_One_Bit_Of_The_Root_Is_Noticed(bytes32 seed, uint256 size, uint256 index, uint8 bit) public view {
        Case memory opened = _make(seed, size, index, 7);
        opened.root ^= bytes32(1 << bit);
        ok(!_verify(opened), "one bit of the root");
    }

    function test_A_Proof_Of_Another_Length_Is_Refused(bytes32 seed, uint256 size, uint256 index, bytes32 more)
        public
        view
    {
        Case memory opened = _make(seed, size % (MAX_CHUNKS - 1) + 1, index, 7);
        bytes32[] memory proof = opened.opening.proof;
        opened.opening.proof = append(proof, more);
        ok(!_verify(opened), "one hash too many");
        assembly ("memory-safe") {
            mstore(proof, sub(mload(proof), 1))
        }
        opened.opening.proof = proof;
        ok(!_verify(opened), "one hash too few");
    }

    function test_No_Chunk_Opens_At_The_Place_Of_Another(bytes32 seed, uint256 size, uint256 index, uint256 other)
        public
        view
    {
        // All chunks are full, so that no length gives the place away.
        Case memory opened = _make(seed, size, index, DigestTree.CHUNK_BYTES - 1);
        for (uint256 i = 0; i < opened.numChunks + 3; ++i) {
            uint256 claimed = opened.index;
            opened.index = i;
            ok(_verify(opened) == (i == claimed), "an index that is not its own");
            opened.index = claimed;
        }
        vm.assume(other != opened.index);
        opened.index = other;
        ok(!_verify(opened), "any other index");
    }

    /// With a wrong number of chunks, an opening holds exactly where the path has the same turns.
    function test_In_A_Tree_Of_Another_Size_Only_The_Same_Path_Opens(bytes32 seed, uint256 size, uint256 index)
        public
        view
    {
        Case memory opened = _make(seed, size, index, DigestTree.CHUNK_BYTES - 1);
        bytes32 own = keccak256(bytes(turns(opened.index, opened.numChunks)));
        for (uint256 n = 0; n <= MAX_CHUNKS; ++n) {
            for (uint256 i = 0; i < n; ++i) {
                (opened.index, opened.numChunks) = (i, n);
                ok(_verify(opened) == (keccak256(bytes(turns(i, n))) == own), "the same turns");
            }
        }
    }

    function test_Two_Places_Of_One_Tree_Never_Have_The_Same_Path() public pure {
        for (uint256 n = 1; n <= MAX_CHUNKS; ++n) {
            for (uint256 i = 0; i < n; ++i) {
                for (uint256 j = 0; j < i; ++j) {
                    ok(keccak256(bytes(turns(i, n))) != keccak256(bytes(turns(j, n))), "two paths");
                }
            }
        }
    }

    /// A precompile that runs out of gas must not leave what happened to be in memory as a hash.
    function test_With_Too_Little_Gas_There_Is_No_Answer_And_Never_A_Wrong_One() public view {
        Case memory opened = _make("gas", 13, 5, 0);
        uint256 answers = 0;
        for (uint256 gasLimit = 1500; gasLimit < 12_000; gasLimit += 13) {
            try _user.verify{gas: gasLimit}(opened.root, opened.index, opened.numChunks, opened.opening) returns (
                bool isOpened
            ) {
                ok(isOpened, "the right answer");
                ++answers;
            } catch {}
        }
        ok(answers > 0 && answers < 800, "some limits are enough and some are not");
    }

    function test_A_Chunk_Of_Four_Mebibytes_Opens_For_Less_Than_9000_Gas() public view {
        bytes32[] memory proof = new bytes32[](12);
        bytes memory chunk = _chunk("full", 0, DigestTree.CHUNK_BYTES);
        bytes32 root = sha256(bytes.concat(hex"00", chunk));
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = keccak256(abi.encode(i));
            root = sha256(bytes.concat(hex"01", root, proof[i]));
        }
        (bool isOpened, uint256 used) = _user.measure(root, 0, 4096, Opening(chunk, proof));
        ok(isOpened, "the opening is genuine");
        ok(used < 9000, string.concat("used ", vm.toString(used)));
    }

    // External, so that each case starts with fresh memory of its own.

    function checkCase(string calldata key) external view {
        string memory json = vm.readFile(VECTORS);
        Case memory opened = _read(json, key);
        opened.opening.chunk = _golden(vm.parseJsonUint(json, string.concat(key, ".length")), opened.index);
        ok(_verify(opened), key);
    }

    function checkSpelled(string calldata key, bool isOpened) external view {
        string memory json = vm.readFile(VECTORS);
        Case memory opened = _read(json, key);
        string memory chunk = vm.parseJsonString(json, string.concat(key, ".chunk"));
        opened.opening.chunk = vm.parseBytes(string.concat("0x", chunk));
        ok(_verify(opened) == isOpened, key);
    }

    function _count(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(vm.readFile(VECTORS), key);
    }

    function _read(string memory json, string memory key) private pure returns (Case memory opened) {
        opened.root = vm.parseBytes32(string.concat("0x", vm.parseJsonString(json, string.concat(key, ".root"))));
        opened.index = vm.parseJsonUint(json, string.concat(key, ".index"));
        opened.numChunks = vm.parseJsonUint(json, string.concat(key, ".num_chunks"));
        string[] memory proof = vm.parseJsonStringArray(json, string.concat(key, ".proof"));
        opened.opening.proof = new bytes32[](proof.length);
        for (uint256 i = 0; i < proof.length; ++i) {
            opened.opening.proof[i] = vm.parseBytes32(string.concat("0x", proof[i]));
        }
    }

    /// The chunk at `index` of the content of the vectors: byte i is (7 i + floor(i / 251)) mod 256.
    function _golden(uint256 length, uint256 index) private pure returns (bytes memory chunk) {
        uint256 start = index * DigestTree.CHUNK_BYTES;
        uint256 left = length - start;
        chunk = new bytes(left < DigestTree.CHUNK_BYTES ? left : DigestTree.CHUNK_BYTES);
        for (uint256 i = 0; i < chunk.length; ++i) {
            chunk[i] = bytes1(uint8((7 * (start + i) + (start + i) / 251) % 256));
        }
    }

    /// Any chunk of content of any size, the last chunk of any length, with its proof.
    function _make(bytes32 seed, uint256 size, uint256 index, uint256 last) private pure returns (Case memory) {
        size = size % MAX_CHUNKS + 1;
        index %= size;
        bytes[] memory entries = new bytes[](size);
        for (uint256 i = 0; i < size; ++i) {
            bool isLast = i == size - 1;
            uint256 length = isLast ? last % DigestTree.CHUNK_BYTES + 1 : DigestTree.CHUNK_BYTES;
            entries[i] = _chunk(seed, i, length);
        }
        Opening memory opening = Opening(entries[index], path(entries, index, 0, size));
        return Case(treeHash(entries, 0, size), index, size, opening);
    }

    function _chunk(bytes32 seed, uint256 index, uint256 length) private pure returns (bytes memory chunk) {
        chunk = new bytes(length);
        for (uint256 i = 0; i < length; i += 31) {
            chunk[i] = keccak256(abi.encode(seed, index))[i % 32];
        }
    }

    function _flip(bytes memory data, uint256 bit) private pure {
        bit %= 8 * data.length;
        data[bit / 8] ^= bytes1(uint8(1 << bit % 8));
    }

    function _verify(Case memory opened) private view returns (bool) {
        return _user.verify(opened.root, opened.index, opened.numChunks, opened.opening);
    }
}
