/** The query string of a request, read the way Kubo (that is, Go) reads it. */
import { CID } from 'multiformats/cid'
import { BadRequest } from '../errors.mjs'

const MILLISECONDS = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 }

export class RequestParameters {
  #query

  /** @param {URLSearchParams} query */
  constructor (query) {
    this.#query = query
  }

  has (name) {
    return this.#query.has(name)
  }

  text (name, fallback) {
    return this.#query.get(name) ?? fallback
  }

  /** The spellings of Go's strconv.ParseBool; a Python client sends `True`. */
  boolean (name, fallback) {
    const value = this.#query.get(name)
    if (value === null) return fallback
    if (/^(1|t|true|)$/i.test(value)) return true
    if (/^(0|f|false)$/i.test(value)) return false
    throw new BadRequest(`invalid value for option "${name}": "${value}" is not a boolean`)
  }

  integer (name, fallback, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}) {
    const value = this.#query.get(name)
    if (value === null) return fallback
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= min && number <= max) return number
    throw new BadRequest(`invalid value for option "${name}": "${value}" is not an integer from ${min} to ${max}`)
  }

  /** A Go duration such as `1m30s`, or plain seconds; in milliseconds. */
  duration (name) {
    const value = this.#query.get(name)
    if (value === null || value === '') return undefined
    if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
    if (parts.length === 0 || parts.map(([part]) => part).join('') !== value) {
      throw new BadRequest(`invalid value for option "${name}": "${value}" is not a duration`)
    }
    return parts.reduce((sum, [, number, unit]) => sum + Number(number) * MILLISECONDS[unit], 0)
  }

  /** All `arg` values; at least one. */
  args (meaning) {
    const values = this.#query.getAll('arg')
    if (values.length === 0) throw new BadRequest(`argument "${meaning}" is required`)
    return values
  }

  /** @returns {CID[]} */
  cids () {
    return this.args('ipfs-path').map(parseCid)
  }

  /** @returns {CID} */
  cid () {
    const cids = this.cids()
    if (cids.length !== 1) throw new BadRequest(`expected 1 argument, got ${cids.length}`)
    return cids[0]
  }
}

function parseCid (text) {
  const bare = text.replace(/^\/ipfs\//, '')
  if (bare.includes('/')) throw new BadRequest(`invalid path "${text}": paths below a CID are not supported`)
  try {
    return CID.parse(bare)
  } catch (error) {
    throw new BadRequest(`invalid path "${text}": invalid CID: ${error.message}`)
  }
}
