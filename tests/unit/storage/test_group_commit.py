"""The rule on which durable pins rest, checked on the node's own module."""

from __future__ import annotations

import json
import subprocess

from fl_chain.npm import node_executable
from fl_chain.storage.embedded_node import source_directory

SCENARIO = """
const { GroupCommit } = await import(process.argv[1])
const flushes = []
const commit = new GroupCommit(() => {
  const number = flushes.length
  return new Promise((resolve, reject) => flushes.push({ resolve, reject, number }))
})
const answers = []
const call = (name) => commit.sync().then(
  () => answers.push(name), (error) => answers.push(`${name}: ${error.message}`))
const settle = () => new Promise((resolve) => setImmediate(resolve))
const steps = []
const report = async () => {
  await settle()
  steps.push({ begun: flushes.length, answers: answers.splice(0), busy: commit.busy })
}

call('first'); await report()
for (const name of ['second', 'third', 'fourth']) call(name)
await report()
flushes[0].resolve(); await report()
call('fifth')
flushes[1].reject(new Error('disk full')); await report()
flushes[2].resolve(); await report()
call('sixth'); await report()
flushes[3].resolve(); await report()
console.log(JSON.stringify(steps))
"""


def test_each_caller_is_answered_by_a_flush_that_began_after_the_call() -> None:
    module = (source_directory() / "storage" / "group-commit.mjs").as_uri()
    finished = subprocess.run(
        [node_executable(), "--input-type=module", "-e", SCENARIO, module],
        capture_output=True,
        text=True,
        check=True,
    )
    failed = [f"{name}: disk full" for name in ("second", "third", "fourth")]
    assert [tuple(step.values()) for step in json.loads(finished.stdout)] == [
        (1, [], True),
        (1, [], True),  # one flush runs, all others wait together
        (2, ["first"], True),
        (3, failed, True),  # the fifth came too late for the second flush, so it is not harmed
        (3, ["fifth"], False),
        (4, [], True),
        (4, ["sixth"], False),
    ]
