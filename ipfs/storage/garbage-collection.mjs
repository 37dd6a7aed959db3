/**
 * Removes blocks that no pin reaches, while adds and reads go on.
 *
 * Mark: walk every pin. Sweep: delete what was neither marked nor held by a lease since the mark
 * began (`LeaseRegistry`). The decision and the removal from the index happen in one turn of the
 * event loop, so no lease can slip in between.
 */
import { CID } from 'multiformats/cid'
import { RpcError } from '../errors.mjs'
import { linksOf, walkDag } from '../dag/links.mjs'
import { blockKey } from './blockstore.mjs'

export class GarbageCollector {
  #blockstore
  #pins
  #leases
  #running = null

  constructor ({ blockstore, pins, leases }) {
    this.#blockstore = blockstore
    this.#pins = pins
    this.#leases = leases
  }

  /**
   * Run a collection, or join the one that runs.
   *
   * @returns {Promise<string[]>} keys of the removed blocks
   * @throws {RpcError} when a pinned DAG cannot be walked; nothing is removed then
   */
  collect () {
    this.#running ??= this.#collect().finally(() => { this.#running = null })
    return this.#running
  }

  async #collect () {
    this.#leases.beginCollection()
    try {
      const marked = await this.#mark()
      const removed = []
      for (const key of this.#blockstore.keys()) {
        if (marked.has(key) || this.#leases.isSpared(key)) continue
        await this.#blockstore.delete(key)
        removed.push(key)
      }
      return removed
    } finally {
      this.#leases.endCollection()
    }
  }

  async #mark () {
    const marked = new Set()
    for (const pin of this.#pins.entries()) {
      try {
        await walkDag(CID.parse(pin.cid), async (cid) => {
          marked.add(blockKey(cid))
          return linksOf(cid, () => this.#blockstore.get(cid))
        })
      } catch (error) {
        throw new RpcError(`nothing was removed, since pin ${pin.cid} is incomplete: ${error.message}`)
      }
    }
    return marked
  }
}
