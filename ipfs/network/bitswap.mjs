/** The bitswap protocol, run by the `@helia/bitswap` package without the rest of Helia. */
import { defaultLogger } from '@libp2p/logger'
import { withBitswap } from '@helia/bitswap'
import { sha256 } from 'multiformats/hashes/sha2'
import { BadRequest, BlockMissing } from '../errors.mjs'
import { MessageStreams } from './message-streams.mjs'

/** How long to gather wants into one message; the package's 10 ms would be half of a fetch. */
export const GATHER_WANTS_MS = 2

/** How long a block that was sent to a peer is not sent to it again. */
const NO_RESEND_MS = 1_000

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
  const streams = new MessageStreams(libp2p)
  // The package exports only a mixin for Helia. These are the members of Helia that it reads.
  const host = {
    status: 'starting',
    libp2p: {
      handle: (...given) => libp2p.handle(...given),
      unhandle: (...given) => libp2p.unhandle(...given),
      register: (...given) => libp2p.register(...given),
      unregister: (...given) => libp2p.unregister(...given),
      getConnections: () => libp2p.getConnections(),
      dialProtocol: (...given) => streams.dialProtocol(...given)
    },
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
    { sendWantlistDebounce: GATHER_WANTS_MS, doNotResendBlockWindow: NO_RESEND_MS })
  await started
  const forgetting = forgetAnsweredWants(bitswap, libp2p)
  return {
    retrieve: (cid, options) => bitswap.retrieve(cid, options),
    announce: (cid) => bitswap.announce(cid),
    stop: async () => {
      clearInterval(forgetting)
      await bitswap.stop()
    }
  }
}

/**
 * The package remembers each want that it has answered, drops the same want when it comes again,
 * and forgets expired ones only after that. A peer that lost the block could then ask in vain, so
 * they are forgotten on time.
 */
function forgetAnsweredWants (broker, libp2p) {
  return setInterval(() => {
    for (const peer of libp2p.getPeers()) broker.bitswap.peerWantLists.wantListForPeer(peer)
  }, NO_RESEND_MS / 2).unref()
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
