// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuditRegister} from "../../contracts/AuditRegister.sol";
import {IAuditRegister} from "../../contracts/interfaces/IAuditRegister.sol";
import {Audit} from "../../contracts/libraries/Audits.sol";
import {Signature} from "../../contracts/libraries/TypedData.sol";
import {Assertions} from "./LedgerTest.sol";
import {vm, Vm} from "./Vm.sol";

contract AuditRegisterTest is Assertions {
    uint256 private constant KEY = 0xA0D1;
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint40 private constant START = 1_700_000_000;
    address private constant LEDGER = address(0x1ed6e4);

    AuditRegister private register;

    function setUp() public {
        vm.warp(START);
        register = new AuditRegister();
    }

    function audit() private pure returns (Audit memory) {
        return Audit(LEDGER, 87, keccak256("history"), 1, keccak256("findings"), keccak256("cid"));
    }

    function messageOf(Audit memory audit_) private pure returns (bytes32) {
        bytes32 type_ = keccak256(
            "Audit(address ledger,uint32 numRecords,bytes32 historyHash,uint8 verdict,bytes32 findingsDigest,bytes32 findingsCidDigest)"
        );
        return keccak256(
            abi.encode(
                type_,
                audit_.ledger,
                audit_.numRecords,
                audit_.historyHash,
                audit_.verdict,
                audit_.findingsDigest,
                audit_.findingsCidDigest
            )
        );
    }

    function sign(uint256 key, Audit memory audit_, address contract_, uint256 chainId)
        private
        pure
        returns (Signature memory)
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
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(bytes.concat(hex"1901", domain, messageOf(audit_))));
        return Signature(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    function signed(Audit memory audit_) private view returns (Signature memory) {
        return sign(KEY, audit_, audit_.ledger, block.chainid);
    }

    function refuse(Audit memory audit_, Signature memory signature, address auditor) private {
        vm.expectRevert(abi.encodeWithSelector(IAuditRegister.NotSigned.selector, auditor));
        register.recordAudit(auditor, audit_, signature);
    }

    function test_Anybody_Hands_In_What_An_Auditor_Signed() public {
        Audit memory one = audit();
        Signature memory signature = signed(one);
        vm.expectEmit(address(register));
        emit IAuditRegister.AuditRecorded(
            LEDGER, vm.addr(KEY), 87, one.historyHash, 1, one.findingsDigest, one.findingsCidDigest, START
        );
        vm.prank(address(0xCA11));
        register.recordAudit(vm.addr(KEY), one, signature);
        ok(register.isRecorded(vm.addr(KEY), messageOf(one)), "recorded");
    }

    function test_An_Audit_Is_Recorded_Once_And_By_Every_Auditor() public {
        Audit memory one = audit();
        Signature memory signature = signed(one);
        register.recordAudit(vm.addr(KEY), one, signature);
        vm.expectRevert(
            abi.encodeWithSelector(IAuditRegister.AlreadyRecorded.selector, vm.addr(KEY), messageOf(one))
        );
        register.recordAudit(vm.addr(KEY), one, signature);
        register.recordAudit(vm.addr(KEY + 1), one, sign(KEY + 1, one, LEDGER, block.chainid));
        one.numRecords = 88;
        register.recordAudit(vm.addr(KEY), one, signed(one));
    }

    function test_A_Signature_Is_For_One_Audit_Of_One_Ledger_On_One_Chain() public {
        address auditor = vm.addr(KEY);
        Audit memory one = audit();
        refuse(one, sign(KEY, one, LEDGER, block.chainid + 1), auditor);
        refuse(one, sign(KEY, one, address(register), block.chainid), auditor);
        refuse(one, sign(KEY + 1, one, LEDGER, block.chainid), auditor);
        Signature memory signature = signed(one);
        for (uint256 field = 0; field < 6; ++field) {
            Audit memory other = audit();
            if (field == 0) other.ledger = address(0x1ed6e5);
            if (field == 1) other.numRecords = 86;
            if (field == 2) other.historyHash = keccak256("other");
            if (field == 3) other.verdict = 2;
            if (field == 4) other.findingsDigest = keccak256("other");
            if (field == 5) other.findingsCidDigest = keccak256("other");
            refuse(other, signature, auditor);
        }
        register.recordAudit(auditor, one, signature);
    }

    function test_No_Signature_Has_Two_Forms_And_None_Is_Nobodys() public {
        Audit memory one = audit();
        Signature memory signature = signed(one);
        uint256 s = uint256(signature.vs) & (type(uint256).max >> 1);
        uint256 parity = 1 - (uint256(signature.vs) >> 255);
        refuse(one, Signature(signature.r, bytes32((ORDER - s) | (parity << 255))), vm.addr(KEY));
        refuse(one, Signature(0, 0), address(0));
    }

    function test_Verdicts_Are_One_To_Three() public {
        Audit memory one = audit();
        for (uint256 verdict = 1; verdict <= 3; ++verdict) {
            one.verdict = uint8(verdict);
            register.recordAudit(vm.addr(KEY), one, signed(one));
        }
        for (uint256 verdict = 0; verdict <= 4; verdict += 4) {
            one.verdict = uint8(verdict);
            Signature memory signature = signed(one);
            vm.expectRevert(abi.encodeWithSelector(IAuditRegister.UnknownVerdict.selector, one.verdict));
            register.recordAudit(vm.addr(KEY), one, signature);
        }
    }

    function test_An_Audit_Names_All_That_It_Is_About() public {
        for (uint256 field = 0; field < 4; ++field) {
            Audit memory one = audit();
            if (field == 0) one.numRecords = 0;
            if (field == 1) one.historyHash = 0;
            if (field == 2) one.findingsDigest = 0;
            if (field == 3) one.findingsCidDigest = 0;
            Signature memory signature = signed(one);
            vm.expectRevert(abi.encodeWithSelector(IAuditRegister.IncompleteAudit.selector));
            register.recordAudit(vm.addr(KEY), one, signature);
        }
    }

    function test_The_History_Hash_Follows_From_The_Logs() public {
        vm.recordLogs();
        register = new AuditRegister();
        Audit memory one = audit();
        register.recordAudit(vm.addr(KEY), one, signed(one));
        one.verdict = 2;
        register.recordAudit(vm.addr(KEY), one, signed(one));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 3);
        eq(logs[0].topics.length, 1);
        eq(logs[0].topics[0], IAuditRegister.RegisterCreated.selector);
        bytes32 history = keccak256(abi.encode(block.chainid, address(register)));
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes memory record;
            for (uint256 j = 0; j < logs[i].topics.length; ++j) {
                record = bytes.concat(record, logs[i].topics[j]);
            }
            history = keccak256(abi.encode(history, keccak256(bytes.concat(record, logs[i].data))));
        }
        eq(register.historyHash(), history);
    }
}
