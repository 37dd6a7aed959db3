/**
 * Errors that a client of the RPC may see. Everything else is a defect or a failing machine: it is
 * answered with status 500 all the same, but logged with its stack.
 */

/** A refusal with a message for the client. */
export class RpcError extends Error {
  /**
   * @param {string} message one line
   * @param {{status?: number, code?: number}} [options] HTTP status, and the `Code` of Kubo's error
   *   body: 0 for a command that failed, 1 for a client that asked wrongly
   */
  constructor (message, { status = 500, code = 0 } = {}) {
    super(message)
    this.name = 'RpcError'
    this.status = status
    this.code = code
  }
}

/** The request itself is wrong: unknown option value, missing argument, malformed CID. */
export class BadRequest extends RpcError {
  constructor (message) {
    super(message, { status: 400, code: 1 })
    this.name = 'BadRequest'
  }
}

/** The block is not in the local store. */
export class BlockMissing extends RpcError {
  constructor (cid) {
    super(`block was not found locally (offline): ipld: could not find ${cid}`)
    // The name that the bitswap package looks for when it answers "don't have".
    this.name = 'NotFoundError'
  }
}

/** The file of the block does not hash to its name any more. */
export class BlockDamaged extends RpcError {
  constructor (cid) {
    super(`block ${cid} is damaged on disk: its content does not match its hash`)
    this.name = 'BlockDamaged'
  }
}

/** The repository has reached its configured size. */
export class QuotaExceeded extends RpcError {
  constructor (maxBytes) {
    super(`the repository is full: it may hold ${maxBytes} bytes (--max-repo-bytes)`)
    this.name = 'QuotaExceeded'
  }
}

/** The program cannot start; ends the process with an exit code of sysexits.h. */
export class StartupError extends Error {
  static REPOSITORY_LOCKED = 73
  static REPOSITORY_DAMAGED = 74
  static PORT_TAKEN = 75
  static BAD_COMMAND_LINE = 64

  constructor (message, exitCode) {
    super(message)
    this.name = 'StartupError'
    this.exitCode = exitCode
  }
}
