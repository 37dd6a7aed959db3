"""fl-chain lab privacy: rebuild what participants trained on from what a round shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_chain.cli.experiment_bar import experiment_bar
from fl_chain.cli.lab_options import html_option, mode_options
from fl_chain.cli.output import print_line, print_rows
from fl_chain.cli.settings import json_option
from fl_chain.cli.web import page_libraries
from fl_chain.whole_file import check_place, write_whole

if TYPE_CHECKING:
    from fl_chain.lab.exposure import Rebuilt
    from fl_chain.lab.exposure_summary import ExposureSummary

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
@mode_options(
    "In which the round is shown; noised is open, trained with noise, and masked, with noise on"
    " updates.",
    8,
    "gradients, or updates,",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@html_option
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
    modes: str,
    group_size: int,
    noise_multiplier: float,
    max_grad_norm: float,
    seeds: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """Rebuild the images that participants trained on, from what the first round shows of them.

    In the mode open, whoever has the CID of an update reads it; in the others it is sealed, masked,
    or made with noise. Whoever reads two models in turn has the mean of the updates between them.
    Each is attacked, and compared with as many blind guesses, and with the same attack on random
    numbers.

    \b
    fl-chain lab privacy --html privacy.html
    fl-chain lab privacy --modes masked --group-size 16 --seeds 5
    fl-chain lab privacy --examples 100 --epochs 5 --batch-size 10 --lane-bits 8
    """
    from fl_chain.lab.exposure import attack_all, check_images, list_exposures
    from fl_chain.lab.exposure_summary import summarize_exposures
    from fl_chain.lab.modes import UPDATE, Exposure

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
        group_size=group_size,
        noise_multiplier=noise_multiplier,
        max_grad_norm=max_grad_norm,
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    chosen = [name.strip() for name in modes.split(",")]
    exposures = list_exposures(base, sizes or SIZES, attacks or INVERSIONS, seeds, chosen)
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
        print_rows([_shown(one) for one in summarize_exposures(found)], False, "")
    if html is not None:
        write_whole(html, make_privacy_report(base, found).encode())
        click.echo(f"report: {html}", err=as_json)


def _row(rebuilt: Rebuilt) -> dict[str, Any]:
    from dataclasses import asdict

    guesses = {"": rebuilt.found, "blind_": rebuilt.blind, "random_": rebuilt.random}
    numbers = {}
    for name, guessed in guesses.items():
        numbers[f"{name}psnr"] = round(float(guessed.psnr.mean()), 3)
        numbers[f"{name}ssim"] = round(float(guessed.ssim.mean()), 4)
    return {
        **asdict(rebuilt.exposure),
        "mode": rebuilt.exposure.mode,
        "recovered": rebuilt.num_recovered,
        **numbers,
        "gain_psnr": round(rebuilt.gain_psnr, 3),
        "gain_ssim": round(rebuilt.gain_ssim, 4),
    }


def _shown(summary: ExposureSummary) -> dict[str, Any]:
    exposure = summary.exposure
    return {
        "examples": exposure.num_examples,
        "mode": exposure.mode,
        "shown": exposure.name,
        "attack": exposure.inversion,
        "recovered": f"{summary.num_recovered} of {summary.num_examples}",
        "PSNR": summary.psnr.show(1),
        "blind": f"{summary.blind_psnr.mean:.1f}",
        "random": f"{summary.random_psnr.mean:.1f}",
        "gain": summary.gain_psnr.show(1, is_signed=True),
        "SSIM": summary.ssim.show(2),
        "blind SSIM": f"{summary.blind_ssim.mean:.2f}",
        "random SSIM": f"{summary.random_ssim.mean:.2f}",
    }
