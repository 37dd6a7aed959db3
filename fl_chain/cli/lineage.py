"""fl-chain lineage: where a model comes from."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text
from rich.tree import Tree

from fl_chain.cli.history import open_task_history
from fl_chain.cli.output import console, count, print_line
from fl_chain.cli.settings import Settings, ipfs_option, json_option, rpc_option, task_option

SHORT_DIGITS = 12


@click.command()
@task_option
@click.option(
    "--model", "digest", metavar="DIGEST", required=True, help="The model, or its first 8 digits."
)
@click.option(
    "--depth", type=click.IntRange(0), help="Models to go back at most.  [default: to genesis]"
)
@rpc_option
@ipfs_option
@json_option
@click.pass_obj
def lineage(
    settings: Settings,
    task: str,
    digest: str,
    depth: int | None,
    rpc: str | None,
    ipfs: str | None,
    as_json: bool,
) -> None:
    """Show which updates, of whom, with which weights, by which recipe, led to a model.

    \b
    fl-chain lineage --task 0x... --model 6cd8e4821f0a
    fl-chain lineage --task 0x... --model 6cd8e4821f0a --depth 0 --json
    """
    from fl_chain.roles.lineage import trace_model

    with open_task_history(settings, task, rpc, ipfs) as found:
        rows = trace_model(found, digest, depth)
        if as_json:
            for row in rows:
                print_line(row)
            return
        models = list(rows)
    terminal = console()
    root = branch = _node(models[0])
    for row, older in zip(models, [*models[1:], None], strict=True):
        for update in row["submissions"]:
            branch.add(_update(update, row["total_weight"]))
        if older is not None:
            node = _node(older)
            branch.children.append(node)
            branch = node
    terminal.print(root, soft_wrap=True)
    recipe = models[0]["recipe"]
    if recipe is None:
        terminal.print(Text("recipe: not at hand, the manifest is on IPFS"))
        return
    facts = ", ".join(f"{name} {value}" for name, value in recipe.items() if name != "environment")
    rule, f = models[0]["rule"], models[0]["num_malicious"]
    withstands = f", which withstands {count(f, 'malicious update')}" if f else ""
    terminal.print(Text(f"recipe: {facts}; rule {rule}{withstands}"), soft_wrap=True)
    environment = ", ".join(f"{name} {value}" for name, value in recipe["environment"].items())
    terminal.print(Text(f"environment: {environment}"), soft_wrap=True)


def _node(row: dict[str, Any]) -> Tree:
    head = f"model {row['model'][:SHORT_DIGITS]}…  "
    if row["outcome"] == "genesis":
        return Tree(Text(f"{head}genesis, by {row['proposer']}"))
    updates = count(len(row["submissions"]), "update")
    outcome = "" if row["outcome"] == "final" else f", {row['outcome']}"
    weight = f", total weight {row['total_weight']}" if row["total_weight"] else ""
    text = f"{head}round {row['round']}, {updates}{weight}, proposed by {row['proposer']}{outcome}"
    return Tree(Text(text))


def _update(update: dict[str, Any], total: int | None) -> Text:
    status = update["status"]
    share = ""
    if status == "included" and total:
        share = f"  {update['weight']}/{total} = {100 * update['weight'] / total:.2f} %"
    elif status != "included":
        share = f"  {'left out: ' + status if status else 'no report at hand'}"
    digest = (update["digest"] or "unknown")[:SHORT_DIGITS]
    return Text(f"update {update['sequence']} of {update['participant']}  {digest}…{share}")
