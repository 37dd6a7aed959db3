// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A running hash over every record that a contract has ever emitted
/// @notice One storage slot proves that a list of events is complete, unaltered and in order:
/// whoever replays the events with `append` must arrive at the value in storage.
///
///     history(0)   = keccak256(chain id, contract)
///     history(n+1) = keccak256(history(n), recordHash(n))
///     recordHash   = keccak256(topic 0 of the event, every argument as one ABI word)
library History {
    /// @notice The value before the first record; it binds the history to one contract on one chain.
    function start() internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this)));
    }

    /// @notice Emits an event from the very bytes that its record hash is of, so that the two can not
    /// come apart.
    /// @param numIndexed arguments of the event that are topics: the first ones, 0 to 2
    /// @param record topic 0 and every argument as one ABI word, as `abi.encode` lays them out
    /// @return recordHash what `append` takes
    function emitRecord(uint256 numIndexed, bytes memory record) internal returns (bytes32 recordHash) {
        assembly ("memory-safe") {
            let topics := add(record, 0x20)
            let skipped := mul(0x20, add(numIndexed, 1))
            let data := add(topics, skipped)
            let size := sub(mload(record), skipped)
            switch numIndexed
            case 0 { log1(data, size, mload(topics)) }
            case 1 { log2(data, size, mload(topics), mload(add(topics, 0x20))) }
            default { log3(data, size, mload(topics), mload(add(topics, 0x20)), mload(add(topics, 0x40))) }
            recordHash := keccak256(topics, mload(record))
        }
    }

    /// @param history the value so far
    /// @param recordHash hash of the record that happens now
    function append(bytes32 history, bytes32 recordHash) internal pure returns (bytes32 next) {
        assembly ("memory-safe") {
            mstore(0x00, history)
            mstore(0x20, recordHash)
            next := keccak256(0x00, 0x40)
        }
    }
}
