/**
 * Kubo's RPC over HTTP: POST /api/v0/COMMAND?arg=…&option=…
 *
 * Whoever reaches this port commands the node, so it listens on loopback only and refuses whatever
 * a web page could make a browser send.
 */
import http from 'node:http'
import net from 'node:net'
import { RpcError, StartupError } from '../errors.mjs'
import { Answer } from './answer.mjs'
import { RequestParameters } from './request-parameters.mjs'
import { discardBody } from './uploads.mjs'

const PREFIX = '/api/v0/'
const BROWSER_HEADERS = ['origin', 'referer', 'sec-fetch-site']
const KEEP_ALIVE_MS = 120_000
const HEADERS_TIMEOUT_MS = 30_000
const DISCARD_MS = 30_000

/**
 * @typedef {object} Call what a command gets
 * @property {RequestParameters} parameters
 * @property {import('node:http').IncomingMessage} request for uploads
 * @property {Answer} answer
 * @property {AbortSignal} signal aborted at the deadline or when the client goes away
 * @property {boolean} offline
 */

/**
 * @param {Map<string, (call: Call) => Promise<void>>} commands
 * @param {{maxConcurrentRequests: number, log: (message: string) => void}} options
 * @returns {http.Server} not listening yet
 */
export function createApiServer (commands, { maxConcurrentRequests, log }) {
  let numRunning = 0
  const server = http.createServer(async (request, response) => {
    const answer = new Answer(response)
    const url = new URL(request.url, 'http://localhost')
    const refusal = findRefusal(request, url, commands)
    if (refusal !== null) {
      await discardBody(request, DISCARD_MS)
      return answer.error(refusal.status, refusal.message, 1, refusal.headers)
    }
    if (numRunning >= maxConcurrentRequests) {
      await discardBody(request, DISCARD_MS)
      return answer.error(503, `more than ${maxConcurrentRequests} requests at once`, 0, { 'Retry-After': '1' })
    }
    numRunning += 1
    try {
      await runCommand(commands.get(commandName(url)), request, response, answer, url, log)
    } finally {
      numRunning -= 1
    }
  })
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = 0 // uploads have their own stall timer
  return server
}

/**
 * @param {http.Server} server
 * @param {{host: string, port: number}} address
 * @returns {Promise<string>} multiaddr of the API
 * @throws {StartupError} exit code 75 when the port is taken, 64 when the host is not loopback
 */
export async function listenOnLoopback (server, { host, port }) {
  if (!isLoopback(host)) {
    throw new StartupError(
      `the API must listen on a loopback address, not ${host}`, StartupError.BAD_COMMAND_LINE)
  }
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  }).catch((error) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new StartupError(`another program listens on ${host}:${port}`, StartupError.PORT_TAKEN)
  })
  const { address, family, port: actualPort } = server.address()
  return `/${family === 'IPv6' ? 'ip6' : 'ip4'}/${address}/tcp/${actualPort}`
}

async function runCommand (command, request, response, answer, url, log) {
  const controller = new AbortController()
  let deadline
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new RpcError('the client went away'))
  })
  try {
    const parameters = new RequestParameters(url.searchParams)
    const milliseconds = parameters.duration('timeout')
    if (milliseconds !== undefined) {
      deadline = setTimeout(
        () => controller.abort(new RpcError('context deadline exceeded')), milliseconds)
    }
    const offline = parameters.boolean('offline', false)
    await command({ parameters, request, answer, signal: controller.signal, offline })
    answer.finish()
  } catch (error) {
    const cause = controller.signal.aborted ? controller.signal.reason : error
    if (!(cause instanceof RpcError)) log(`${url.pathname}: ${cause.stack}`)
    if (answer.hasBegun) {
      log(`${url.pathname}: broke off the answer: ${cause.message}`)
      answer.breakOff()
      return
    }
    await discardBody(request, DISCARD_MS)
    const headers = request.complete ? {} : { Connection: 'close' }
    answer.error(cause.status ?? 500, cause.message, cause.code === 1 ? 1 : 0, headers)
  } finally {
    clearTimeout(deadline)
  }
}

function findRefusal (request, url, commands) {
  if (BROWSER_HEADERS.some((name) => name in request.headers) || !isLocalHost(request.headers.host)) {
    return { status: 403, message: '403 - Forbidden: this API is not for web pages' }
  }
  if (request.method !== 'POST') {
    return { status: 405, message: '405 - Method Not Allowed', headers: { Allow: 'POST' } }
  }
  if (!commands.has(commandName(url))) {
    return { status: 404, message: `404 - no such command: ${url.pathname}` }
  }
  return null
}

function commandName (url) {
  return url.pathname.startsWith(PREFIX) ? url.pathname.slice(PREFIX.length).replace(/\/$/, '') : ''
}

/** A page that rebinds its own name to 127.0.0.1 still sends that name as the host. */
function isLocalHost (header) {
  if (header === undefined) return true
  const host = header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return host === 'localhost' || net.isIP(host) !== 0
}

function isLoopback (host) {
  return host === '::1' || (net.isIPv4(host) && host.startsWith('127.'))
}
