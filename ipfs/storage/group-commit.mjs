/**
 * Lets many callers share one expensive flush.
 *
 * A caller of `sync()` is answered by a flush that *began after* the call, so everything it had
 * handed over before is covered. While one flush runs, all new callers gather for the next one:
 * ten concurrent writers cost two flushes, not ten.
 */
export class GroupCommit {
  #flush
  #running = null
  #next = null

  /** @param {() => Promise<void>} flush writes out everything handed over so far */
  constructor (flush) {
    this.#flush = flush
  }

  /** True while a flush runs or is due: what it covers is not durable yet. */
  get busy () {
    return this.#running !== null || this.#next !== null
  }

  /**
   * @returns {Promise<void>} rejects with the error of the flush that covers this call
   */
  sync () {
    if (this.#next !== null) return this.#next
    if (this.#running === null) return this.#start()
    this.#next = this.#running.then(() => {
      this.#next = null
      return this.#start()
    })
    return this.#next
  }

  #start () {
    const flushed = this.#flush()
    const settled = flushed.then(() => {}, () => {}).then(() => {
      if (this.#running === settled) this.#running = null
    })
    this.#running = settled
    return flushed
  }
}
