// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {ILedgerAnchor} from "./interfaces/ILedgerAnchor.sol";

// The bitmap has 256 bits and skip 128: a payout without a bit would be paid and then counted as unpaid.
uint256 constant PAYOUTS_MAX = 128;
// go-livepeer reads a senderNonce into 32 bits.
uint256 constant PAYOUT_ID_MAX = type(uint32).max;
uint256 constant HEAD_BYTES = 50;
uint256 constant TICKET_BYTES = 96;
uint256 constant TRANSFER_BYTES = 32;

/// @title The packed form of payouts
/// @notice Head: round u64 ‖ round hash 32 ‖ first payout id u64 ‖ tickets u16. Then the tickets, each recipient 20 ‖
/// amount u96 ‖ signature 64, then the transfers, each recipient 20 ‖ amount u96. Big-endian, no gaps.
library Payouts {
    /// @dev Refuses any other form. Once it has passed, lines are read without bounds.
    function requireForm(bytes calldata payouts, uint256 skip) internal pure returns (uint256 tickets, uint256 count) {
        if (payouts.length < HEAD_BYTES) revert ILedgerAnchor.AnchorPayoutLength(HEAD_BYTES, payouts.length);
        tickets = uint16(bytes2(payouts[48:50]));
        if (tickets > PAYOUTS_MAX) revert ILedgerAnchor.AnchorPayoutCount(PAYOUTS_MAX, tickets);
        uint256 transfersAt = HEAD_BYTES + TICKET_BYTES * tickets;
        if (payouts.length < transfersAt || (payouts.length - transfersAt) % TRANSFER_BYTES != 0) {
            revert ILedgerAnchor.AnchorPayoutLength(transfersAt, payouts.length);
        }
        count = tickets + (payouts.length - transfersAt) / TRANSFER_BYTES;
        if (count == 0 || count > PAYOUTS_MAX) revert ILedgerAnchor.AnchorPayoutCount(PAYOUTS_MAX, count);
        if (skip >> count != 0) revert ILedgerAnchor.AnchorSkip((1 << count) - 1, skip);
        _requireRound(payouts, tickets);
        _requirePayoutIds(firstPayoutId(payouts), count);
    }

    function round(bytes calldata payouts) internal pure returns (uint256) {
        return uint64(bytes8(payouts[0:8]));
    }

    function roundHash(bytes calldata payouts) internal pure returns (bytes32) {
        return bytes32(payouts[8:40]);
    }

    function firstPayoutId(bytes calldata payouts) internal pure returns (uint256) {
        return uint64(bytes8(payouts[40:48]));
    }

    /// @dev The 32 bytes at `offset`, without a bounds check.
    function word(bytes calldata payouts, uint256 offset) internal pure returns (uint256 result) {
        assembly ("memory-safe") {
            result := calldataload(add(payouts.offset, offset))
        }
    }

    /// @dev Round fields stand if and only if there are tickets: with both zero, go-livepeer hashes another ticket.
    function _requireRound(bytes calldata payouts, uint256 tickets) private pure {
        (uint256 round_, bytes32 hash) = (round(payouts), roundHash(payouts));
        bool complete = round_ != 0 && hash != 0;
        bool empty = round_ == 0 && hash == 0;
        if (tickets == 0 ? !empty : !complete) revert ILedgerAnchor.AnchorRound(tickets, round_, hash);
    }

    /// @dev Ids count from 1, so that zero never names a payout.
    function _requirePayoutIds(uint256 first, uint256 count) private pure {
        if (first == 0) revert ILedgerAnchor.AnchorPayoutId(1, 0);
        uint256 last = first + count - 1;
        if (last > PAYOUT_ID_MAX) revert ILedgerAnchor.AnchorPayoutId(PAYOUT_ID_MAX, last);
    }
}
