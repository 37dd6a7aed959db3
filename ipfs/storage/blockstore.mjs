/**
 * Blocks on disk: one file per block, named by its sha2-256 digest.
 *
 * CIDs that differ only in version or codec share a block. A block that `put` has stored is
 * complete, but its name is durable only after `sync()`: whoever pins must call `sync()` first.
 * Content is checked against its hash on every read, so no damaged byte ever leaves the node.
 */
import crypto from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import { sha256 } from 'multiformats/hashes/sha2'
import { BadRequest, BlockDamaged, BlockMissing, QuotaExceeded } from '../errors.mjs'
import { replaceFile, syncDirectory } from './durable-files.mjs'
import { GroupCommit } from './group-commit.mjs'

const SUFFIX = '.block'
const SHARDS = [...'0123456789abcdef']

/**
 * @param {import('multiformats/cid').CID} cid
 * @returns {string} lower-case hexadecimal sha2-256 digest
 * @throws {BadRequest} for any other hash function
 */
export function blockKey (cid) {
  const { code, digest } = cid.multihash
  if (code !== sha256.code || digest.length !== 32) {
    throw new BadRequest(`unsupported hash function 0x${code.toString(16)} in ${cid}: only sha2-256`)
  }
  return Buffer.from(digest).toString('hex')
}

export class Blockstore {
  #root
  #maxBytes
  #log
  #sizes = new Map()
  #usedBytes = 0
  #reservedBytes = 0
  #writing = new Map()
  #deleting = new Map()
  #unsynced = new Set()
  #commit = new GroupCommit(() => this.#syncShards())
  #asideCount = 0

  /** Called to free space before `put` gives up; set by the garbage collector. */
  makeRoom = async () => {}

  /**
   * @param {string} directory
   * @param {{maxBytes?: number, log: (message: string) => void}} options
   *   `maxBytes`: size at which `put` refuses, Infinity for none
   */
  constructor (directory, { maxBytes = Infinity, log }) {
    this.#root = directory
    this.#maxBytes = maxBytes
    this.#log = log
  }

  get usedBytes () { return this.#usedBytes }
  get maxBytes () { return this.#maxBytes }
  get count () { return this.#sizes.size }
  keys () { return [...this.#sizes.keys()] }

  /** Create the directories, drop half-written files and index what is there. */
  async open () {
    await fs.rm(this.#asideDirectory, { recursive: true, force: true })
    await fs.mkdir(this.#asideDirectory, { recursive: true })
    for (const shard of SHARDS) {
      const directory = path.join(this.#root, shard)
      await fs.mkdir(directory, { recursive: true })
      for (const name of await fs.readdir(directory)) {
        if (!name.endsWith(SUFFIX)) continue
        const { size } = await fs.stat(path.join(directory, name))
        this.#sizes.set(name.slice(0, -SUFFIX.length), size)
        this.#usedBytes += size
      }
      // After a power cut a rename may be visible and yet not durable: make it so once.
      await syncDirectory(directory)
    }
    await syncDirectory(this.#root)
  }

  has (cid) {
    return this.#sizes.has(blockKey(cid))
  }

  /**
   * Store a block whose hash the caller has verified. Concurrent calls for one block share a write.
   *
   * @throws {QuotaExceeded} when collecting garbage does not make enough room
   */
  async put (cid, bytes) {
    const key = blockKey(cid)
    while (this.#deleting.has(key)) await this.#deleting.get(key)
    if (this.#writing.has(key)) return this.#writing.get(key)
    const written = this.#write(key, bytes).finally(() => this.#writing.delete(key))
    this.#writing.set(key, written)
    return written
  }

  /**
   * @returns {Promise<Uint8Array>} bytes that hash to the CID
   * @throws {BlockMissing}
   * @throws {BlockDamaged} every time until the block is put again: damage is for an operator to
   *   see, and must not turn into a block that merely seems to be missing
   */
  async get (cid) {
    const key = blockKey(cid)
    if (!this.#sizes.has(key)) throw new BlockMissing(cid)
    let bytes
    try {
      bytes = await fs.readFile(this.#file(key))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
      this.#forget(key)
      throw new BlockMissing(cid)
    }
    if (crypto.hash('sha256', bytes, 'hex') === key) return bytes
    this.#log(`block ${key} does not match its hash; adding its content again repairs it`)
    throw new BlockDamaged(cid)
  }

  /** Wait until every block stored before this call survives a power cut. */
  async sync () {
    if (this.#unsynced.size > 0 || this.#commit.busy) await this.#commit.sync()
  }

  async delete (key) {
    if (!this.#sizes.has(key) || this.#writing.has(key)) return
    this.#forget(key)
    // A put of the same block waits for this, or the unlink could remove the new file.
    const deleted = fs.rm(this.#file(key), { force: true }).finally(() => this.#deleting.delete(key))
    this.#deleting.set(key, deleted)
    await deleted
  }

  async #write (key, bytes) {
    // A stored copy counts only when it is intact: the caller will rely on it once it is pinned.
    if (this.#sizes.has(key)) {
      if (await this.#isIntact(key, bytes)) return
      await this.#setAside(key)
    }
    await this.#reserve(bytes.length)
    try {
      const aside = path.join(this.#asideDirectory, String(this.#asideCount++))
      await replaceFile(this.#file(key), aside, bytes)
      this.#sizes.set(key, bytes.length)
      this.#usedBytes += bytes.length
      this.#unsynced.add(key[0])
    } finally {
      this.#reservedBytes -= bytes.length
    }
  }

  async #reserve (size) {
    const isFull = () => this.#usedBytes + this.#reservedBytes + size > this.#maxBytes
    if (isFull()) await this.makeRoom()
    if (isFull()) throw new QuotaExceeded(this.#maxBytes)
    this.#reservedBytes += size
  }

  async #isIntact (key, bytes) {
    try {
      return (await fs.readFile(this.#file(key))).equals(bytes)
    } catch {
      return false
    }
  }

  async #setAside (key) {
    if (!this.#sizes.has(key)) return
    this.#forget(key)
    const grave = path.join(this.#root, `damaged-${key}`)
    this.#log(`block ${key} does not match its hash; moved to ${grave}`)
    await fs.rename(this.#file(key), grave).catch((error) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  #forget (key) {
    this.#usedBytes -= this.#sizes.get(key) ?? 0
    this.#sizes.delete(key)
  }

  async #syncShards () {
    const shards = [...this.#unsynced]
    this.#unsynced.clear()
    try {
      await Promise.all(shards.map((shard) => syncDirectory(path.join(this.#root, shard))))
    } catch (error) {
      for (const shard of shards) this.#unsynced.add(shard)
      throw error
    }
  }

  #file (key) {
    return path.join(this.#root, key[0], key + SUFFIX)
  }

  get #asideDirectory () {
    return path.join(this.#root, 'incomplete')
  }
}
