// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title The registry of the small Livepeer world
/// @notice Names the contracts by keccak256 of their name, and can pause them all. Same ABI as the deployed one.
contract Controller {
    struct Entry {
        address contractAddress;
        bytes20 gitCommitHash;
    }

    // One slot for both, as the deployed contract has it: a paused check warms the owner.
    address public owner;
    bool public paused;
    mapping(bytes32 => Entry) private registry;

    event SetContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash);
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);
    event Paused(address account);
    event Unpaused(address account);

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    /// @notice Takes the place of a constructor, since the code is put at a given address.
    function initialize(address owner_) external {
        require(owner == address(0), "already initialized");
        owner = owner_;
        emit OwnershipTransferred(address(0), owner_);
    }

    function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash) external onlyOwner {
        registry[id] = Entry(contractAddress, gitCommitHash);
        emit SetContractInfo(id, contractAddress, gitCommitHash);
    }

    function transferOwnership(address newOwner) external onlyOwner {
        require(newOwner != address(0), "Ownable: new owner is the zero address");
        emit OwnershipTransferred(owner, newOwner);
        owner = newOwner;
    }

    function pause() external onlyOwner {
        require(!paused, "Pausable: paused");
        paused = true;
        emit Paused(msg.sender);
    }

    function unpause() external onlyOwner {
        require(paused, "Pausable: not paused");
        paused = false;
        emit Unpaused(msg.sender);
    }

    function getContract(bytes32 id) external view returns (address) {
        return registry[id].contractAddress;
    }

    function getContractInfo(bytes32 id) external view returns (address, bytes20) {
        Entry storage entry = registry[id];
        return (entry.contractAddress, entry.gitCommitHash);
    }
}
