// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title The part of Livepeer's TicketBroker that the anchor uses
/// @notice Valid for both rule versions of the deployed broker; amounts are wei.
interface ITicketBroker {
    /// @notice A cheque over `faceValue`, good until it expires, for whoever submits it with signature and rand.
    /// @param recipient The payee, a registered transcoder.
    /// @param sender The payer, whose deposit is drawn on and whose key signed the hash.
    /// @param faceValue Wei to pay when the ticket wins.
    /// @param winProb The ticket wins when keccak256(sig ‖ recipientRand) is below this number.
    /// @param senderNonce Chosen by the sender; the broker asks nothing of it.
    /// @param recipientRandHash keccak256 of the 32-byte recipientRand.
    /// @param auxData 64 bytes: creation round ‖ block hash of that round.
    struct Ticket {
        address recipient;
        address sender;
        uint256 faceValue;
        uint256 winProb;
        uint256 senderNonce;
        bytes32 recipientRandHash;
        bytes auxData;
    }

    /// @notice Adds `deposit + reserve` (which must be the value sent) to the account of `who`.
    function fundDepositAndReserveFor(address who, uint256 deposit, uint256 reserve) external payable;

    /// @notice Pays a winning ticket once, from the sender's deposit and then reserve. It may pay short.
    function redeemWinningTicket(Ticket calldata ticket, bytes calldata sig, uint256 recipientRand) external;

    /// @notice Deposit, round from which the sender may withdraw (0: locked), and the state of the reserve.
    function getSenderInfo(address who)
        external
        view
        returns (uint256 deposit, uint256 withdrawRound, uint256 reserve, uint256 claimedInCurrentRound);
}
