/** `add` and `cat`: whole files. */
import { forEachUploadedFile } from '../api/uploads.mjs'
import { importContent, parseImportOptions } from '../dag/unixfs-import.mjs'
import { openFile } from '../dag/unixfs-read.mjs'
import { blockKey } from '../storage/blockstore.mjs'
import { getLeased, withLease } from './leased-blocks.mjs'

/** @param {import('./index.mjs').Services} services */
export function fileCommands (services) {
  const { blockstore, pins, exchange, settings } = services
  return {
    async add ({ parameters, request, answer, signal }) {
      const options = parseImportOptions(parameters)
      const onlyHash = parameters.boolean('only-hash', false)
      const pin = parameters.boolean('pin', true) && !onlyHash
      const pinName = parameters.text('pin-name', '')
      await withLease(services, async (lease) => {
        const putBlock = onlyHash
          ? async () => {}
          : async (cid, bytes) => {
            lease.hold(blockKey(cid))
            await exchange.put(cid, bytes)
          }
        const added = []
        await forEachUploadedFile(request, { maxBytes: settings.maxUploadBytes, signal },
          async (content, name) => {
            added.push({ name, ...await importContent(content, options, putBlock) })
          })
        await blockstore.sync()
        if (pin) await Promise.all(added.map(({ cid }) => pins.add(cid, pinName)))
        for (const { name, cid, size } of added) {
          await answer.line({ Name: name || cid.toString(), Hash: cid.toString(), Size: String(size) })
        }
      })
    },

    async cat ({ parameters, answer, signal, offline }) {
      const root = parameters.cid()
      const offset = parameters.integer('offset', 0)
      const length = parameters.integer('length', Infinity)
      await withLease(services, async (lease) => {
        const file = await openFile(root, getLeased(services, lease, { signal, offline }))
        const headers = { 'Content-Type': 'text/plain', 'X-Content-Length': String(file.size) }
        await answer.bytes(file.read({ offset, length }), headers)
      })
    }
  }
}
