/** Which blocks a block links to, and walks over everything below a root. */
import * as dagPb from '@ipld/dag-pb'
import * as raw from 'multiformats/codecs/raw'
import { BadRequest } from '../errors.mjs'

const BLOCKS_AT_ONCE = 32

/**
 * @param {import('multiformats/cid').CID} cid
 * @param {() => Promise<Uint8Array>} readBlock called only for codecs that can hold links
 * @returns {Promise<import('multiformats/cid').CID[]>} in the order of the block
 */
export async function linksOf (cid, readBlock) {
  if (cid.code === raw.code) return []
  return decodeDagPb(cid, await readBlock()).Links.map((link) => link.Hash)
}

/**
 * @returns {import('@ipld/dag-pb').PBNode}
 * @throws {BadRequest} for another codec or bytes that are not dag-pb
 */
export function decodeDagPb (cid, bytes) {
  if (cid.code !== dagPb.code) {
    throw new BadRequest(`unsupported codec 0x${cid.code.toString(16)} in ${cid}: only raw and dag-pb`)
  }
  try {
    return dagPb.decode(bytes)
  } catch (error) {
    throw new BadRequest(`block ${cid} is not valid dag-pb: ${error.message}`)
  }
}

/**
 * Visit every CID below and including the root once, parents before their children.
 *
 * @param {import('multiformats/cid').CID} root
 * @param {(cid: import('multiformats/cid').CID) => Promise<import('multiformats/cid').CID[]>} visit
 *   returns the children; up to 32 calls run at once
 */
export async function walkDag (root, visit) {
  const seen = new Set([root.toString()])
  let frontier = [root]
  while (frontier.length > 0) {
    const batch = frontier.slice(0, BLOCKS_AT_ONCE)
    frontier = frontier.slice(BLOCKS_AT_ONCE)
    for (const child of (await Promise.all(batch.map(visit))).flat()) {
      const text = child.toString()
      if (seen.has(text)) continue
      seen.add(text)
      frontier.push(child)
    }
  }
}
