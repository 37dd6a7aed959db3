// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Opening} from "../libraries/DigestTree.sol";
import {Question} from "../libraries/Questions.sol";
import {ILedgerTypes} from "./ILedgerTypes.sol";

/// @title Disputes about the proposed model of a task's current round
/// @notice Whoever proposed must be able to show what it vouches for; whoever challenges needs no more
/// than a deposit. Each move has challengeSeconds, and whoever lets them pass loses.
///
/// These answer at the ledger's address, by the code at `parameters().disputes`, which the ledger runs on its own
/// storage and money: before taking part, compare that code with the build's. Called at its own address, it refuses
/// everything.
interface IDisputes is ILedgerTypes {
    /// @notice Disputes the proposed model, with a deposit of as much as a bond. Anybody. The proposer
    /// then has to show what was asked; each move has challengeSeconds, and whoever lets them pass
    /// loses. The winner has its own money back and half of the loser's; the rest stays here for good.
    /// @param question what to show; no VALUE in a task whose fractionShift says that another rule than the
    /// mean makes its models
    /// @param position the chunk of the header, the value of the model, or the update, that it is about
    function challenge(uint32 round, Question question, uint32 position) external payable;

    /// @notice Shows that a chunk of the model's header is that of the genesis model's. Anybody.
    function answerHeader(uint32 round, Opening calldata genesis, Opening calldata proposed) external;

    /// @notice Shows that the report gives the update in question a status. Anybody.
    function answerStatus(uint32 round, Opening calldata report) external;

    /// @notice Claims what each part of the updates contributes to the value in question. The proposer.
    /// @param base the chunk of the base model that holds the value
    /// @param proposed that of the proposed model
    /// @param parts the claims (libraries/Parts.sol), of all updates of the round; excluded updates
    /// contribute nothing. They must lead from the value before to the proposed one.
    function answerValue(uint32 round, Opening calldata base, Opening calldata proposed, uint256[32] calldata parts)
        external;

    /// @notice Names a part that contributes something else than is claimed. The challenger.
    /// @param parts the claims, as the last event gave them
    function selectPart(uint32 round, uint32 part, uint256[32] calldata parts) external;

    /// @notice Claims what each part of the selected one contributes; together, what was claimed of it.
    /// The proposer.
    function splitPart(uint32 round, uint256[32] calldata parts) external;

    /// @notice Decides the dispute, once a single update is left. Anybody.
    /// @param record what the ledger recorded of the update
    /// @param report the chunk of the report with the update's status
    /// @param update the chunk of the update with the lane in question; anything if it is excluded
    function decideUpdate(
        uint32 round,
        UpdateRecord calldata record,
        Opening calldata report,
        Opening calldata update
    ) external;

    /// @notice Decides the dispute as `decideUpdate` does, if the update that is left is in a list. One that its
    /// participant has not signed, or that could not be recorded by itself, contributes nothing that a report
    /// might include: the proposal is dropped. Anybody.
    /// @param list what the ledger recorded of the list; not looked at if the report excludes the update
    /// @param entry the chunk of the list with the update's entry; likewise
    function decideListedUpdate(
        uint32 round,
        ListRecord calldata list,
        Opening calldata entry,
        Opening calldata report,
        Opening calldata update
    ) external;

    /// @notice Ends a dispute in which somebody let the time of its move pass. Anybody.
    function concludeDispute(uint32 round) external;

    /// @notice Pays what a part of a round's updates earned, as its report says: 32 updates, those from 32 * part on.
    /// What is due can be claimed. Anybody.
    /// @param reportDigest the digest of the round's report
    /// @param numUpdates the number of updates on record in that round
    /// @param report the chunk of the report with the rewards of the part
    function payRewards(
        uint32 round,
        bytes32 reportDigest,
        uint32 numUpdates,
        uint32 part,
        Opening calldata report
    ) external;

    /// @notice Shows that the report gives an update on record no status: the proposal is dropped, and
    /// half of its proposer's bond goes to the sender. Anybody.
    /// @param report the chunk of the report that should hold the status
    function proveOmission(uint32 round, uint32 sequence, Opening calldata report) external;
}
