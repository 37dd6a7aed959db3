// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "./IDisputes.sol";
import {IMasks} from "./IMasks.sol";
import {IRoundLedger} from "./IRoundLedger.sol";
import {ISampling} from "./ISampling.sol";

/// @title All that a ledger answers at its address
/// @notice What it does itself, and what it hands on to the code that decides disputes.
interface ILedger is IRoundLedger, IDisputes, ISampling, IMasks {}
