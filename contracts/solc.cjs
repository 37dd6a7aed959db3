#!/usr/bin/env node
// The compiler of npm's `solc` behind the command line that py-solc-x expects of a native one.
// Sources arrive whole in the standard JSON, so imports are resolved inside it and no file is read.
'use strict'
const fs = require('node:fs')
const solc = require('solc')

const usage = 'usage: solc.cjs --version | --standard-json [FILE]'
const valueless = new Set(['--standard-json', '--no-import-callback', '-'])
const valued = new Set(['--allow-paths', '--base-path', '--include-path'])

function main (argv) {
  if (argv.includes('--version')) {
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`)
    return 0
  }
  let file = 0
  for (let i = 0; i < argv.length; i++) {
    const name = argv[i].split('=', 1)[0]
    if (valueless.has(name)) continue
    if (valued.has(name)) { if (!argv[i].includes('=')) i++; continue }
    if (name.startsWith('-')) { process.stderr.write(`unknown option ${name}; ${usage}\n`); return 1 }
    file = argv[i]
  }
  if (!argv.includes('--standard-json')) { process.stderr.write(`${usage}\n`); return 1 }
  process.stdout.write(solc.compile(fs.readFileSync(file, 'utf8')))
  return 0
}

process.exitCode = main(process.argv.slice(2))
