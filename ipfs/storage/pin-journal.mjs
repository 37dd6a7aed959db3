/**
 * The pins, as an append-only journal.
 *
 * One line per change: a CRC-32, a space, a JSON object. A change counts once its line is flushed;
 * changes that arrive together share one flush. A line that a crash cut short is dropped at the
 * next start; its writer never got an answer. Damage anywhere else is not guessed around: the node
 * refuses to start.
 */
import fs from 'node:fs/promises'
import path from 'node:path'
import zlib from 'node:zlib'
import { RpcError, StartupError } from '../errors.mjs'
import { replaceFile, syncDirectory } from './durable-files.mjs'
import { GroupCommit } from './group-commit.mjs'

const MIN_LINES_TO_COMPACT = 1024

export class PinJournal {
  #file
  #log
  #handle = null
  #length = 0
  #pins = new Map()
  #waiting = []
  #commit = new GroupCommit(() => this.#flush())
  #broken = null

  /**
   * @param {string} directory the repository
   * @param {{log: (message: string) => void}} options
   */
  constructor (directory, { log }) {
    this.#file = path.join(directory, 'pins.journal')
    this.#log = log
  }

  async open () {
    const content = await fs.readFile(this.#file).catch((error) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    const { lines, validLength } = this.#replay(content)
    if (lines > MIN_LINES_TO_COMPACT && lines > 2 * this.#pins.size) {
      await this.#rewrite()
    } else {
      this.#handle = await fs.open(this.#file, validLength === 0 ? 'w+' : 'r+')
      this.#length = validLength
      if (validLength < content.length) {
        this.#log(`dropped ${content.length - validLength} bytes of an unfinished pin record`)
        await this.#handle.truncate(validLength)
      }
      await this.#handle.datasync()
    }
    await syncDirectory(path.dirname(this.#file))
  }

  /** @param {import('multiformats/cid').CID} cid */
  has (cid) {
    return this.#pins.has(pinKey(cid))
  }

  /** @returns {{cid: string, name: string}[]} */
  entries () {
    return [...this.#pins.values()]
  }

  /**
   * Pin recursively. The caller has made every block below the root durable before.
   *
   * @param {import('multiformats/cid').CID} cid
   * @param {string} [name] label for `pin/ls`
   */
  async add (cid, name = '') {
    const known = this.#pins.get(pinKey(cid))
    if (known !== undefined && known.name === name) return
    await this.#append({ pin: pinKey(cid), cid: cid.toString(), name })
  }

  async remove (cid) {
    await this.#append({ unpin: pinKey(cid) })
  }

  async close () {
    await this.#handle?.close()
    this.#handle = null
  }

  async #append (change) {
    if (this.#broken !== null) throw this.#broken
    this.#waiting.push(change)
    await this.#commit.sync()
  }

  async #flush () {
    const changes = this.#waiting
    this.#waiting = []
    const bytes = Buffer.from(changes.map(encodeLine).join(''))
    try {
      // A disk that fills up takes the first part and reports the error only for the rest.
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } =
          await this.#handle.write(bytes, done, bytes.length - done, this.#length + done)
        done += bytesWritten
      }
      await this.#handle.datasync()
    } catch (error) {
      await this.#undoPartialWrite(error)
      throw error
    }
    this.#length += bytes.length
    for (const change of changes) this.#apply(change)
  }

  /** A half-written line followed by a whole one would read as damage at the next start. */
  async #undoPartialWrite (cause) {
    try {
      await this.#handle.truncate(this.#length)
      await this.#handle.datasync()
    } catch (error) {
      this.#broken = new RpcError(
        `pinning is off until the node restarts: ${cause.message}; ${error.message}`)
    }
  }

  #replay (content) {
    let offset = 0
    let lines = 0
    while (offset < content.length) {
      const end = content.indexOf(0x0a, offset)
      const change = end < 0 ? null : decodeLine(content.toString('utf8', offset, end))
      if (change === null) {
        if (end < 0 || end === content.length - 1) break
        throw new StartupError(
          `${this.#file} is damaged at byte ${offset}: restore it, or remove it to lose all pins`,
          StartupError.REPOSITORY_DAMAGED)
      }
      this.#apply(change)
      lines += 1
      offset = end + 1
    }
    return { lines, validLength: offset }
  }

  #apply (change) {
    if (change.pin !== undefined) {
      this.#pins.set(change.pin, { cid: change.cid, name: change.name })
    } else {
      this.#pins.delete(change.unpin)
    }
  }

  async #rewrite () {
    const changes = [...this.#pins].map(([pin, { cid, name }]) => ({ pin, cid, name }))
    const bytes = Buffer.from(changes.map(encodeLine).join(''))
    await replaceFile(this.#file, `${this.#file}.new`, bytes)
    this.#handle = await fs.open(this.#file, 'r+')
    this.#length = bytes.length
  }
}

/** A pin of CIDv0 and of the CIDv1 with the same codec and hash is the same pin. */
function pinKey (cid) {
  return cid.toV1().toString()
}

function checksum (text) {
  return zlib.crc32(text).toString(16).padStart(8, '0')
}

function encodeLine (change) {
  const text = JSON.stringify(change)
  return `${checksum(text)} ${text}\n`
}

function decodeLine (line) {
  const text = line.slice(9)
  return line[8] === ' ' && line.slice(0, 8) === checksum(text) ? JSON.parse(text) : null
}
