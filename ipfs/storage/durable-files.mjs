/** The two sequences of system calls on which every durability claim of this node rests. */
import fs from 'node:fs/promises'

/**
 * Make the entries of a directory (created, renamed files) survive a power cut.
 *
 * @param {string} directory
 */
export async function syncDirectory (directory) {
  const handle = await fs.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Put a complete file at `target` or none at all: write aside, flush, rename.
 *
 * The name itself is durable only after `syncDirectory` of the parent.
 *
 * @param {string} target
 * @param {string} aside a path on the same file system that nobody else writes to
 * @param {Uint8Array | string} data
 * @param {number} [mode]
 */
export async function replaceFile (target, aside, data, mode = 0o644) {
  try {
    const handle = await fs.open(aside, 'w', mode)
    try {
      await handle.writeFile(data)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await fs.rename(aside, target)
  } catch (error) {
    await fs.rm(aside, { force: true }).catch(() => {})
    throw error
  }
}
