#!/usr/bin/env node
/**
 * A small IPFS node: UnixFS files, bitswap with the peers it is connected to, and the subset of
 * Kubo's RPC that ipfshttpclient speaks. See README.md for what it is not.
 */
import fs from 'node:fs/promises'
import path from 'node:path'
import v8 from 'node:v8'
import { createApiServer, listenOnLoopback } from './api/http-api.mjs'
import { parseCommandLine, USAGE } from './command-line.mjs'
import { createCommands } from './commands/index.mjs'
import { StartupError } from './errors.mjs'
import { startBitswap } from './network/bitswap.mjs'
import { BlockExchange } from './network/block-exchange.mjs'
import { loadIdentity } from './network/identity.mjs'
import { keepConnected, startSwarm } from './network/swarm.mjs'
import { Blockstore } from './storage/blockstore.mjs'
import { packColdBlocks } from './storage/cold-blocks.mjs'
import { GarbageCollector } from './storage/garbage-collection.mjs'
import { LeaseRegistry } from './storage/leases.mjs'
import { PinJournal } from './storage/pin-journal.mjs'
import { lockRepository } from './storage/repo-lock.mjs'

// Blocks pass through buffers outside the heap. Counted by themselves they start a full collection
// every few megabytes, which costs more than all else that a transfer does.
v8.setFlagsFromString('--external-memory-accounted-in-global-limit')

const VERSION = '0.1.0'
const AGENT_VERSION = `fl-chain-ipfs/${VERSION}`
const STOP_PATIENCE_MS = 2_000

function log (message) {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`)
}

/** @param {import('./command-line.mjs').Settings} settings */
async function run (settings) {
  await fs.mkdir(settings.repo, { recursive: true })
  const unlock = await lockRepository(settings.repo)
  const blockstore = new Blockstore(
    path.join(settings.repo, 'blocks'), { maxBytes: settings.maxRepoBytes, log })
  const pins = new PinJournal(settings.repo, { log })
  await Promise.all([blockstore.open(), pins.open()])

  const privateKey = await loadIdentity(settings.repo)
  const libp2p = await startSwarm({
    privateKey,
    listen: settings.swarm,
    agentVersion: AGENT_VERSION,
    swarmKey: settings.swarmKey,
    allowedPeers: settings.allowedPeers
  })
  const bitswap = await startBitswap({ libp2p, blockstore, log })
  const exchange = new BlockExchange({ blockstore, bitswap, log })
  const leases = new LeaseRegistry()
  const collector = new GarbageCollector({ blockstore, pins, leases })
  blockstore.makeRoom = async () => {
    await collector.collect().catch((error) => log(`cannot make room: ${error.message}`))
  }

  const stopping = new AbortController()
  const stop = async () => {
    if (stopping.signal.aborted) return
    stopping.abort()
    setTimeout(() => process.exit(0), STOP_PATIENCE_MS).unref()
    server.close()
    server.closeAllConnections()
    await bitswap.stop()
    await libp2p.stop()
    await blockstore.sync()
    await pins.close()
    unlock()
    process.exit(0)
  }
  const server = createApiServer(
    createCommands({
      blockstore,
      pins,
      leases,
      collector,
      exchange,
      libp2p,
      settings,
      stop,
      version: VERSION,
      agentVersion: AGENT_VERSION
    }),
    { maxConcurrentRequests: settings.maxConcurrentRequests, log })
  const api = await listenOnLoopback(server, settings.api)

  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  if (settings.stopWhenStdinCloses) process.stdin.on('end', stop).on('error', stop).resume()
  packColdBlocks(blockstore, {
    coldAfterMs: 1000 * settings.coldAfterSeconds, signal: stopping.signal, log
  })
  for (const peer of settings.peers) keepConnected(libp2p, peer, { signal: stopping.signal, log })

  process.stdout.write(JSON.stringify({
    ready: true,
    api,
    swarm: libp2p.getMultiaddrs().map(String),
    peer_id: libp2p.peerId.toString()
  }) + '\n')
}

// A connection that breaks at the wrong moment leaves rejected promises behind in the network
// packages. No state of this node depends on them.
process.on('unhandledRejection', (error) => log(`unhandled rejection: ${error?.stack ?? error}`))

// The log may be on the disk that is full, and whoever read the ready line may be gone.
process.stderr.on('error', () => {})
process.stdout.on('error', () => {})

try {
  const settings = parseCommandLine(process.argv.slice(2))
  if (settings === null) process.stdout.write(USAGE)
  else await run(settings)
} catch (error) {
  process.stderr.write(`${error instanceof StartupError ? error.message : error.stack}\n`)
  process.exit(error.exitCode ?? 1)
}
