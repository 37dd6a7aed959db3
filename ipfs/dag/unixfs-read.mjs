/**
 * The content of a UnixFS file, in order, with a bounded read-ahead.
 *
 * Written by hand instead of taken from `ipfs-unixfs-exporter`, whose read-ahead leaves rejected
 * promises behind when a block is missing, which ends a Node process.
 */
import * as raw from 'multiformats/codecs/raw'
import { UnixFS } from 'ipfs-unixfs'
import { BadRequest, RpcError } from '../errors.mjs'
import { decodeDagPb } from './links.mjs'

const LEAVES_READ_AHEAD = 6
const MAX_DEPTH = 32

/**
 * @typedef {object} File
 * @property {number} size bytes, as the root block claims
 * @property {(range?: {offset?: number, length?: number}) => AsyncGenerator<Uint8Array>} read
 */

/**
 * @param {import('multiformats/cid').CID} root
 * @param {(cid: import('multiformats/cid').CID) => Promise<Uint8Array>} getBlock verified bytes
 * @returns {Promise<File>}
 * @throws {BadRequest} when the root is not a file
 */
export async function openFile (root, getBlock) {
  const node = describeNode(root, await getBlock(root))
  return {
    size: node.size,
    read: ({ offset = 0, length = Infinity } = {}) =>
      readRange(node, offset, Math.min(node.size, offset + length), getBlock)
  }
}

async function * readRange (root, start, end, getBlock) {
  const leaves = leavesBetween(root, 0, start, end, getBlock, 0)
  const window = []
  let exhausted = false
  while (true) {
    while (!exhausted && window.length < LEAVES_READ_AHEAD) {
      const { value: leaf, done } = await leaves.next()
      if (done) exhausted = true
      else window.push({ ...leaf, content: readLeaf(leaf, getBlock) })
    }
    if (window.length === 0) return
    const { content, position } = window.shift()
    const bytes = await content
    const from = Math.max(0, start - position)
    const to = Math.min(bytes.length, end - position)
    if (from < to) yield bytes.subarray(from, to)
  }
}

/** Leaves that overlap [start, end), with their position in the file; skips whole subtrees. */
async function * leavesBetween (node, position, start, end, getBlock, depth) {
  if (depth > MAX_DEPTH) throw new RpcError('the file is nested too deeply')
  if (node.children.length === 0) {
    yield { position, size: node.size, data: node.data }
    return
  }
  for (const { cid, size } of node.children) {
    const overlaps = position < end && position + size > start
    if (overlaps && cid.code === raw.code) {
      yield { position, size, cid }
    } else if (overlaps) {
      const child = describeNode(cid, await getBlock(cid))
      checkSize(cid, child.size, size)
      yield * leavesBetween(child, position, start, end, getBlock, depth + 1)
    }
    position += size
  }
}

function readLeaf (leaf, getBlock) {
  if (leaf.data !== undefined) return Promise.resolve(leaf.data)
  const content = getBlock(leaf.cid).then((bytes) => {
    checkSize(leaf.cid, bytes.length, leaf.size)
    return bytes
  })
  // Awaited later, or never when an earlier leaf fails first.
  content.catch(() => {})
  return content
}

function checkSize (cid, actual, claimed) {
  if (actual !== claimed) {
    throw new RpcError(`block ${cid} holds ${actual} bytes, but its parent claims ${claimed}`)
  }
}

function describeNode (cid, bytes) {
  if (cid.code === raw.code) return { size: bytes.length, data: bytes, children: [] }
  const { Data, Links } = decodeDagPb(cid, bytes)
  const unixfs = unmarshal(cid, Data)
  if (unixfs.isDirectory()) throw new BadRequest('this dag node is a directory')
  if (unixfs.type !== 'file' && unixfs.type !== 'raw') {
    throw new BadRequest(`this dag node is not a file but a ${unixfs.type}`)
  }
  const data = unixfs.data ?? new Uint8Array(0)
  if (Links.length !== unixfs.blockSizes.length || (Links.length > 0 && data.length > 0)) {
    throw new RpcError(`block ${cid} is not a file of the balanced layout`)
  }
  const children = Links.map((link, i) => ({ cid: link.Hash, size: Number(unixfs.blockSizes[i]) }))
  return { size: Number(unixfs.fileSize()), data, children }
}

function unmarshal (cid, data) {
  try {
    return UnixFS.unmarshal(data)
  } catch {
    throw new BadRequest(`block ${cid} is not UnixFS`)
  }
}
