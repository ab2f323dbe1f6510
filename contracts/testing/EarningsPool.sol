// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// @title One round of one transcoder's earnings, in the words of LIP-36
/// @notice Factors only ever grow; a delegator earned the difference between two of them.
library EarningsPool {
    // The first seven words are of older rules; they keep the others where the deployed contract has them.
    struct Data {
        uint256 rewardPool;
        uint256 feePool;
        uint256 totalStake;
        uint256 claimableStake;
        uint256 transcoderRewardCut;
        uint256 transcoderFeeShare;
        uint256 transcoderRewardPool;
        uint256 transcoderFeePool;
        bool hasTranscoderRewardFeePool;
        uint256 cumulativeRewardFactor;
        uint256 cumulativeFeeFactor;
    }

    uint256 internal constant PERC_DIVISOR = 1_000_000;
    uint256 internal constant PRECISE_PERC_DIVISOR = 10 ** 27;

    /// @notice `amount` times a fraction given in millionths, rounded down.
    function percOf(uint256 amount, uint256 perc) internal pure returns (uint256) {
        return amount * perc / PERC_DIVISOR;
    }

    /// @notice `amount * num / denom` with 27 digits, rounded down. Panics with 0x12 when nothing is staked.
    function precisePercOf(uint256 amount, uint256 num, uint256 denom) internal pure returns (uint256) {
        return amount * (num * PRECISE_PERC_DIVISOR / denom) / PRECISE_PERC_DIVISOR;
    }

    /// @notice Books `fees` for the delegators, per staked token.
    function addFees(Data storage pool, Data memory previous, uint256 fees) internal {
        uint256 perStake = precisePercOf(rewardFactorOf(previous), fees, pool.totalStake);
        uint256 factor = pool.cumulativeFeeFactor;
        pool.cumulativeFeeFactor = (factor == 0 ? previous.cumulativeFeeFactor : factor) + perStake;
    }

    /// @notice What `stake` earned between two pools.
    function feesBetween(Data memory start, Data memory end, uint256 stake) internal pure returns (uint256) {
        uint256 grown = end.cumulativeFeeFactor - start.cumulativeFeeFactor;
        return precisePercOf(stake, grown, rewardFactorOf(start));
    }

    function rewardFactorOf(Data memory pool) internal pure returns (uint256) {
        return pool.cumulativeRewardFactor == 0 ? PRECISE_PERC_DIVISOR : pool.cumulativeRewardFactor;
    }
}
