// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedgerTypes} from "../../contracts/interfaces/ILedgerTypes.sol";
import {Signature} from "../../contracts/libraries/Attestations.sol";
import {LedgerTest} from "./LedgerTest.sol";
import {vm} from "./Vm.sol";

/// @notice A task of three aggregators, of whom two are a quorum, with a bond of one ether each.
abstract contract CommitteeTest is LedgerTest {
    uint96 internal constant BOND = 1 ether;
    bytes32 internal constant OTHER = keccak256("another model");
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function setUp() public virtual override {
        super.setUp();
        ILedgerTypes.TaskParameters memory p = parameters();
        p.quorum = 2;
        p.bond = BOND;
        p.numRounds = 5;
        ledger = create(p);
        for (uint256 i = 0; i < 3; ++i) {
            deposit(i, BOND);
        }
    }

    function committee() internal pure virtual override returns (address[] memory members) {
        members = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            members[i] = aggregator(i);
        }
    }

    function aggregator(uint256 i) internal pure returns (address) {
        return vm.addr(i + 1);
    }

    function deposit(uint256 i, uint256 wei_) internal {
        vm.deal(aggregator(i), wei_);
        vm.prank(aggregator(i));
        ledger.depositBond{value: wei_}();
    }

    function propose() internal virtual override {
        proposeAs(0, MODEL);
    }

    function proposeAs(uint256 i, bytes32 model) internal {
        uint32 number = round();
        vm.prank(aggregator(i));
        ledger.propose(number, model, MODEL_CID, REPORT, REPORT_CID);
    }

    function digestToSign(address contract_, uint256 chainId, uint32 number, bytes32 model)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("fl_chain"),
                keccak256("1"),
                chainId,
                contract_
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256("Attestation(uint32 round,bytes32 modelDigest,bytes32 reportDigest)"), number, model, REPORT
            )
        );
        return keccak256(bytes.concat(hex"1901", domain, message));
    }

    function sign(uint256 i, uint32 number, bytes32 model) internal view returns (Signature memory) {
        return pack(i, digestToSign(address(ledger), block.chainid, number, model));
    }

    function pack(uint256 i, bytes32 digest) internal pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(i + 1, digest);
        return Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    /// The other form of the same signature, which ecrecover takes as well.
    function twin(Signature memory signature) internal pure returns (Signature memory) {
        uint256 s = uint256(signature.vs) & (type(uint256).max >> 1);
        uint256 parity = uint256(signature.vs) >> 255;
        return Signature(signature.r, bytes32((ORDER - s) & (type(uint256).max >> 1) | (1 - parity) << 255));
    }

    function list(Signature memory a) internal pure returns (Signature[] memory all) {
        all = new Signature[](1);
        all[0] = a;
    }

    function attestAs(uint256 i, bytes32 model) internal {
        uint32 number = round();
        Signature[] memory signatures = list(sign(i, number, model));
        vm.prank(ANYBODY);
        ledger.attest(number, model, REPORT, signatures);
    }

    function attestation(uint256 i, uint32 number, bytes32 model)
        internal
        view
        returns (ILedgerTypes.Attestation memory)
    {
        return ILedgerTypes.Attestation(number, model, REPORT, sign(i, number, model));
    }
}
