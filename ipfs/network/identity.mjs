/** The node's key pair, which is its peer id; made once per repository. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { StartupError } from '../errors.mjs'
import { replaceFile, syncDirectory } from '../storage/durable-files.mjs'

/** @param {string} directory the repository */
export async function loadIdentity (directory) {
  const file = path.join(directory, 'identity.key')
  const stored = await fs.readFile(file).catch((error) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (stored === null) {
    const privateKey = await generateKeyPair('Ed25519')
    await replaceFile(file, `${file}.new`, privateKeyToProtobuf(privateKey), 0o600)
    await syncDirectory(directory)
    return privateKey
  }
  try {
    return privateKeyFromProtobuf(stored)
  } catch {
    throw new StartupError(
      `${file} is damaged: remove it to start with a new peer id`, StartupError.REPOSITORY_DAMAGED)
  }
}
