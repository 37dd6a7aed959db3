/** Reading blocks in a way that garbage collection cannot take the next ones away meanwhile. */
import * as dagPb from '@ipld/dag-pb'
import { linksOf } from '../dag/links.mjs'
import { blockKey } from '../storage/blockstore.mjs'

/**
 * @template T
 * @param {import('./index.mjs').Services} services
 * @param {(lease: object) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLease (services, work) {
  const lease = services.leases.open()
  try {
    return await work(lease)
  } finally {
    lease.release()
  }
}

/**
 * @param {import('./index.mjs').Services} services
 * @param {object} lease holds each block that is read and, before anybody asks for them, its children
 * @param {import('../network/block-exchange.mjs').FetchOptions} options
 * @returns {(cid: import('multiformats/cid').CID) => Promise<Uint8Array>}
 */
export function getLeased (services, lease, options) {
  return async (cid) => {
    lease.hold(blockKey(cid))
    const bytes = await services.exchange.get(cid, options)
    if (cid.code === dagPb.code) {
      for (const child of await linksOf(cid, async () => bytes)) lease.hold(blockKey(child))
    }
    return bytes
  }
}
