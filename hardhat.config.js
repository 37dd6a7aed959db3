// Compiler, devnet and contract tests. The devnet that fl-chain starts by itself is anvil; this
// configuration serves `fl-chain devnet up --devnet hardhat` from a checkout and `npx hardhat test`.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** @type {import('hardhat/config').HardhatUserConfig} */
export default {
  paths: {
    sources: './contracts',
    tests: { solidity: './tests/contracts' }
  },
  solidity: {
    version: '0.8.37',
    path: require.resolve('solc/soljson.js'),
    settings: {
      evmVersion: 'prague',
      optimizer: { enabled: true, runs: 200 },
      viaIR: true,
      metadata: { bytecodeHash: 'none', appendCBOR: false }
    }
  },
  networks: {
    default: {
      type: 'edr-simulated',
      chainId: 31337,
      hardfork: 'prague',
      allowBlocksWithSameTimestamp: true
    }
  },
  test: {
    solidity: {
      fsPermissions: { readFile: [], readDirectory: ['./tests/vectors'] },
      fuzz: { runs: 128, seed: '0xf1c4a1' },
      invariant: { runs: 32, depth: 100 }
    }
  }
}
