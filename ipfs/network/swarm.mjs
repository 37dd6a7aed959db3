/** Connections to other IPFS nodes: TCP, noise, yamux, identify. No DHT, no relays, no discovery. */
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { BadRequest, RpcError, StartupError } from '../errors.mjs'
import { admitOnly, readSwarmKey } from './access.mjs'

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 10_000
const DIAL_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 128

/**
 * @param {object} options
 * @param {object} options.privateKey
 * @param {string} options.listen
 * @param {string} options.agentVersion
 * @param {string | undefined} options.swarmKey file with the key of a private swarm
 * @param {string[]} options.allowedPeers ids; none for everybody
 * @throws {StartupError} exit code 75 when the port is taken, 64 for a file without a key
 */
export async function startSwarm ({ privateKey, listen, agentVersion, swarmKey, allowedPeers }) {
  const connectionProtector = swarmKey === undefined ? undefined : await readSwarmKey(swarmKey)
  try {
    return await createLibp2p({
      privateKey,
      addresses: { listen: [listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionProtector,
      connectionGater: admitOnly(allowedPeers),
      services: { identify: identify({ agentVersion }) },
      connectionManager: { maxConnections: MAX_CONNECTIONS }
    })
  } catch (error) {
    if (hasCode(error, 'EADDRNOTAVAIL') || hasCode(error, 'EACCES')) {
      throw new StartupError(
        `nobody can listen at ${listen} on this machine`, StartupError.BAD_COMMAND_LINE)
    }
    if (!hasCode(error, 'EADDRINUSE')) throw error
    throw new StartupError(
      `another program listens on the swarm address ${listen}`, StartupError.PORT_TAKEN)
  }
}

function hasCode (error, code) {
  return error?.code === code || (error?.message ?? '').includes(code) ||
    [...(error?.errors ?? []), error?.cause].some((inner) => inner && hasCode(inner, code))
}

/**
 * @param {string} text a multiaddr with a host of this machine and a TCP port
 * @throws {BadRequest}
 */
export function parseListenAddress (text) {
  if (/^\/ip[46]\/[0-9a-f:.]+\/tcp\/\d{1,5}$/i.test(text)) {
    try {
      return multiaddr(text)
    } catch {}
  }
  throw new BadRequest(`invalid address to listen at "${text}": /ip4/127.0.0.1/tcp/4001 is one`)
}

/**
 * @param {string} text
 * @returns {string} the id in the form in which peers are told apart
 * @throws {BadRequest}
 */
export function parsePeerId (text) {
  try {
    return peerIdFromString(text).toString()
  } catch (error) {
    throw new BadRequest(`invalid peer id "${text}": ${error.message}`)
  }
}

/**
 * @param {string} text a multiaddr that ends in /p2p/PEER-ID
 * @throws {BadRequest}
 */
export function parsePeerAddress (text) {
  let address
  try {
    address = multiaddr(text)
  } catch (error) {
    throw new BadRequest(`invalid peer address "${text}": ${error.message}`)
  }
  const peerId = address.getComponents().findLast((component) => component.name === 'p2p')?.value
  if (!peerId) throw new BadRequest(`invalid peer address "${text}": /p2p/PEER-ID is missing`)
  return { address, peerId: parsePeerId(peerId) }
}

/**
 * @param {import('libp2p').Libp2p} libp2p
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<string>} peer id
 */
export async function connectPeer (libp2p, text, signal) {
  const { address, peerId } = parsePeerAddress(text)
  try {
    await libp2p.dial(address, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw new RpcError(`connect ${peerId} failure: ${error.message}`)
  }
  return peerId
}

/**
 * Stay connected to a peer: dial, and dial again whenever the connection is gone, for ever.
 *
 * @param {import('libp2p').Libp2p} libp2p
 * @param {string} text
 * @param {{signal: AbortSignal, log: (message: string) => void}} options `signal` ends the effort
 */
export async function keepConnected (libp2p, text, { signal, log }) {
  const { peerId } = parsePeerAddress(text)
  const isConnected = () =>
    libp2p.getConnections().some((connection) => connection.remotePeer.toString() === peerId)
  let delay = FIRST_RETRY_MS
  let reported = false
  while (!signal.aborted) {
    if (isConnected()) {
      delay = FIRST_RETRY_MS
      reported = false
    } else {
      try {
        await connectPeer(libp2p, text, AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]))
        log(`connected to ${peerId}`)
        continue
      } catch (error) {
        if (!reported && !signal.aborted) log(`${peerId} is not reachable, still trying: ${error.message}`)
        reported = true
        delay = Math.min(delay * 2, LAST_RETRY_MS)
      }
    }
    await pauseOrDisconnect(libp2p, peerId, delay * (0.75 + Math.random() / 2), signal)
  }
}

/** Wait, but no longer than until the peer disconnects or the effort ends. */
function pauseOrDisconnect (libp2p, peerId, milliseconds, signal) {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      libp2p.removeEventListener('peer:disconnect', onDisconnect)
      resolve()
    }
    const onDisconnect = (event) => { if (event.detail.toString() === peerId) finish() }
    const timer = setTimeout(finish, milliseconds)
    signal.addEventListener('abort', finish)
    libp2p.addEventListener('peer:disconnect', onDisconnect)
  })
}
