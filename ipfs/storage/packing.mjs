/**
 * Blocks in fewer bytes, without loss.
 *
 * Updates and models are little-endian integers of 1, 2 or 4 bytes, whose high bytes are nearly all
 * alike. So bytes of the same significance are put side by side before they are compressed (the
 * "shuffle" of HDF5 and Blosc), in whichever of these widths turns out smallest.
 */
import { promisify } from 'node:util'
import zlib from 'node:zlib'

const MAGIC = Buffer.from('flz1')
const HEADER_BYTES = MAGIC.length + 1
const WIDTHS = [1, 2, 4]
/** What saves less is not worth the time that reading it takes. */
const WORTHWHILE = 7 / 8

const compress = promisify(zlib.zstdCompress)
const decompress = promisify(zlib.zstdDecompress)

/** Whether stored bytes begin as packed ones do; a block may begin so as well. */
export function looksPacked (stored) {
  return stored.length > HEADER_BYTES && stored.subarray(0, MAGIC.length).equals(MAGIC)
}

/**
 * @param {Buffer} bytes
 * @returns {Promise<Buffer | null>} null if it would save less than an eighth
 */
export async function pack (bytes) {
  let smallest = null
  for (const width of WIDTHS) {
    const packed = await compress(shuffle(bytes, width))
    if (smallest === null || packed.length < smallest.packed.length) smallest = { width, packed }
  }
  const stored = Buffer.concat([MAGIC, Buffer.from([smallest.width]), smallest.packed])
  return stored.length <= WORTHWHILE * bytes.length ? stored : null
}

/**
 * @param {Buffer} stored
 * @param {number} maxBytes
 * @returns {Promise<Buffer | null>} null if it is not what `pack` makes of so many bytes or fewer
 */
export async function unpack (stored, maxBytes) {
  const width = stored[MAGIC.length]
  if (!looksPacked(stored) || !WIDTHS.includes(width)) return null
  try {
    const shuffled = await decompress(stored.subarray(HEADER_BYTES), { maxOutputLength: maxBytes })
    return unshuffle(shuffled, width)
  } catch {
    return null
  }
}

/** First byte 0 of every integer, then byte 1 of every integer, and so on; a rest stays behind. */
function shuffle (bytes, width) {
  if (width === 1) return bytes
  const count = Math.floor(bytes.length / width)
  const shuffled = Buffer.from(bytes)
  for (let byte = 0, to = 0; byte < width; byte++) {
    for (let from = byte; to < (byte + 1) * count; from += width) shuffled[to++] = bytes[from]
  }
  return shuffled
}

function unshuffle (shuffled, width) {
  if (width === 1) return shuffled
  const count = Math.floor(shuffled.length / width)
  const bytes = Buffer.from(shuffled)
  for (let byte = 0, from = 0; byte < width; byte++) {
    for (let to = byte; from < (byte + 1) * count; to += width) bytes[to] = shuffled[from++]
  }
  return bytes
}
