"""fl-chain lab privacy: rebuild what participants trained on from what a round shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.experiment_bar import experiment_bar
from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import json_option
from fl_chain.cli.web import page_libraries
from fl_chain.whole_file import check_place, write_whole

if TYPE_CHECKING:
    from fl_chain.lab.exposure import Rebuilt

SIZES = (1, 8, 32)
INVERSIONS = ("first_layer", "matching")


@click.command("privacy")
@click.option("--data", default="mnist", show_default=True, help="Data set of images.")
@click.option("--model", default="", help="Model.  [default: the data set's usual one]")
@click.option(
    "--examples",
    "sizes",
    type=click.IntRange(1),
    multiple=True,
    help=f"Of each participant. Repeatable.  [default: {', '.join(map(str, SIZES))}]",
)
@click.option(
    "--participants",
    type=click.IntRange(2, 4096),
    default=10,
    show_default=True,
    help="Of whose updates the mean is.",
)
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), help="[default: all examples at once]")
@click.option("--learning-rate", type=float, default=0.1, show_default=True)
@click.option("--lane-bits", type=click.Choice(["8", "12", "16"]), default="16", show_default=True)
@click.option(
    "--attack",
    "attacks",
    type=click.Choice(INVERSIONS),
    multiple=True,
    help="Repeatable.  [default: both]",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a report to this file."
)
@json_option
def privacy(
    data: str,
    model: str,
    sizes: tuple[int, ...],
    participants: int,
    epochs: int,
    batch_size: int | None,
    learning_rate: float,
    lane_bits: str,
    attacks: tuple[str, ...],
    seeds: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """Rebuild the images that participants trained on, from what the first round shows of them.

    Whoever has the CID of an update reads it; whoever reads two models in turn has the mean of the
    updates between them. Each is attacked, and compared with as many blind guesses.

    \b
    fl-chain lab privacy --html privacy.html
    fl-chain lab privacy --examples 100 --epochs 5 --batch-size 10 --lane-bits 8
    """
    from fl_chain.lab.exposure import UPDATE, Exposure, attack_all, check_images, list_exposures

    base = Exposure(
        data,
        check_images(data, model),
        num_examples=1,
        num_participants=participants,
        shown=UPDATE,
        inversion=INVERSIONS[0],
        seed=0,
        num_epochs=epochs,
        learning_rate=learning_rate,
        lane_bits=int(lane_bits),
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    exposures = list_exposures(base, sizes or SIZES, attacks or INVERSIONS, seeds)
    if html is not None:
        check_place(html)
        with page_libraries():
            from fl_chain.web.privacy_report import make_privacy_report
    found: list[Rebuilt] = []
    for rebuilt in experiment_bar(attack_all(exposures), len(exposures)):
        found.append(rebuilt)
        if as_json:
            print_line(_row(rebuilt))
    if not as_json:
        print_rows([_shown(rebuilt) for rebuilt in found], False, "")
    if html is not None:
        write_whole(html, make_privacy_report(base, found).encode())
        click.echo(f"report: {html}", err=as_json)


def _row(rebuilt: Rebuilt) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(rebuilt.exposure),
        "recovered": rebuilt.num_recovered,
        "psnr": round(float(rebuilt.psnr.mean()), 3),
        "ssim": round(float(rebuilt.ssim.mean()), 4),
        "blind_psnr": round(float(rebuilt.blind_psnr.mean()), 3),
        "blind_ssim": round(float(rebuilt.blind_ssim.mean()), 4),
    }


def _shown(rebuilt: Rebuilt) -> dict[str, Any]:
    row, exposure = _row(rebuilt), rebuilt.exposure
    is_update = exposure.shown == "update"
    return {
        "examples": exposure.num_examples,
        "shown": "an update" if is_update else f"mean of {exposure.num_participants}",
        "attack": exposure.inversion,
        "recovered": f"{rebuilt.num_recovered} of {exposure.num_examples}",
        "PSNR": f"{row['psnr']:.1f}",
        "blind PSNR": f"{row['blind_psnr']:.1f}",
        "SSIM": f"{row['ssim']:.2f}",
        "blind SSIM": f"{row['blind_ssim']:.2f}",
    }
