/** From a stream of bytes to blocks, in the shape that the import options ask for. */
import { importFile } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { BadRequest } from '../errors.mjs'

/** Kubo's limit: larger blocks do not travel over bitswap. */
export const MAX_BLOCK_BYTES = 2 * 1024 * 1024
const MAX_CHUNK_BYTES = MAX_BLOCK_BYTES - 256
const BLOCKS_WRITTEN_AT_ONCE = 4

/**
 * @typedef {object} ImportOptions
 * @property {number} cidVersion
 * @property {boolean} rawLeaves
 * @property {number} chunkBytes
 * @property {number} maxFileLinks
 */

/**
 * @param {import('../api/request-parameters.mjs').RequestParameters} parameters
 * @returns {ImportOptions} with Kubo's defaults for what is left out
 * @throws {BadRequest} for anything that this node does not do
 */
export function parseImportOptions (parameters) {
  for (const name of ['trickle', 'inline', 'nocopy', 'fscache', 'wrap-with-directory']) {
    if (parameters.boolean(name, false)) throw new BadRequest(`option "${name}" is not supported`)
  }
  const hash = parameters.text('hash', 'sha2-256')
  if (hash !== 'sha2-256') throw new BadRequest(`hash "${hash}" is not supported: only sha2-256`)
  const wantsRawLeaves = parameters.has('raw-leaves') && parameters.boolean('raw-leaves', false)
  const cidVersion = parameters.integer('cid-version', wantsRawLeaves ? 1 : 0, { min: 0, max: 1 })
  return {
    cidVersion,
    rawLeaves: parameters.boolean('raw-leaves', cidVersion === 1),
    chunkBytes: parseChunker(parameters.text('chunker', 'size-262144')),
    maxFileLinks: parameters.integer('max-file-links', 174, { min: 2, max: 8192 })
  }
}

function parseChunker (chunker) {
  const size = Number(/^size-(\d+)$/.exec(chunker)?.[1])
  if (size >= 1 && size <= MAX_CHUNK_BYTES) return size
  throw new BadRequest(
    `chunker "${chunker}" is not supported: only size-N, N from 1 to ${MAX_CHUNK_BYTES}`)
}

/**
 * @param {AsyncIterable<Uint8Array>} content
 * @param {ImportOptions} options
 * @param {(cid: import('multiformats/cid').CID, bytes: Uint8Array) => Promise<void>} putBlock
 * @returns {Promise<{cid: import('multiformats/cid').CID, size: bigint}>} size of the whole DAG
 */
export async function importContent (content, options, putBlock) {
  const { cid, size } = await importFile({ content }, {
    put: async (blockCid, bytes) => {
      await putBlock(blockCid, bytes)
      return blockCid
    }
  }, {
    cidVersion: options.cidVersion,
    rawLeaves: options.rawLeaves,
    leafType: 'file',
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: options.chunkBytes }),
    layout: balanced({ maxChildrenPerNode: options.maxFileLinks }),
    blockWriteConcurrency: BLOCKS_WRITTEN_AT_ONCE
  })
  return { cid, size }
}
