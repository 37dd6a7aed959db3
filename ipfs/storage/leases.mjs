/**
 * Keeps blocks alive while somebody works with them.
 *
 * An upload writes blocks before anything pins them, and a reader walks blocks that nothing pins.
 * Each of them opens a lease and holds every block that it touches; garbage collection spares held
 * blocks. It also spares each block held at any time *during* a collection, because the pin that
 * replaces the lease may be newer than the collector's list of pins.
 */

/** Blocks of one piece of work. */
class Lease {
  #registry
  #keys = new Set()

  constructor (registry) {
    this.#registry = registry
  }

  /** @param {string} key block key, see `blockKey` */
  hold (key) {
    if (this.#keys.has(key)) return
    this.#keys.add(key)
    this.#registry.increment(key)
  }

  release () {
    for (const key of this.#keys) this.#registry.decrement(key)
    this.#keys.clear()
  }
}

/** All leases of the node. */
export class LeaseRegistry {
  #holders = new Map()
  #heldSinceMark = null

  open () {
    return new Lease(this)
  }

  /** Spare every block held now or later, until `endCollection`. */
  beginCollection () {
    this.#heldSinceMark = new Set(this.#holders.keys())
  }

  endCollection () {
    this.#heldSinceMark = null
  }

  isSpared (key) {
    return this.#heldSinceMark?.has(key) || this.#holders.has(key)
  }

  increment (key) {
    this.#holders.set(key, (this.#holders.get(key) ?? 0) + 1)
    this.#heldSinceMark?.add(key)
  }

  decrement (key) {
    const remaining = this.#holders.get(key) - 1
    if (remaining > 0) this.#holders.set(key, remaining)
    else this.#holders.delete(key)
  }
}
