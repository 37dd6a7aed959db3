"""What the blobs of a task take on an IPFS node's disk once nobody uses them, and to read them.

    .venv/bin/python -m benchmarks.stored_bytes [--rounds 5]

The updates and models of the job of benchmarks.accuracy are made by the product and added to an
embedded node that packs at once what is not in use. Times include the client's own check.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from benchmarks.accuracy import Job
from benchmarks.compression import make_job, make_manifest, run_task
from fl_chain.aggregation.fixed_point import encode_model
from fl_chain.aggregation.round_blobs import model_header
from fl_chain.protocol.blob import encode_blob
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest import Manifest
from fl_chain.storage.embedded_node import start_node
from fl_chain.storage.ipfs import IpfsStore

ENCODINGS = {
    "16 bits": Encoding(),
    "8 bits": Encoding(fraction_bits=8, max_abs=127, lane_bits=8),
}
NODE = ("--cold-after-seconds", "1")
PATIENCE_SECONDS = 120


def make_blobs(job: Job, manifest: Manifest) -> dict[str, list[bytes]]:
    """Return the updates and models of all rounds."""
    updates: list[bytes] = []
    bits = manifest.encoding.model_fraction_bits
    models = [
        encode_blob(model_header(manifest), encode_model(parameters, bits))
        for parameters in run_task(job, manifest, updates.append)
    ]
    return {"updates": updates, "models": models}


def read_all(store: IpfsStore, cids: list[Cid], size: int) -> float:
    """Return the milliseconds that reading one takes."""
    seconds = []
    for cid in cids:
        start = time.perf_counter()
        store.get(cid, max_bytes=size)
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds)


def wait_until_packed(repo: Path, count: int) -> None:
    """Wait until so many blocks begin as packed ones do."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        paths = (repo / "blocks").glob("*/*.block")
        if sum(path.open("rb").read(4) == b"flz1" for path in paths) == count:
            return
        time.sleep(0.5)
    raise SystemExit("the node did not pack everything")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    job = make_job()
    print(
        f"{'':18}{'blobs':>6}{'bytes':>10}{'packed':>10}{'share':>7}{'read, ms':>10}{'packed':>8}"
    )
    for name, encoding in ENCODINGS.items():
        blobs = make_blobs(job, make_manifest(job, rounds, encoding=encoding))
        for kind, content in blobs.items():
            measure(f"{kind}, {name}", content)


def measure(name: str, blobs: list[bytes]) -> None:
    """Add blobs to a node, wait until they are packed, and print what that did."""
    size = len(blobs[0])
    with tempfile.TemporaryDirectory() as directory:
        repo = Path(directory, "repo")
        node = start_node(
            repo, log_path=repo.with_suffix(".log"), detached=False, extra_arguments=NODE
        )
        with IpfsStore(node.api_multiaddr) as store:
            cids = [store.put(blob) for blob in blobs]
            before = read_all(store, cids, size)
            wait_until_packed(repo, len(blobs))
            after = read_all(store, cids, size)
        node.stop()
        total = sum(path.stat().st_size for path in (repo / "blocks").glob("*/*.block"))
    packed = total / len(blobs)
    print(
        f"{name:18}{len(blobs):>6}{size:>10,}{packed:>10,.0f}{packed / size:>7.2f}"
        f"{before:>10.1f}{after:>8.1f}"
    )


if __name__ == "__main__":
    main()
