// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Fault} from "../../contracts/libraries/Faults.sol";
import {History} from "../../contracts/libraries/History.sol";
import {Assertions} from "./LedgerTest.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice The library against typed emits of the same events.
contract HistoryTest is Assertions {
    struct Words {
        address a;
        uint32 b;
        int32 c;
    }

    event Without(uint40 a, int256 b);
    event Empty();
    event WithOne(address indexed a, Words b, Fault c);
    event WithOneOnly(uint32 indexed a);
    event WithTwo(uint32 indexed a, address indexed b, int32 c, uint256[32] d, uint40 e);
    event WithTwoOnly(uint32 indexed a, address indexed b);

    function setUp() public {
        vm.recordLogs();
    }

    function test_Without_Topics_A_Record_Is_Emitted_As_The_Event_Is(uint40 a, int256 b) public {
        emit Without(a, b);
        _expectSame(0, abi.encode(Without.selector, a, b));
        emit Empty();
        _expectSame(0, abi.encode(Empty.selector));
    }

    function test_With_One_Topic_A_Record_Is_Emitted_As_The_Event_Is(Words memory b, uint8 fault) public {
        Fault c = Fault(fault % (uint8(type(Fault).max) + 1));
        emit WithOne(b.a, b, c);
        _expectSame(1, abi.encode(WithOne.selector, b.a, b, c));
        emit WithOneOnly(b.b);
        _expectSame(1, abi.encode(WithOneOnly.selector, b.b));
    }

    function test_With_Two_Topics_A_Record_Is_Emitted_As_The_Event_Is(
        uint32 a,
        address b,
        int32 c,
        uint256[32] memory d,
        uint40 e
    ) public {
        emit WithTwo(a, b, c, d, e);
        _expectSame(2, abi.encode(WithTwo.selector, a, b, c, d, e));
        emit WithTwoOnly(a, b);
        _expectSame(2, abi.encode(WithTwoOnly.selector, a, b));
    }

    function test_A_Record_Is_Left_As_It_Was(bytes32[5] memory words) public {
        bytes memory record = abi.encode(words);
        bytes32 hash = keccak256(record);
        for (uint256 numIndexed = 0; numIndexed < 3; ++numIndexed) {
            eq(History.emitRecord(numIndexed, record), hash);
            eq(keccak256(record), hash);
        }
    }

    function test_A_History_Hashes_The_Value_Before_And_The_Record(bytes32 history, bytes32 record) public pure {
        eq(History.append(history, record), keccak256(abi.encode(history, record)));
    }

    function test_A_History_Is_Of_One_Contract_On_One_Chain() public view {
        eq(History.start(), historyStart(address(this)));
    }

    /// Emits the record, and compares with the typed event that was emitted just before.
    function _expectSame(uint256 numIndexed, bytes memory record) private {
        bytes32 hash = History.emitRecord(numIndexed, record);
        eq(hash, keccak256(record));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory typed = logs[logs.length - 2];
        Vm.Log memory raw = logs[logs.length - 1];
        eq(raw.topics.length, numIndexed + 1);
        eq(abi.encode(raw.topics), abi.encode(typed.topics));
        eq(raw.data, typed.data);
    }
}
