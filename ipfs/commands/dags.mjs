/** `dag/export`, `dag/import`, `refs`: whole graphs of blocks. */
import crypto from 'node:crypto'
import { CarBlockIterator, CarWriter } from '@ipld/car'
import { forEachUploadedFile } from '../api/uploads.mjs'
import { MAX_BLOCK_BYTES } from '../dag/unixfs-import.mjs'
import { linksOf, walkDag } from '../dag/links.mjs'
import { BadRequest } from '../errors.mjs'
import { blockKey } from '../storage/blockstore.mjs'
import { getLeased, withLease } from './leased-blocks.mjs'
import { pinRecursively } from './pins.mjs'

/** @param {import('./index.mjs').Services} services */
export function dagCommands (services) {
  const { blockstore, exchange, settings } = services
  return {
    async 'dag/export' ({ parameters, answer, signal, offline }) {
      const root = parameters.cid()
      await withLease(services, async (lease) => {
        const getBlock = getLeased(services, lease, { signal, offline })
        await getBlock(root) // an unknown root is an error, not a broken stream
        await answer.bytes(exportCar(root, getBlock), { 'Content-Type': 'application/vnd.ipld.car' })
      })
    },

    async 'dag/import' ({ parameters, request, answer, signal }) {
      const pinRoots = parameters.boolean('pin-roots', true)
      await withLease(services, async (lease) => {
        const roots = []
        let numBlocks = 0
        let numBytes = 0
        await forEachUploadedFile(request, { maxBytes: settings.maxUploadBytes, signal }, async (content) => {
          for await (const { cid, bytes } of readCar(content, roots)) {
            lease.hold(blockKey(cid))
            await exchange.put(cid, bytes)
            numBlocks += 1
            numBytes += bytes.length
          }
        })
        await blockstore.sync()
        if (pinRoots) {
          for (const root of roots) await pinRecursively(services, lease, root, { signal, offline: true })
        }
        for (const root of roots) {
          await answer.line({ Root: { Cid: { '/': root.toString() }, PinErrorMsg: '' } })
        }
        if (parameters.boolean('stats', false)) {
          await answer.line({ Stats: { BlockCount: numBlocks, BlockBytesCount: numBytes } })
        }
      })
    },

    async refs ({ parameters, answer, signal, offline }) {
      const recursive = parameters.boolean('recursive', false)
      await withLease(services, async (lease) => {
        const getBlock = getLeased(services, lease, { signal, offline })
        const listed = new Set()
        for (const root of parameters.cids()) {
          await walkDag(root, async (cid) => {
            const children = await linksOf(cid, () => getBlock(cid))
            for (const child of children.map(String)) {
              if (listed.has(child)) continue
              listed.add(child)
              await answer.line({ Ref: child, Err: '' })
            }
            return recursive ? children : []
          })
        }
      })
    }
  }
}

/** Depth first, each block once, as `ipfs dag export` does. */
async function * exportCar (root, getBlock) {
  const { writer, out } = CarWriter.create([root])
  const written = writeBlocks(writer, root, getBlock)
  written.catch(() => {}) // thrown to the caller below
  yield * out
  await written
}

async function writeBlocks (writer, root, getBlock) {
  const seen = new Set()
  const pending = [root]
  try {
    while (pending.length > 0) {
      const cid = pending.pop()
      if (seen.has(cid.toString())) continue
      seen.add(cid.toString())
      const bytes = await getBlock(cid)
      await writer.put({ cid, bytes })
      pending.push(...(await linksOf(cid, async () => bytes)).reverse())
    }
  } finally {
    await writer.close()
  }
}

/** Blocks of a CAR whose hashes hold; collects the roots. */
async function * readCar (content, roots) {
  let blocks
  try {
    blocks = await CarBlockIterator.fromIterable(content)
    roots.push(...await blocks.getRoots())
    for await (const { cid, bytes } of blocks) {
      if (bytes.length > MAX_BLOCK_BYTES) throw new BadRequest(`block ${cid} is too large`)
      if (crypto.hash('sha256', bytes, 'hex') !== blockKey(cid)) {
        throw new BadRequest(`the content of block ${cid} does not match its hash`)
      }
      yield { cid, bytes }
    }
  } catch (error) {
    if (error instanceof BadRequest) throw error
    throw new BadRequest(`the upload is not a valid CAR: ${error.message}`)
  }
}
