// Runs contract tests against mutants, on the engine of `npx hardhat test solidity` and with its settings,
// in one process for all of them: starting Hardhat takes longer than killing most mutants. mutant_runner.py
// writes the file that is named on the command line, and asks for one test contract at a time, by one line
// of JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

import config from '../hardhat.config.js'

const require = createRequire(import.meta.url)
const edr = createRequire(require.resolve('hardhat/package.json'))('@nomicfoundation/edr')

const { root, artifacts, predeploys, gasLimit } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { fuzz, invariant, fsPermissions } = config.test.solidity
const { hardfork } = config.networks.default

const context = new edr.EdrContext()
await context.registerSolidityTestRunnerFactory(edr.L1_CHAIN_TYPE, edr.l1SolidityTestRunnerFactory())

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'))
const localPredeploys = predeploys.map(({ address, code }) => ({
  address: bytes(address), balance: 0n, nonce: 1n, code: bytes(code), storage: []
}))
const readable = fsPermissions.readDirectory.map((path) => (
  { access: edr.FsAccessPermission.ReadDirectory, path }
))

function run (id, mutant, share, excluded) {
  return new Promise((resolve, reject) => {
    // The engine may report the end of a test contract after the end of the run.
    context.runSolidityTests(edr.L1_CHAIN_TYPE, artifacts, [id], {
      projectRoot: root,
      hardfork,
      localPredeploys,
      blockBaseFeePerGas: BigInt(mutant),
      gasLimit: BigInt(gasLimit),
      disableBlockGasLimit: true,
      disableTransactionGasCap: true,
      fsPermissions: readable,
      fuzz: { ...fuzz, runs: Math.ceil(fuzz.runs / share) },
      invariant: { ...invariant, runs: Math.ceil(invariant.runs / share) },
      excludeTestPattern: excluded || undefined
    }, {}, ({ testResults }) => resolve(testResults)).catch(reject)
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  const { suite, mutant, share, excluded } = JSON.parse(line)
  const { id } = artifacts.find(({ id }) => id.name === suite)
  const begun = Date.now()
  const results = await run(id, mutant, share, excluded)
  const failed = results.filter(({ status }) => status === edr.TestStatus.Failure)
    .map(({ name, reason }) => ({ name, reason: reason ?? '' }))
  const answer = { count: results.length, failed, seconds: (Date.now() - begun) / 1000 }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
