/** The command line of the node. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { StartupError } from './errors.mjs'
import { parseListenAddress, parsePeerAddress, parsePeerId } from './network/swarm.mjs'

export const USAGE = `usage: node node.mjs --repo DIR [options]

  --repo DIR                     where blocks, pins and the peer key are kept
  --api HOST:PORT                address of the RPC, loopback only (127.0.0.1:5001; port 0: any)
  --swarm MULTIADDR              address for other nodes (/ip4/127.0.0.1/tcp/4001)
  --peer MULTIADDR               stay connected to this node; repeatable
  --swarm-key FILE               talk only to nodes with the same key, in the form of Kubo's swarm.key
  --allow-peer PEER-ID           talk only to these, and to those of --peer; repeatable
  --max-repo-bytes N             refuse to store more than this (no limit)
  --max-upload-bytes N           refuse larger requests (1073741824)
  --max-concurrent-requests N    refuse more at once (256)
  --cold-after-seconds N         compress on disk what nobody used for so long (300; Infinity: never)
  --stop-when-stdin-closes       end when the program that started the node ends
  --help

Prints one line of JSON when ready, logs to stderr.
Exit codes: 0 stopped, 64 bad command line, 73 repository in use, 74 repository damaged, 75 port taken.
`

/**
 * @typedef {object} Settings
 * @property {string} repo absolute path
 * @property {{host: string, port: number}} api
 * @property {string} swarm
 * @property {string[]} peers
 * @property {string | undefined} swarmKey path
 * @property {string[]} allowedPeers ids, none for everybody
 * @property {number} maxRepoBytes
 * @property {number} maxUploadBytes
 * @property {number} maxConcurrentRequests
 * @property {number} coldAfterSeconds
 * @property {boolean} stopWhenStdinCloses
 */

/**
 * @param {string[]} args
 * @returns {Settings | null} null when help was asked for
 * @throws {StartupError} exit code 64
 */
export function parseCommandLine (args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        repo: { type: 'string' },
        api: { type: 'string', default: '127.0.0.1:5001' },
        swarm: { type: 'string', default: '/ip4/127.0.0.1/tcp/4001' },
        peer: { type: 'string', multiple: true, default: [] },
        'swarm-key': { type: 'string' },
        'allow-peer': { type: 'string', multiple: true, default: [] },
        'max-repo-bytes': { type: 'string', default: 'Infinity' },
        'max-upload-bytes': { type: 'string', default: String(2 ** 30) },
        'max-concurrent-requests': { type: 'string', default: '256' },
        'cold-after-seconds': { type: 'string', default: '300' },
        'stop-when-stdin-closes': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false }
      }
    })
    if (values.help) return null
    if (values.repo === undefined) throw new Error('--repo is required')
    parseListenAddress(values.swarm)
    const peerIds = values.peer.map((peer) => parsePeerAddress(peer).peerId)
    const allowed = values['allow-peer'].map(parsePeerId)
    return {
      repo: path.resolve(values.repo),
      api: parseHostAndPort(values.api),
      swarm: values.swarm,
      peers: values.peer,
      swarmKey: values['swarm-key'],
      allowedPeers: allowed.length > 0 ? [...allowed, ...peerIds] : [],
      maxRepoBytes: parseSize(values, 'max-repo-bytes'),
      maxUploadBytes: parseSize(values, 'max-upload-bytes'),
      maxConcurrentRequests: parseSize(values, 'max-concurrent-requests'),
      coldAfterSeconds: parseSize(values, 'cold-after-seconds'),
      stopWhenStdinCloses: values['stop-when-stdin-closes']
    }
  } catch (error) {
    throw new StartupError(`${error.message}\n\n${USAGE}`, StartupError.BAD_COMMAND_LINE)
  }
}

function parseHostAndPort (text) {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || Number(port) > 65535) throw new Error(`--api: "${text}" is not HOST:PORT`)
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

function parseSize (values, name) {
  const value = Number(values[name])
  if (value >= 1 && (Number.isInteger(value) || value === Infinity)) return value
  throw new Error(`--${name}: "${values[name]}" is not a positive integer`)
}
