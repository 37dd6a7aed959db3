/** `version`, `id`, `repo/…`, `swarm/…`, `shutdown`: the node itself. */
import os from 'node:os'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { connectPeer } from '../network/swarm.mjs'

/** @param {import('./index.mjs').Services} services */
export function nodeCommands (services) {
  const { blockstore, collector, libp2p, settings, version, agentVersion } = services
  const addresses = () => libp2p.getMultiaddrs().map(String)
  return {
    async version ({ answer }) {
      answer.object({
        Version: version,
        Commit: '',
        Repo: '1',
        System: `${os.arch()}/${os.platform()}`,
        Golang: '',
        AgentVersion: agentVersion
      })
    },

    async id ({ answer }) {
      answer.object({
        ID: libp2p.peerId.toString(),
        PublicKey: Buffer.from(publicKeyToProtobuf(libp2p.peerId.publicKey)).toString('base64'),
        Addresses: addresses(),
        AgentVersion: agentVersion,
        Protocols: libp2p.getProtocols()
      })
    },

    async 'repo/stat' ({ answer }) {
      answer.object({
        NumObjects: blockstore.count,
        RepoSize: blockstore.usedBytes,
        StorageMax: Number.isFinite(blockstore.maxBytes) ? blockstore.maxBytes : 0,
        RepoPath: settings.repo,
        Version: 'fl-chain-ipfs@1'
      })
    },

    async 'repo/gc' ({ answer }) {
      for (const key of await collector.collect()) {
        const cid = CID.createV1(raw.code, createMultihash(sha256.code, Buffer.from(key, 'hex')))
        await answer.line({ Key: { '/': cid.toString() } })
      }
    },

    async 'swarm/connect' ({ parameters, answer, signal }) {
      const peers = []
      for (const address of parameters.args('address')) {
        peers.push(await connectPeer(libp2p, address, signal))
      }
      answer.object({ Strings: peers.map((peer) => `connect ${peer} success`) })
    },

    async 'swarm/peers' ({ answer }) {
      answer.object({
        Peers: libp2p.getConnections().map((connection) => ({
          Addr: connection.remoteAddr.toString().replace(/\/p2p\/[^/]+$/, ''),
          Peer: connection.remotePeer.toString(),
          Direction: connection.direction === 'inbound' ? 1 : 2
        }))
      })
    },

    async 'swarm/addrs/local' ({ answer }) {
      answer.object({ Strings: addresses() })
    },

    async shutdown ({ answer }) {
      answer.object({})
      setImmediate(services.stop)
    }
  }
}
