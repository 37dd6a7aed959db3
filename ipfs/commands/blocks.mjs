/** `block/…`: single blocks. */
import { CID } from 'multiformats/cid'
import * as dagPb from '@ipld/dag-pb'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { forEachUploadedFile } from '../api/uploads.mjs'
import { MAX_BLOCK_BYTES } from '../dag/unixfs-import.mjs'
import { BadRequest } from '../errors.mjs'
import { blockKey } from '../storage/blockstore.mjs'
import { getLeased, withLease } from './leased-blocks.mjs'
import { pinRecursively } from './pins.mjs'

/** @param {import('./index.mjs').Services} services */
export function blockCommands (services) {
  const { blockstore, exchange } = services

  const readBlock = ({ parameters, signal, offline }, use) => withLease(services, async (lease) => {
    const cid = parameters.cid()
    await use(cid, await getLeased(services, lease, { signal, offline })(cid))
  })

  return {
    'block/get': (call) => readBlock(call, (cid, bytes) => call.answer.bytes([bytes])),

    'block/stat': (call) => readBlock(call, async (cid, bytes) => {
      call.answer.object({ Key: cid.toString(), Size: bytes.length })
    }),

    async 'block/put' ({ parameters, request, answer, signal }) {
      const makeCid = parseCodec(parameters)
      const pin = parameters.boolean('pin', false)
      await withLease(services, async (lease) => {
        const stored = []
        await forEachUploadedFile(request, { maxBytes: 2 * MAX_BLOCK_BYTES, signal }, async (content) => {
          const bytes = await readSmall(content)
          const cid = makeCid(await sha256.digest(bytes))
          lease.hold(blockKey(cid))
          await exchange.put(cid, bytes)
          stored.push({ cid, size: bytes.length })
        })
        await blockstore.sync()
        for (const { cid, size } of stored) {
          if (pin) await pinRecursively(services, lease, cid, { signal, offline: true })
          await answer.line({ Key: cid.toString(), Size: size })
        }
      })
    }
  }
}

function parseCodec (parameters) {
  const codec = parameters.text('cid-codec', parameters.text('format', 'raw'))
  const hash = parameters.text('mhtype', 'sha2-256')
  if (hash !== 'sha2-256') throw new BadRequest(`hash "${hash}" is not supported: only sha2-256`)
  if (codec === 'raw') return (digest) => CID.createV1(raw.code, digest)
  if (codec === 'dag-pb' || codec === 'protobuf') return (digest) => CID.createV1(dagPb.code, digest)
  if (codec === 'v0') return (digest) => CID.createV0(digest)
  throw new BadRequest(`codec "${codec}" is not supported: only raw and dag-pb`)
}

async function readSmall (content) {
  const chunks = []
  let size = 0
  for await (const chunk of content) {
    size += chunk.length
    if (size > MAX_BLOCK_BYTES) throw new BadRequest(`a block may not exceed ${MAX_BLOCK_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
