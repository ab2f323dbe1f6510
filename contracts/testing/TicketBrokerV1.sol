// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {TicketBroker} from "./TicketBroker.sol";

/// @title Rules of early 2024: any money at all is enough, a ticket may be burnt for a part of its face
contract TicketBrokerV1 is TicketBroker {
    function _requireFunds(uint256 deposit, uint256 reserve, uint256) internal pure override {
        require(deposit > 0 || reserve > 0, "sender deposit and reserve are zero");
    }
}
