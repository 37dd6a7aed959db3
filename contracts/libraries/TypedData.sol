// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A signature of 64 bytes (EIP-2098).
struct Signature {
    bytes32 r;
    /// The y parity in the highest bit, s in the others.
    bytes32 vs;
}

/// @title Who signed a message for this contract (EIP-712)
/// @notice A signature is bound to chain and contract by the domain, to what it says by the message.
library TypedData {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("fl_chain");
    bytes32 private constant VERSION = keccak256("1");
    /// Half of the order of secp256k1: of s and n - s, which sign the same, only the smaller counts.
    bytes32 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @param message the EIP-712 hash of what is signed
    /// @return the address that signed `message` for this contract on this chain; 0 if none did
    function signerOf(bytes32 message, Signature calldata signature) internal view returns (address) {
        return signerIn(domain(), message, signature);
    }

    /// @return what binds signatures to this contract on this chain; computed anew each time, so that a fork
    /// of the chain has a domain of its own
    function domain() internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, NAME, VERSION, block.chainid, address(this)));
    }

    /// @return the address that signed `message` in a domain; 0 if none did
    function signerIn(bytes32 domain_, bytes32 message, Signature calldata signature)
        internal
        pure
        returns (address)
    {
        bytes32 s = signature.vs & bytes32(type(uint256).max >> 1);
        // INVARIANT P-111: every signature has one form, so none can be shown twice as two.
        if (s > HALF_ORDER) return address(0);
        uint8 v;
        unchecked {
            v = 27 + uint8(uint256(signature.vs) >> 255); // 27 or 28
        }
        bytes32 signed;
        // keccak256(abi.encodePacked(hex"1901", domain_, message)), without taking memory for good.
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, hex"1901")
            mstore(add(buffer, 0x02), domain_)
            mstore(add(buffer, 0x22), message)
            signed := keccak256(buffer, 0x42)
        }
        return ecrecover(signed, v, signature.r, s);
    }
}
