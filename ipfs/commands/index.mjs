/** All commands of the RPC, by name. */
import { blockCommands } from './blocks.mjs'
import { dagCommands } from './dags.mjs'
import { fileCommands } from './files.mjs'
import { nodeCommands } from './node.mjs'
import { pinCommands } from './pins.mjs'

/**
 * @typedef {object} Services what the commands work on
 * @property {import('../storage/blockstore.mjs').Blockstore} blockstore
 * @property {import('../storage/pin-journal.mjs').PinJournal} pins
 * @property {import('../storage/leases.mjs').LeaseRegistry} leases
 * @property {import('../storage/garbage-collection.mjs').GarbageCollector} collector
 * @property {import('../network/block-exchange.mjs').BlockExchange} exchange
 * @property {import('libp2p').Libp2p} libp2p
 * @property {import('../command-line.mjs').Settings} settings
 * @property {string} version
 * @property {string} agentVersion
 * @property {() => void} stop
 */

/**
 * @param {Services} services
 * @returns {Map<string, (call: import('../api/http-api.mjs').Call) => Promise<void>>}
 */
export function createCommands (services) {
  return new Map(Object.entries({
    ...fileCommands(services),
    ...blockCommands(services),
    ...dagCommands(services),
    ...pinCommands(services),
    ...nodeCommands(services)
  }))
}
