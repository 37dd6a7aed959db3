/** `pin/…`: what garbage collection must keep. Only recursive pins. */
import { BadRequest, RpcError } from '../errors.mjs'
import { CID } from 'multiformats/cid'
import { linksOf, walkDag } from '../dag/links.mjs'
import { blockKey } from '../storage/blockstore.mjs'
import { getLeased, withLease } from './leased-blocks.mjs'
import * as raw from 'multiformats/codecs/raw'

/**
 * Make sure that every block below the root is here, fetch what is missing, then pin.
 *
 * @param {import('./index.mjs').Services} services
 * @param {object} lease
 * @param {CID} root
 * @param {{signal: AbortSignal, offline?: boolean, name?: string}} options
 */
export async function pinRecursively (services, lease, root, { signal, offline, name = '' }) {
  const getBlock = getLeased(services, lease, { signal, offline, mustStore: true })
  await walkDag(root, async (cid) => {
    lease.hold(blockKey(cid))
    if (cid.code === raw.code && services.blockstore.has(cid)) return []
    const bytes = await getBlock(cid)
    return linksOf(cid, async () => bytes)
  })
  await services.blockstore.sync()
  await services.pins.add(root, name)
}

/** @param {import('./index.mjs').Services} services */
export function pinCommands (services) {
  const { pins, blockstore } = services
  return {
    async 'pin/add' ({ parameters, answer, signal, offline }) {
      if (!parameters.boolean('recursive', true)) throw new BadRequest('only recursive pins are supported')
      const roots = parameters.cids()
      const name = parameters.text('name', '')
      await withLease(services, async (lease) => {
        for (const root of roots) await pinRecursively(services, lease, root, { signal, offline, name })
      })
      answer.object({ Pins: roots.map(String) })
    },

    async 'pin/rm' ({ parameters, answer }) {
      const roots = parameters.cids()
      const missing = roots.find((root) => !pins.has(root))
      if (missing !== undefined) throw new RpcError(`not pinned or pinned indirectly: ${missing}`)
      for (const root of roots) await pins.remove(root)
      answer.object({ Pins: roots.map(String) })
    },

    async 'pin/ls' ({ parameters, answer }) {
      const type = parameters.text('type', 'all')
      if (!['all', 'recursive', 'direct', 'indirect'].includes(type)) {
        throw new BadRequest(`invalid type "${type}", must be one of {direct, indirect, recursive, all}`)
      }
      const keys = {}
      if (parameters.has('arg')) {
        for (const root of parameters.cids()) {
          if (!pins.has(root)) throw new RpcError(`path '${root}' is not pinned`)
          keys[root.toString()] = { Type: 'recursive' }
        }
      } else if (type === 'all' || type === 'recursive') {
        for (const { cid, name } of pins.entries()) {
          keys[cid] = name === '' ? { Type: 'recursive' } : { Type: 'recursive', Name: name }
        }
      }
      if (!parameters.has('arg') && (type === 'all' || type === 'indirect')) {
        await addIndirect(keys, pins, blockstore)
      }
      answer.object({ Keys: keys })
    }
  }
}

async function addIndirect (keys, pins, blockstore) {
  for (const pin of pins.entries()) {
    await walkDag(CID.parse(pin.cid), async (cid) => {
      const children = await linksOf(cid, () => blockstore.get(cid))
      for (const child of children) keys[child.toString()] ??= { Type: 'indirect' }
      return children
    })
  }
}
