/**
 * One stream per peer for bitswap messages, in place of the one per message that `@helia/bitswap`
 * opens: opening costs several times what sending a small message does.
 *
 * The protocol lets messages follow one another on a stream; Kubo writes and reads them so, and
 * `@helia/bitswap` reads them so.
 */

/** A reader gives up a stream that is silent for longer; `@helia/bitswap` after 10 s. */
const IDLE_MS = 2_000
const OPEN_TIMEOUT_MS = 10_000

export class MessageStreams {
  #libp2p
  #streams = new Map()

  /** @param {import('libp2p').Libp2p} libp2p */
  constructor (libp2p) {
    this.#libp2p = libp2p
  }

  /**
   * Stands in for `dialProtocol` of libp2p.
   *
   * @returns {Promise<object>} a stream for one message; other messages may share it
   */
  async dialProtocol (peerId, protocol, { signal } = {}) {
    const key = `${peerId} ${protocol}`
    if (!this.#streams.has(key)) this.#streams.set(key, this.#open(key, peerId, protocol))
    const { stream, idle } = await this.#streams.get(key)
    signal?.throwIfAborted()
    idle.refresh()
    return {
      closeRead: async () => {},
      send: (bytes) => stream.send(bytes),
      onDrain: (options) => stream.onDrain(options),
      abort: (error) => stream.abort(error),
      close: async (options) => {
        while (stream.writeBufferLength > 0) await sentOrClosed(stream, options?.signal)
        idle.refresh()
      }
    }
  }

  async #open (key, peerId, protocol) {
    const forget = () => this.#streams.delete(key)
    try {
      const stream = await this.#libp2p.dialProtocol(
        peerId, protocol, { signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) })
      const idle = setTimeout(() => {
        forget()
        stream.close({ signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) })
          .catch((error) => stream.abort(error))
      }, IDLE_MS).unref()
      stream.addEventListener('close', () => {
        clearTimeout(idle)
        forget()
      })
      await stream.closeRead()
      return { stream, idle }
    } catch (error) {
      forget()
      throw error
    }
  }
}

/** Resolves when everything is handed to the connection; rejects when the stream ends before. */
function sentOrClosed (stream, signal) {
  return new Promise((resolve, reject) => {
    const settle = (finish) => {
      for (const [event, listener] of listeners) stream.removeEventListener(event, listener)
      signal?.removeEventListener('abort', onAbort)
      finish()
    }
    const onAbort = () => settle(() => reject(signal.reason))
    const onClose = (event) =>
      settle(() => reject(event.error ?? new Error('the stream closed before all was sent')))
    const listeners = [['idle', () => settle(resolve)], ['close', onClose]]
    for (const [event, listener] of listeners) stream.addEventListener(event, listener)
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort)
  })
}
