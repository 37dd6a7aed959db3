/**
 * Packs blocks that nobody has used for a while, one after the other and without haste.
 *
 * Rounds in progress pay nothing for it: their blocks are not cold yet, and of the time in which
 * there is something to pack at most a twentieth is spent on it.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const SHARE_OF_TIME = 1 / 20
const LONGEST_LOOK_MS = 30_000

/**
 * @param {import('./blockstore.mjs').Blockstore} blockstore
 * @param {{coldAfterMs: number, signal: AbortSignal, log: (message: string) => void}} options
 * @returns {Promise<void>} when the signal is given; Infinity for `coldAfterMs` packs nothing
 */
export async function packColdBlocks (blockstore, { coldAfterMs, signal, log }) {
  if (coldAfterMs === Infinity) return
  const pause = (ms) => sleep(ms, undefined, { signal, ref: false }).catch(() => {})
  while (!signal.aborted) {
    for (const key of blockstore.coldKeys(coldAfterMs)) {
      if (signal.aborted) return
      const start = performance.now()
      await blockstore.pack(key).catch((error) => log(`cannot pack block ${key}: ${error.message}`))
      await pause((performance.now() - start) * (1 / SHARE_OF_TIME - 1))
    }
    await pause(Math.min(coldAfterMs, LONGEST_LOOK_MS))
  }
}
