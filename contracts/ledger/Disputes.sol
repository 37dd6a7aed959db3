// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../interfaces/IDisputes.sol";
import {DigestTree, Opening} from "../libraries/DigestTree.sol";
import {Fault} from "../libraries/Faults.sol";
import {LittleEndian} from "../libraries/LittleEndian.sol";
import {ModelStep} from "../libraries/ModelStep.sol";
import {Parts} from "../libraries/Parts.sol";
import {Phase} from "../libraries/Phases.sol";
import {Question, Stage} from "../libraries/Questions.sol";
import {SignedUpdate, SignedUpdates} from "../libraries/SignedUpdates.sol";
import {TypedData} from "../libraries/TypedData.sol";
import {Masks} from "./Masks.sol";
import {Secrets} from "./Secrets.sol";
import {StoredParameters} from "./StoredParameters.sol";

/// @title Disputes about the proposed model, decided here
/// @notice Whoever proposed must be able to show what it vouches for; whoever challenges needs no more
/// than a deposit. A wrong value is found by splitting the updates into parts: the first answer must
/// lead to the value that was proposed, and later ones to what was claimed before, so that somewhere
/// on the way down to a single update a claim is wrong if the value is, and none if it is right.
///
/// A ledger lends this code its own storage by delegatecall (DisputeForwarder): one contract has not the room
/// for both. It has no immutables and nothing to be created with, so that its code is the same byte for byte
/// wherever it stands, and any number of tasks can share it. Called in any other way it finds its own storage,
/// in which nobody has ever written.
contract Disputes is Secrets, Masks, StoredParameters, IDisputes {
    using LittleEndian for bytes;

    uint256 private constant STATUSES = 14;
    uint256 private constant ENTRY_BYTES = 256;
    uint256 private constant ROW_BYTES = 32;

    function challenge(uint32 round, Question question, uint32 position) external payable {
        CurrentRound memory current = _current;
        _requirePhase(current, round, Phase.PROPOSED);
        // INVARIANT P-119: a challenge costs as much as a wrong proposal, and there is time to answer it.
        if (_bond() == 0 || _terms.challengeSeconds == 0) revert NoDisputes();
        if (msg.value != _bond()) revert UnexpectedDeposit(msg.value, _bond());
        uint256 limit;
        if (question == Question.HEADER) limit = _terms.headerChunks;
        // INVARIANT P-239: the contract decides about the values of no rule but the one that it can carry out.
        else if (question == Question.VALUE && _terms.fractionShift != NO_VALUES) limit = _terms.numValues;
        else if (question == Question.STATUS) limit = current.numUpdates;
        if (position >= limit) revert ParameterOutOfRange("position", position);

        _dispute.round = round;
        _dispute.challenger = msg.sender;
        _dispute.question = question;
        _dispute.position = position;
        _await(Stage.ASKED);
        uint40 timestamp = _now();
        _record(2, abi.encode(ProposalChallenged.selector, round, msg.sender, question, position, timestamp));
    }

    function answerHeader(uint32 round, Opening calldata genesis, Opening calldata proposed) external {
        CurrentRound memory current = _requireMove(round, Stage.ASKED, Question.HEADER);
        uint256 index = _dispute.position;
        _requireWhole(_models[0], index, _bytesOf(4), genesis);
        _requireWhole(_models[round], index, _bytesOf(4), proposed);
        if (keccak256(genesis.chunk) != keccak256(proposed.chunk)) revert WrongAnswer();
        _failChallenge(current, Fault.FALSE_CHALLENGE);
    }

    function answerStatus(uint32 round, Opening calldata report) external {
        CurrentRound memory current = _requireMove(round, Stage.ASKED, Question.STATUS);
        if (_statusOf(current, _dispute.position, report) >= STATUSES) revert WrongAnswer();
        _failChallenge(current, Fault.FALSE_CHALLENGE);
    }

    function answerValue(
        uint32 round,
        Opening calldata base,
        Opening calldata proposed,
        uint256[32] calldata parts
    ) external {
        CurrentRound memory current = _requireMove(round, Stage.ASKED, Question.VALUE);
        _requireProposer();
        int32 baseValue = _valueOf(_models[current.baseRound], base);
        int32 proposedValue = _valueOf(_models[round], proposed);
        (uint256 weight, int256 sum) = Parts.total(parts, current.numUpdates);
        // INVARIANT P-120: the claims that a dispute is about lead exactly to the value that was proposed.
        if (weight == 0 || ModelStep.next(baseValue, sum, _terms.fractionShift, weight) != proposedValue) {
            revert WrongAnswer();
        }
        _dispute.first = 0;
        _dispute.count = current.numUpdates;
        _dispute.partsHash = keccak256(abi.encode(parts));
        _await(Stage.SPLIT);
        uint40 timestamp = _now();
        _record(1, abi.encode(ValueAnswered.selector, round, baseValue, proposedValue, parts, timestamp));
    }

    function selectPart(uint32 round, uint32 part, uint256[32] calldata parts) external {
        _requireMove(round, Stage.SPLIT, Question.VALUE);
        if (msg.sender != _dispute.challenger) revert NotChallenger(msg.sender, _dispute.challenger);
        // INVARIANT P-121: a part is selected from what the proposer claimed, and nothing else.
        if (keccak256(abi.encode(parts)) != _dispute.partsHash) revert WrongAnswer();
        uint256 count = _dispute.count;
        if (part >= Parts.numberOf(count)) revert ParameterOutOfRange("part", part);
        uint256 width = Parts.widthOf(count);
        uint256 rest = count - part * width;
        _dispute.first += uint32(part * width);
        _dispute.count = uint32(rest < width ? rest : width);
        _dispute.weight = Parts.weightOf(parts[part]);
        _dispute.sum = Parts.sumOf(parts[part]);
        _await(_dispute.count == 1 ? Stage.SINGLE : Stage.SELECTED);
        uint40 timestamp = _now();
        _record(1, abi.encode(PartSelected.selector, round, part, timestamp));
    }

    function splitPart(uint32 round, uint256[32] calldata parts) external {
        _requireMove(round, Stage.SELECTED, Question.VALUE);
        _requireProposer();
        (uint256 weight, int256 sum) = Parts.total(parts, _dispute.count);
        // INVARIANT P-122: parts add up to what was claimed of the whole.
        if (weight != _dispute.weight || sum != _dispute.sum) revert WrongAnswer();
        _dispute.partsHash = keccak256(abi.encode(parts));
        _await(Stage.SPLIT);
        uint40 timestamp = _now();
        _record(1, abi.encode(PartSplit.selector, round, parts, timestamp));
    }

    function decideUpdate(
        uint32 round,
        UpdateRecord calldata record,
        Opening calldata report,
        Opening calldata update
    ) external {
        CurrentRound memory current = _requireMove(round, Stage.SINGLE, Question.VALUE);
        uint32 sequence = _dispute.first;
        _requireRecord(round, sequence, record);
        uint256 weight;
        int256 sum;
        // INVARIANT P-123: an update contributes its weight times its lane if the report includes it, and
        // nothing if not.
        if (_statusOf(current, sequence, report) == 0) {
            weight = record.weight;
            sum = int256(uint256(record.weight)) * _laneOf(record.digest, update);
        }
        _decide(current, weight == _dispute.weight && sum == _dispute.sum);
    }

    function decideListedUpdate(
        uint32 round,
        ListRecord calldata list,
        Opening calldata entry,
        Opening calldata report,
        Opening calldata update
    ) external {
        CurrentRound memory current = _requireMove(round, Stage.SINGLE, Question.VALUE);
        uint32 sequence = _dispute.first;
        uint256 weight = 0;
        int256 sum = 0;
        // INVARIANT P-169: what the report excludes nobody has to show: it may be in a list that nobody can have.
        if (_statusOf(current, sequence, report) == 0) {
            (uint256 participant, SignedUpdate calldata listed) = _requireEntry(round, sequence, list, entry);
            // INVARIANT P-165: nothing enters a model that no member has signed.
            if (!_isGenuine(round, participant, listed)) return _decide(current, false);
            weight = listed.weight;
            sum = int256(weight) * _laneOf(listed.digest, update);
        }
        _decide(current, weight == _dispute.weight && sum == _dispute.sum);
    }

    function concludeDispute(uint32 round) external {
        CurrentRound memory current = _current;
        _requirePhase(current, round, Phase.CHALLENGED);
        // INVARIANT P-124: silence loses, and nothing else does before the time of a move is over.
        if (block.timestamp <= _dispute.until) revert MoveNotOver(_dispute.until);
        if (_dispute.stage == Stage.SPLIT) _failChallenge(current, Fault.SILENCE);
        else _reject(current, Fault.SILENCE, _dispute.challenger);
    }

    function proveOmission(uint32 round, uint32 sequence, Opening calldata report) external {
        CurrentRound memory current = _current;
        _requirePhase(current, round, Phase.PROPOSED);
        if (sequence >= current.numUpdates) revert ParameterOutOfRange("sequence", sequence);
        // INVARIANT P-125: only a report that lacks the status of an update on record is an omission.
        uint256 offset = sequence % DigestTree.CHUNK_BYTES;
        uint256 numChunks = _chunksOf(_reportBytes(current.numUpdates));
        _requireOpening(_proposal.reportDigest, _reportChunk(sequence), numChunks, report);
        if (offset < report.chunk.length && report.chunk.uint8At(offset) < STATUSES) revert NoOmission(sequence);
        _reject(current, Fault.OMISSION, msg.sender);
    }

    function payRewards(
        uint32 round,
        bytes32 reportDigest,
        uint32 numUpdates,
        uint32 part,
        Opening calldata report
    ) external {
        Payroll storage payroll = _payrolls[round];
        // INVARIANT P-263: rewards are paid of the report that became final, and each part of it once.
        if (payroll.content != keccak256(abi.encode(reportDigest, numUpdates))) revert UnknownPayroll(round);
        uint256 place = uint256(round) << 32 | part;
        if (_isPaid[place]) revert AlreadyPaid(round, part);
        uint256 numRows = DigestTree.CHUNK_BYTES / ROW_BYTES;
        if (part * numRows >= numUpdates) revert ParameterOutOfRange("part", part);
        _isPaid[place] = true;
        _requireWhole(reportDigest, _rewardChunk(numUpdates) + part, _reportBytes(numUpdates), report);
        uint256[32] memory rows;
        uint256 total = 0;
        for (uint256 i = 0; i < report.chunk.length / ROW_BYTES; ++i) {
            uint256 row = report.chunk.wordAt(i * ROW_BYTES);
            rows[i] = row;
            uint256 amount = uint96(row);
            if (amount == 0) continue;
            total += amount;
            _payouts[address(uint160(row >> 96))] += amount;
        }
        // INVARIANT P-264: a round costs its reward and no more, whatever a quorum says.
        if (total > payroll.left) revert RewardExceeded(total, payroll.left);
        payroll.left -= uint96(total);
        payroll.numUnpaid -= 1;
        if (payroll.numUnpaid == 0) {
            // INVARIANT P-266: what a round did not pay is there for the next, or for who takes the pot back.
            _pot += payroll.left;
            payroll.left = 0;
        }
        uint40 timestamp = _now();
        _record(1, abi.encode(RewardsPaid.selector, round, part, rows, timestamp));
    }

    /// Lets the window begin again, since nobody else could challenge meanwhile.
    function _failChallenge(CurrentRound memory current, Fault fault) private {
        address challenger = _dispute.challenger;
        address proposer = _proposal.proposer;
        uint40 timestamp = _now();
        delete _dispute;
        _dispute.round = current.round;
        _dispute.until = timestamp + _terms.challengeSeconds;
        uint96 bond = _bond();
        _payouts[proposer] += bond / 2;
        _record(2, abi.encode(ChallengeFailed.selector, current.round, challenger, proposer, bond, fault, timestamp));
    }

    function _decide(CurrentRound memory current, bool isRight) private {
        if (isRight) _failChallenge(current, Fault.FALSE_CHALLENGE);
        else _reject(current, Fault.WRONG_MODEL, _dispute.challenger);
    }

    /// Gives whoever moves next the time for it.
    function _await(Stage stage) private {
        _dispute.stage = stage;
        _dispute.until = _now() + _terms.challengeSeconds;
    }

    function _requireMove(uint32 round, Stage stage, Question question)
        private
        view
        returns (CurrentRound memory current)
    {
        current = _current;
        _requirePhase(current, round, Phase.CHALLENGED);
        if (_dispute.stage != stage || _dispute.question != question) {
            revert UnexpectedMove(_dispute.question, _dispute.stage);
        }
        // INVARIANT P-126: no move counts after its time.
        if (block.timestamp > _dispute.until) revert MoveOver(_dispute.until);
    }

    function _requireProposer() private view {
        if (msg.sender != _proposal.proposer) revert NotProposer(msg.sender, _proposal.proposer);
    }

    function _requireRecord(uint32 round, uint32 sequence, UpdateRecord calldata record) private view {
        Participant memory participant = _participants[record.participant];
        bytes32 hash = keccak256(
            abi.encode(
                UpdateSubmitted.selector,
                round,
                record.participant,
                sequence,
                record.digest,
                record.cidDigest,
                record.weight,
                record.timestamp
            )
        );
        // INVARIANT P-127: what an update is said to contribute stands under its own record.
        if (
            participant.lastRound != round || participant.lastSequence != sequence
                || participant.lastRecord != bytes23(hash)
        ) revert UnknownRecord(record.participant, sequence);
    }

    /// The entry of an update in its list: participant, then what the participant signed.
    function _requireEntry(uint32 round, uint32 sequence, ListRecord calldata list, Opening calldata entry)
        private
        view
        returns (uint256 participant, SignedUpdate calldata listed)
    {
        bytes32 hash = keccak256(
            abi.encode(
                UpdatesListed.selector,
                round,
                list.aggregator,
                list.first,
                list.count,
                list.digest,
                list.cidDigest,
                list.timestamp
            )
        );
        Listing memory kept = _lists[list.aggregator];
        // INVARIANT P-166: what an update in a list is said to contribute stands in a list on record.
        if (kept.round != round || kept.record != bytes28(hash) || sequence < list.first) {
            revert UnknownList(list.aggregator, sequence);
        }
        uint256 position = sequence - list.first;
        if (position >= list.count) revert UnknownList(list.aggregator, sequence);
        uint256 numBytes = DigestTree.CHUNK_BYTES + ENTRY_BYTES * list.count;
        uint256 offset = ENTRY_BYTES * position;
        _requireWhole(list.digest, 1 + offset / DigestTree.CHUNK_BYTES, numBytes, entry);
        offset %= DigestTree.CHUNK_BYTES;
        bytes calldata chunk = entry.chunk;
        // A list has a whole number of entries, and a chunk as well: the words are all there.
        assembly ("memory-safe") {
            participant := calldataload(add(chunk.offset, offset))
            listed := add(chunk.offset, add(offset, 0x20))
        }
    }

    /// Whether an admitted participant signed an entry that could have been recorded by itself.
    function _isGenuine(uint32 round, uint256 participant, SignedUpdate calldata listed)
        private
        view
        returns (bool)
    {
        uint256 weight;
        bool isPadded;
        assembly ("memory-safe") {
            weight := calldataload(add(listed, 0x40))
            isPadded := iszero(or(calldataload(add(listed, 0xa0)), calldataload(add(listed, 0xc0))))
        }
        bool isInRange = weight != 0 && weight <= _terms.maxWeight;
        if (!isPadded || !isInRange || listed.digest == 0 || listed.cidDigest == 0) return false;
        address signer = SignedUpdates.signerIn(TypedData.domain(), round, listed);
        bool isMember = _participants[signer].isAdmitted && _isSelected(round, signer);
        return uint160(signer) == participant && isMember;
    }

    /// Requires the chunk at `index` of content of `numBytes` bytes.
    function _requireWhole(bytes32 digest, uint256 index, uint256 numBytes, Opening calldata opening) private view {
        uint256 numChunks = _chunksOf(numBytes);
        _requireOpening(digest, index, numChunks, opening);
        uint256 rest = numBytes - index * DigestTree.CHUNK_BYTES;
        if (rest > DigestTree.CHUNK_BYTES) rest = DigestTree.CHUNK_BYTES;
        // INVARIANT P-130: content ends where it should: with more behind that it is not what it is said to
        // be, however right all that is asked for may be.
        if (opening.chunk.length != rest) revert WrongOpening(digest, index, numChunks);
    }

    function _requireOpening(bytes32 digest, uint256 index, uint256 numChunks, Opening calldata opening)
        private
        view
    {
        if (!DigestTree.verify(digest, index, numChunks, opening)) revert WrongOpening(digest, index, numChunks);
    }

    /// The value in dispute, of a model.
    function _valueOf(bytes32 digest, Opening calldata opening) private view returns (int32) {
        (uint256 index, uint256 offset) = _locate(4);
        _requireWhole(digest, index, _bytesOf(4), opening);
        return opening.chunk.int32At(offset);
    }

    /// The lane in dispute, of an update.
    function _laneOf(bytes32 digest, Opening calldata opening) private view returns (int16) {
        (uint256 index, uint256 offset) = _locate(2);
        _requireWhole(digest, index, _bytesOf(2), opening);
        return opening.chunk.int16At(offset);
    }

    function _statusOf(CurrentRound memory current, uint32 sequence, Opening calldata opening)
        private
        view
        returns (uint8)
    {
        _requireWhole(_proposal.reportDigest, _reportChunk(sequence), _reportBytes(current.numUpdates), opening);
        return opening.chunk.uint8At(sequence % DigestTree.CHUNK_BYTES);
    }

    /// Chunk of the value in dispute, and where in the chunk it begins.
    function _locate(uint256 width) private view returns (uint256 index, uint256 offset) {
        uint256 position = width * _dispute.position;
        return (_terms.headerChunks + position / DigestTree.CHUNK_BYTES, position % DigestTree.CHUNK_BYTES);
    }

    /// The size of a blob with values of `width` bytes.
    function _bytesOf(uint256 width) private view returns (uint256) {
        return _terms.headerChunks * DigestTree.CHUNK_BYTES + width * _terms.numValues;
    }

    function _reportChunk(uint32 sequence) private pure returns (uint256) {
        return 1 + sequence / DigestTree.CHUNK_BYTES;
    }

    /// The size of a report: its header, its statuses, and in a task with a reward, from the next chunk on, its rewards.
    function _reportBytes(uint256 numUpdates) private view returns (uint256) {
        if (!_terms.hasReward) return DigestTree.CHUNK_BYTES + numUpdates;
        return _rewardChunk(numUpdates) * DigestTree.CHUNK_BYTES + ROW_BYTES * numUpdates;
    }

    function _rewardChunk(uint256 numUpdates) private pure returns (uint256) {
        return 1 + _chunksOf(numUpdates);
    }

    function _chunksOf(uint256 numBytes) private pure returns (uint256) {
        return (numBytes + DigestTree.CHUNK_BYTES - 1) / DigestTree.CHUNK_BYTES;
    }
}
