/**
 * Blocks on disk: one file per block, named by its sha2-256 digest.
 *
 * CIDs that differ only in version or codec share a block. A block that `put` has stored is
 * complete, but its name is durable only after `sync()`: whoever pins must call `sync()` first.
 * Content is checked against its hash on every read, so no damaged byte ever leaves the node.
 * A file holds the block itself, or what `pack` has made of it.
 */
import crypto from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import { sha256 } from 'multiformats/hashes/sha2'
import { MAX_BLOCK_BYTES } from '../dag/unixfs-import.mjs'
import { BadRequest, BlockDamaged, BlockMissing, QuotaExceeded } from '../errors.mjs'
import { replaceFile, syncDirectory } from './durable-files.mjs'
import { GroupCommit } from './group-commit.mjs'
import { looksPacked, pack, unpack } from './packing.mjs'

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
  #packing = new Map()
  #usedAt = new Map()
  #openedAt = 0
  /** Blocks that were packed, or are not worth it. */
  #settled = new Set()
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
    this.#openedAt = performance.now()
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
    while (this.#deleting.has(key) || this.#packing.has(key)) {
      // That a block could not be packed is nothing to who stores it.
      await (this.#deleting.get(key) ?? this.#packing.get(key).catch(() => {}))
    }
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
    this.#use(key)
    let bytes
    try {
      bytes = await this.#read(key)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
      this.#forget(key)
      throw new BlockMissing(cid)
    }
    if (bytes !== null) return bytes
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
    // And it waits until the block is packed, or that would bring the file back.
    const deleted = Promise.resolve(this.#packing.get(key)).catch(() => {})
      .then(() => fs.rm(this.#file(key), { force: true }))
      .finally(() => this.#deleting.delete(key))
    this.#deleting.set(key, deleted)
    await deleted
  }

  /**
   * Blocks that were neither stored nor read for so long, and that `pack` has not looked at.
   *
   * @returns {string[]} keys
   */
  coldKeys (ms) {
    const since = performance.now() - ms
    const isCold = (key) => (this.#usedAt.get(key) ?? this.#openedAt) <= since
    return this.keys().filter((key) => !this.#settled.has(key) && isCold(key))
  }

  /** Keep a block in fewer bytes, if there is much to save; one that is damaged stays as it is. */
  async pack (key) {
    const isBusy = [this.#writing, this.#deleting, this.#packing].some((map) => map.has(key))
    if (isBusy || !this.#sizes.has(key)) return
    const packed = this.#pack(key).finally(() => this.#packing.delete(key))
    this.#packing.set(key, packed)
    await packed
  }

  async #pack (key) {
    this.#settled.add(key)
    this.#usedAt.delete(key)
    const stored = await fs.readFile(this.#file(key))
    if (crypto.hash('sha256', stored, 'hex') !== key) return // damaged, or packed before a restart
    const packed = await pack(stored)
    if (packed === null) return
    // Before and after the rename the file is the whole block: no power cut can lose it.
    await replaceFile(this.#file(key), this.#nextAside(), packed)
    this.#unsynced.add(key[0])
    if (!this.#sizes.has(key)) return
    this.#usedBytes += packed.length - this.#sizes.get(key)
    this.#sizes.set(key, packed.length)
  }

  /** Return the block in a file, whichever form it has; null if it is damaged. */
  async #read (key) {
    const stored = await fs.readFile(this.#file(key))
    if (looksPacked(stored)) {
      const bytes = await unpack(stored, MAX_BLOCK_BYTES)
      if (bytes !== null && crypto.hash('sha256', bytes, 'hex') === key) return bytes
    }
    return crypto.hash('sha256', stored, 'hex') === key ? stored : null
  }

  #use (key) {
    if (!this.#settled.has(key)) this.#usedAt.set(key, performance.now())
  }

  async #write (key, bytes) {
    // A stored copy counts only when it is intact: the caller will rely on it once it is pinned.
    if (this.#sizes.has(key)) {
      if (await this.#isIntact(key, bytes)) return
      await this.#setAside(key)
    }
    await this.#reserve(bytes.length)
    try {
      await replaceFile(this.#file(key), this.#nextAside(), bytes)
      this.#sizes.set(key, bytes.length)
      this.#use(key)
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
      return (await this.#read(key))?.equals(bytes) ?? false
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
    this.#settled.delete(key)
    this.#usedAt.delete(key)
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

  #nextAside () {
    return path.join(this.#asideDirectory, String(this.#asideCount++))
  }

  get #asideDirectory () {
    return path.join(this.#root, 'incomplete')
  }
}
