/** Who may be connected: nodes that know the key of a private swarm, and peers on a list. */
import fs from 'node:fs/promises'
import { preSharedKey } from '@libp2p/pnet'
import { StartupError } from '../errors.mjs'

const MAX_KEY_FILE_BYTES = 1024

/**
 * Read a key in the form of Kubo's `swarm.key`, from which both make the same private network.
 *
 * @param {string} file
 * @returns {Promise<Function>} what libp2p protects connections with
 * @throws {StartupError} exit code 64; the message has nothing of the key
 */
export async function readSwarmKey (file) {
  const refuse = (reason) => {
    throw new StartupError(`--swarm-key ${file}: ${reason}`, StartupError.BAD_COMMAND_LINE)
  }
  let text
  const handle = await fs.open(file).catch((error) => refuse(error.code))
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(MAX_KEY_FILE_BYTES) })
    text = buffer.toString('latin1', 0, bytesRead)
  } catch (error) {
    refuse(error.code)
  } finally {
    await handle.close()
  }
  const form = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n([0-9a-f]{64})\s*$/i
  const [, key] = form.exec(text) ?? refuse('is no swarm key: fl-chain ipfs new-swarm-key makes one')
  const psk = Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${key.toLowerCase()}\n`)
  return preSharedKey({ psk })
}

/**
 * Let in and dial only the peers of a list. Whoever shows one of these ids has its private key:
 * noise proves it before anybody is asked here.
 *
 * @param {string[]} peerIds without any, everybody
 */
export function admitOnly (peerIds) {
  if (peerIds.length === 0) return undefined
  const admitted = new Set(peerIds)
  const isStranger = (peerId) => !admitted.has(peerId.toString())
  return {
    denyDialPeer: isStranger,
    denyInboundEncryptedConnection: isStranger,
    denyOutboundEncryptedConnection: isStranger
  }
}
