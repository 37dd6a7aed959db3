/** The bitswap protocol, run by the `@helia/bitswap` package without the rest of Helia. */
import { defaultLogger } from '@libp2p/logger'
import { withBitswap } from '@helia/bitswap'
import { sha256 } from 'multiformats/hashes/sha2'
import { BadRequest, BlockMissing } from '../errors.mjs'

/** How long to gather wants into one message; the package's 10 ms would be half of a fetch. */
const GATHER_WANTS_MS = 2

/**
 * @typedef {object} Bitswap
 * @property {(cid: object, options: {signal: AbortSignal}) => Promise<Uint8Array>} retrieve
 * @property {(cid: object) => Promise<void>} announce tell peers that wait for the block
 * @property {() => Promise<void>} stop
 */

/**
 * @param {{libp2p: object, blockstore: import('../storage/blockstore.mjs').Blockstore,
 *   log: (message: string) => void}} options
 * @returns {Promise<Bitswap>}
 */
export async function startBitswap ({ libp2p, blockstore, log }) {
  let bitswap = null
  // The package exports only a mixin for Helia. These are the members of Helia that it reads.
  const host = {
    status: 'starting',
    libp2p,
    blockstore: servedBlocks(blockstore, log),
    logger: defaultLogger(),
    routing: { async * findProviders () {} },
    getHasher: async (code) => {
      if (code === sha256.code) return sha256
      throw new BadRequest(`unsupported hash function 0x${code.toString(16)}`)
    },
    hasBlockBroker: () => false,
    addBlockBroker: (broker) => { bitswap = broker }
  }
  let started
  withBitswap(
    { addMixin: (mixin) => { started = mixin.start(host) } },
    { sendWantlistDebounce: GATHER_WANTS_MS })
  await started
  return bitswap
}

/** What peers may see: a block that cannot be read in full is a block that we do not have. */
function servedBlocks (blockstore, log) {
  return {
    has: (cid) => isStored(blockstore, cid),
    async * get (cid) {
      try {
        yield await blockstore.get(cid)
      } catch (error) {
        if (error.name !== 'NotFoundError') log(`cannot serve ${cid}: ${error.message}`)
        throw new BlockMissing(cid)
      }
    }
  }
}

function isStored (blockstore, cid) {
  try {
    return blockstore.has(cid)
  } catch {
    return false
  }
}
