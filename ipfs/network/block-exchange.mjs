/** Blocks from wherever they are: the local store first, connected peers otherwise. */
import crypto from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { BlockMissing, RpcError } from '../errors.mjs'
import { blockKey } from '../storage/blockstore.mjs'
import { GATHER_WANTS_MS } from './bitswap.mjs'

const FIRST_PATIENCE_MS = 500
const LAST_PATIENCE_MS = 60_000

/**
 * @typedef {object} FetchOptions
 * @property {AbortSignal} signal
 * @property {boolean} [offline] do not ask peers
 * @property {boolean} [mustStore] fail when a fetched block cannot be stored; otherwise the caller
 *   gets the bytes and the block is simply not kept
 */

export class BlockExchange {
  #blockstore
  #bitswap
  #log
  #fetches = new Map()

  /**
   * @param {{blockstore: import('../storage/blockstore.mjs').Blockstore,
   *   bitswap: import('./bitswap.mjs').Bitswap, log: (message: string) => void}} options
   */
  constructor ({ blockstore, bitswap, log }) {
    this.#blockstore = blockstore
    this.#bitswap = bitswap
    this.#log = log
  }

  /** Store a block and offer it to the peers that wait for it. */
  async put (cid, bytes) {
    await this.#blockstore.put(cid, bytes)
    this.#bitswap.announce(cid).catch((error) => this.#log(`cannot announce ${cid}: ${error.message}`))
  }

  /**
   * @param {import('multiformats/cid').CID} cid
   * @param {FetchOptions} options
   * @returns {Promise<Uint8Array>} verified bytes
   */
  async get (cid, options) {
    try {
      return await this.#blockstore.get(cid)
    } catch (error) {
      if (!(error instanceof BlockMissing) || options.offline) throw error
    }
    const { bytes, storeError } = await this.#joinFetch(cid, options.signal)
    if (storeError !== null && options.mustStore) throw storeError
    return bytes
  }

  /** Callers that want the same block share one fetch, which ends when the last one leaves. */
  async #joinFetch (cid, signal) {
    signal.throwIfAborted()
    const key = blockKey(cid)
    const fetch = this.#fetches.get(key) ?? this.#beginFetch(cid, key)
    fetch.callers += 1
    try {
      return await Promise.race([fetch.result, rejectedWhenAborted(signal, fetch.controller.signal)])
    } finally {
      fetch.callers -= 1
      if (fetch.callers === 0) {
        this.#fetches.delete(key)
        fetch.controller.abort(new RpcError('nobody waits for the block any more'))
      }
    }
  }

  #beginFetch (cid, key) {
    const controller = new AbortController()
    const fetch = { callers: 0, controller, result: this.#download(cid, controller.signal) }
    fetch.result.catch(() => {})
    this.#fetches.set(key, fetch)
    return fetch
  }

  async #download (cid, signal) {
    const bytes = await this.#askUntilAnswered(cid, signal)
    if (crypto.hash('sha256', bytes, 'hex') !== blockKey(cid)) {
      throw new RpcError(`a peer sent bytes that do not match ${cid}`)
    }
    try {
      await this.#blockstore.put(cid, bytes)
      return { bytes, storeError: null }
    } catch (storeError) {
      this.#log(`cannot keep ${cid}: ${storeError.message}`)
      return { bytes, storeError }
    }
  }

  /**
   * Bitswap sends a want once per connection and a peer may drop it: when its queue is full, or
   * when it sent the same block moments ago. So a want is withdrawn and stated again from time to
   * time, for as long as somebody waits.
   */
  async #askUntilAnswered (cid, signal) {
    for (let patience = FIRST_PATIENCE_MS; ; patience = Math.min(2 * patience, LAST_PATIENCE_MS)) {
      const roundOver = AbortSignal.timeout(patience)
      try {
        return await this.#bitswap.retrieve(cid, { signal: AbortSignal.any([signal, roundOver]) })
      } catch (error) {
        signal.throwIfAborted()
        if (!roundOver.aborted) this.#log(`asking for ${cid} failed: ${error.message}`)
      }
      // Stated at once, the new want would be taken back together with the old one.
      await pause(roundOver.aborted ? 10 * GATHER_WANTS_MS : FIRST_PATIENCE_MS, null, { signal })
        .catch(() => signal.throwIfAborted())
    }
  }
}

/** Rejects with the reason of `signal`; when `settled` is aborted first, stops listening. */
function rejectedWhenAborted (signal, settled) {
  const rejected = new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    settled.addEventListener('abort', () => {
      signal.removeEventListener('abort', onAbort)
      reject(settled.reason)
    }, { once: true })
  })
  rejected.catch(() => {})
  return rejected
}
