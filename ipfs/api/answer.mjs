/** The three shapes of an answer in Kubo's RPC: one object, lines of objects, a stream of bytes. */
export class Answer {
  #response

  /** @param {import('node:http').ServerResponse} response */
  constructor (response) {
    this.#response = response
  }

  get hasBegun () {
    return this.#response.headersSent
  }

  object (value) {
    const body = Buffer.from(JSON.stringify(value) + '\n')
    this.#response.writeHead(200, {
      'Content-Type': 'application/json', 'Content-Length': body.length
    })
    this.#response.end(body)
  }

  async line (value) {
    if (!this.hasBegun) {
      this.#response.writeHead(200, { 'Content-Type': 'application/json', 'X-Chunked-Output': '1' })
    }
    await this.#write(JSON.stringify(value) + '\n')
  }

  async bytes (chunks, headers = {}) {
    for await (const chunk of chunks) {
      if (!this.hasBegun) this.#beginStream(headers)
      await this.#write(chunk)
    }
    if (!this.hasBegun) this.#beginStream(headers)
  }

  /** Complete the answer; only a completed one ends with the final chunk that clients wait for. */
  finish () {
    if (this.#response.writableEnded) return
    if (!this.hasBegun) this.#response.writeHead(200, { 'Content-Type': 'application/json' })
    this.#response.end()
  }

  error (status, message, code, headers = {}) {
    const body = Buffer.from(JSON.stringify({ Message: message, Code: code, Type: 'error' }) + '\n')
    this.#response.writeHead(status, {
      'Content-Type': 'application/json', 'Content-Length': body.length, ...headers
    })
    this.#response.end(body)
  }

  /** Cut the connection, so that what was sent so far cannot be taken for a complete answer. */
  breakOff () {
    this.#response.destroy()
  }

  #beginStream (headers) {
    this.#response.writeHead(200, {
      'Content-Type': 'application/octet-stream', 'X-Stream-Output': '1', ...headers
    })
  }

  async #write (chunk) {
    if (this.#response.destroyed) throw new Error('the client went away')
    if (this.#response.write(chunk)) return
    await drainedOrClosed(this.#response)
  }
}

function drainedOrClosed (response) {
  return new Promise((resolve) => {
    const finish = () => {
      response.off('drain', finish)
      response.off('close', finish)
      resolve()
    }
    response.on('drain', finish)
    response.on('close', finish)
  })
}
