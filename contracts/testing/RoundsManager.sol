// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Managed} from "./Managed.sol";

/// @title Rounds, counted in blocks
/// @notice Runs behind a ManagerProxy. Slots 2 to 7 lie where the deployed contract has them.
contract RoundsManager is Managed {
    uint256 public roundLength;
    uint256 public roundLockAmount;
    uint256 public lastInitializedRound;
    uint256 public lastRoundLengthUpdateRound;
    uint256 public lastRoundLengthUpdateStartBlock;
    mapping(uint256 => bytes32) private hashes;

    event NewRound(uint256 indexed round, bytes32 blockHash);

    /// @notice Starts the count at `firstRound` in this block: a young chain would be in round 0 for 5,760 blocks.
    function startRounds(uint256 firstRound, uint256 roundLength_) external onlyControllerOwner {
        require(roundLength == 0, "already initialized");
        require(roundLength_ != 0, "round length cannot be 0");
        roundLength = roundLength_;
        lastRoundLengthUpdateRound = firstRound;
        lastRoundLengthUpdateStartBlock = block.number;
    }

    /// @notice Another length from the current round on.
    function setRoundLength(uint256 roundLength_) external onlyControllerOwner {
        require(roundLength_ != 0, "round length cannot be 0");
        uint256 round = currentRound();
        uint256 startBlock = currentRoundStartBlock();
        lastRoundLengthUpdateRound = round;
        lastRoundLengthUpdateStartBlock = startBlock;
        roundLength = roundLength_;
        emit ParameterUpdate("roundLength");
    }

    /// @notice Opens the current round; anyone may. Until then no ticket can be redeemed.
    function initializeRound() external whenSystemNotPaused {
        uint256 round = currentRound();
        require(lastInitializedRound < round, "round already initialized");
        lastInitializedRound = round;
        bytes32 hash = blockhash(block.number - 1);
        hashes[round] = hash;
        bondingManager().setCurrentRoundTotalActiveStake();
        emit NewRound(round, hash);
    }

    function blockNum() public view returns (uint256) {
        return block.number;
    }

    /// @notice Hash of the block before the round was initialised; zero for a round that never was.
    function blockHashForRound(uint256 round) external view returns (bytes32) {
        return hashes[round];
    }

    function currentRound() public view returns (uint256) {
        return lastRoundLengthUpdateRound + (block.number - lastRoundLengthUpdateStartBlock) / roundLength;
    }

    function currentRoundStartBlock() public view returns (uint256) {
        uint256 startBlock = lastRoundLengthUpdateStartBlock;
        return startBlock + (block.number - startBlock) / roundLength * roundLength;
    }

    function currentRoundInitialized() external view returns (bool) {
        return lastInitializedRound == currentRound();
    }

    function currentRoundLocked() external view returns (bool) {
        return block.number - currentRoundStartBlock() >= roundLength - roundLength * roundLockAmount / 1_000_000;
    }
}
