/** Files of a multipart upload, as streams, one after the other and with back-pressure. */
import { once } from 'node:events'
import { Busboy } from '@fastify/busboy'
import { BadRequest, RpcError } from '../errors.mjs'

const STALL_MS = 60_000
const MAX_FILES = 1024

/**
 * Resolves when the whole upload has arrived and every file has been handled. It rejects when the
 * upload breaks off, stalls, is malformed or too large, or when `onFile` rejects: whatever must not
 * happen for half an upload belongs after this call.
 *
 * The request stays readable after a failure, so that the client can still be answered.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {{maxBytes: number, signal: AbortSignal}} options
 * @param {(content: AsyncIterable<Uint8Array>, name: string) => Promise<void>} onFile
 */
export async function forEachUploadedFile (request, { maxBytes, signal }, onFile) {
  const parser = createParser(request)
  const feeding = feedParser(request, parser, maxBytes, signal)
  let handled = Promise.resolve()
  let numFiles = 0

  parser.on('file', (field, part, name, encoding, contentType) => {
    numFiles += 1
    const abandon = () => part.destroy(feeding.failure)
    part.on('error', () => {}) // whoever reads the part gets it
    handled = handled.then(async () => {
      if (feeding.failure !== null) return
      feeding.onFailure = abandon
      if (contentType === 'application/x-directory') throw new BadRequest('directories are not supported')
      await onFile(part, decodeName(name))
      part.resume() // past what was read: without it the parser would wait for ever
    }).catch((error) => feeding.stop(error))
  })

  await feeding.ended
  await handled
  if (feeding.failure !== null) throw feeding.failure
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
  request.resume()
  await Promise.race([
    once(request, 'end', { signal: AbortSignal.timeout(milliseconds) }),
    once(request, 'close')
  ]).catch(() => {})
}

/**
 * Pass the request body on to the parser. Unlike a pipeline, this leaves the connection alone when
 * something fails.
 */
function feedParser (request, parser, maxBytes, signal) {
  const feeding = { failure: null, onFailure: () => {}, stop: null, ended: null }
  let received = 0
  feeding.ended = new Promise((resolve) => {
    const stalled = setTimeout(() => feeding.stop(new RpcError('the upload stalled')), STALL_MS)
    const resume = () => request.resume()
    const onData = (chunk) => {
      stalled.refresh()
      received += chunk.length
      if (received > maxBytes) {
        feeding.stop(new RpcError(
          `the upload is larger than ${maxBytes} bytes (--max-upload-bytes)`, { status: 413 }))
      } else if (!parser.write(chunk)) {
        request.pause()
      }
    }
    const onEnd = () => parser.end()
    const onBreak = () => { if (!request.complete) feeding.stop(new RpcError('the upload broke off')) }
    const onAbort = () => feeding.stop(signal.reason)
    const finish = () => {
      clearTimeout(stalled)
      request.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak)
      parser.off('drain', resume)
      signal.removeEventListener('abort', onAbort)
      request.on('error', () => {})
      resolve()
    }
    feeding.stop = (error) => {
      if (feeding.failure !== null) return
      feeding.failure = error
      finish()
      feeding.onFailure()
    }
    parser.on('drain', resume).on('finish', finish)
    parser.on('error', (error) => feeding.stop(new BadRequest(`the upload is malformed: ${error.message}`)))
    signal.addEventListener('abort', onAbort)
    request.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak)
  })
  return feeding
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

function decodeName (name) {
  try {
    return decodeURIComponent(name ?? '')
  } catch {
    return name
  }
}
