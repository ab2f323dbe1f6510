// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {IBondingManager, IController, IMinter, IRoundsManager} from "./IWorld.sol";

/// @title What every contract of the world shares: slots 0 and 1, and the way to its neighbours
/// @dev A neighbour is asked of the controller on every use, as in the deployed contracts: the gas is theirs.
abstract contract Managed {
    IController public controller;
    /// @notice Under which name the controller keeps the code that a proxy runs.
    bytes32 public targetContractId;

    event ParameterUpdate(string param);

    modifier onlyControllerOwner() {
        require(msg.sender == controller.owner(), "caller must be Controller owner");
        _;
    }

    modifier whenSystemNotPaused() {
        require(!controller.paused(), "system is paused");
        _;
    }

    modifier whenRoundInitialized() {
        require(roundsManager().currentRoundInitialized(), "current round is not initialized");
        _;
    }

    function roundsManager() internal view returns (IRoundsManager) {
        return IRoundsManager(controller.getContract(keccak256("RoundsManager")));
    }

    function bondingManager() internal view returns (IBondingManager) {
        return IBondingManager(controller.getContract(keccak256("BondingManager")));
    }

    function minter() internal view returns (IMinter) {
        return IMinter(controller.getContract(keccak256("Minter")));
    }

    function ticketBroker() internal view returns (address) {
        return controller.getContract(keccak256("TicketBroker"));
    }
}
