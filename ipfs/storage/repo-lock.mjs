/**
 * One process per repository.
 *
 * The lock is the operating system's own file lock, taken through SQLite (the only way to one that
 * Node offers). The kernel drops it when the process ends, however it ends: there is no stale lock
 * to clean up, and a reused process id cannot be mistaken for the owner.
 */
import fs from 'node:fs'
import path from 'node:path'
import { StartupError } from '../errors.mjs'

/**
 * @param {string} directory the repository, which must exist
 * @returns {Promise<() => void>} releases the lock
 * @throws {StartupError} exit code 73 when another process holds it
 */
export async function lockRepository (directory) {
  const { DatabaseSync } = await import('node:sqlite')
  const ownerFile = path.join(directory, 'owner.pid')
  const database = new DatabaseSync(path.join(directory, 'repo.lock'))
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!/locked|busy/i.test(error.message)) throw error
    throw new StartupError(
      `the repository ${directory} is in use by another process${describeOwner(ownerFile)}`,
      StartupError.REPOSITORY_LOCKED
    )
  }
  // Only for the message above; the lock does not depend on it.
  fs.writeFileSync(ownerFile, `${process.pid}\n`)
  return () => {
    fs.rmSync(ownerFile, { force: true })
    database.close()
  }
}

function describeOwner (ownerFile) {
  try {
    return ` (pid ${fs.readFileSync(ownerFile, 'utf8').trim()})`
  } catch {
    return ''
  }
}
