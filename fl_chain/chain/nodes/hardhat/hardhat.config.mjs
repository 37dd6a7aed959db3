// The devnet only: no contracts are compiled here.
export default {
  networks: {
    node: {
      type: 'edr-simulated',
      chainId: 31337,
      hardfork: 'prague',
      blockGasLimit: 30000000n,
      allowBlocksWithSameTimestamp: true
    }
  }
}
