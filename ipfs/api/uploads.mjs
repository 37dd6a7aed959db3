/** Files of a multipart upload, as streams, one after the other and with back-pressure. */
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { Transform } from 'node:stream'
import { Busboy } from '@fastify/busboy'
import { BadRequest, RpcError } from '../errors.mjs'

const STALL_MS = 60_000
const MAX_FILES = 1024

/**
 * Resolves when the whole upload has arrived and every file has been handled. It rejects when the
 * upload breaks off, stalls, is malformed or too large, or when `onFile` rejects: whatever must not
 * happen for half an upload belongs after this call.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {{maxBytes: number, signal: AbortSignal}} options
 * @param {(content: AsyncIterable<Uint8Array>, name: string) => Promise<void>} onFile
 */
export async function forEachUploadedFile (request, { maxBytes, signal }, onFile) {
  const parser = createParser(request)
  let handled = Promise.resolve()
  let failure = null
  let numFiles = 0
  let current = null

  const fail = (error) => {
    failure ??= error
    current?.destroy(error)
  }
  parser.on('file', (field, part, name, encoding, contentType) => {
    numFiles += 1
    part.on('error', () => {}) // reported to whoever reads the part
    handled = handled.then(async () => {
      if (failure !== null) return part.resume()
      current = part
      if (contentType === 'application/x-directory') throw new BadRequest('directories are not supported')
      await onFile(part, decodeName(name))
    }).catch((error) => {
      failure ??= error
      parser.destroy(error)
    })
  })

  request.setTimeout(STALL_MS, () => request.destroy(new RpcError('the upload stalled')))
  try {
    await pipeline(request, limitBytes(maxBytes), parser, { signal, end: true })
  } catch (error) {
    fail(error instanceof RpcError ? error : describeBreak(error, request))
  } finally {
    request.setTimeout(0)
  }
  await handled
  if (failure !== null) throw failure
  if (numFiles === 0) throw new BadRequest('argument "path" is required')
}

/**
 * Read and forget the rest of a refused upload: a client sees the answer only after it has sent
 * everything. Gives up (and lets the connection break) when that takes too long.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {number} milliseconds
 */
export async function discardBody (request, milliseconds) {
  if (request.complete || request.destroyed) return
  request.unpipe()
  request.resume()
  await Promise.race([
    once(request, 'end', { signal: AbortSignal.timeout(milliseconds) }),
    once(request, 'close')
  ]).catch(() => {})
}

function createParser (request) {
  try {
    return new Busboy({
      headers: request.headers,
      preservePath: true,
      limits: { fileSize: Infinity, files: MAX_FILES, fields: 0 }
    })
  } catch (error) {
    throw new BadRequest(`the request body is not a multipart upload: ${error.message}`)
  }
}

function limitBytes (maxBytes) {
  let received = 0
  return new Transform({
    transform (chunk, encoding, done) {
      received += chunk.length
      if (received <= maxBytes) return done(null, chunk)
      done(new RpcError(`the upload is larger than ${maxBytes} bytes (--max-upload-bytes)`, { status: 413 }))
    }
  })
}

function describeBreak (error, request) {
  if (request.errored || request.destroyed) return new RpcError('the upload broke off')
  if (error.name === 'AbortError') return new RpcError('context deadline exceeded')
  return new BadRequest(`the upload is malformed: ${error.message}`)
}

function decodeName (name) {
  try {
    return decodeURIComponent(name ?? '')
  } catch {
    return name
  }
}
