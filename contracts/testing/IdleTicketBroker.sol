// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TicketBrokerV2} from "./TicketBrokerV2.sol";

/// @title What an upgrade by Livepeer's governance could bring: a broker that takes the money and redeems nothing
contract IdleTicketBroker is TicketBrokerV2 {
    function redeemWinningTicket(Ticket memory, bytes memory, uint256) public override {}
}
