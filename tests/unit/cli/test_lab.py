"""The laboratory's command: tables for people, a line for each experiment for machines."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from fl_chain.cli import lab, lab_options, lab_privacy
from fl_chain.cli.main import run
from fl_chain.lab import attacks, inversion, modes
from fl_chain.protocol import rules

QUICK = ["lab", "attack", "--participants", "6", "--malicious", "1", "--rounds", "1"]
QUICK += ["--epochs", "1", "--rule", "mean", "--rule", "median", "--attack", "sign_flip"]


def test_the_help_names_every_rule_and_attack() -> None:
    assert {*lab.RULES, *lab.OTHER_RULES} == set(rules.RULES)
    assert {"none", *lab.ATTACKS} == set(attacks.ATTACKS)


def test_machines_get_a_line_for_each_experiment_and_people_a_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    assert run([*QUICK, "--split", "iid", "--json", "--html", str(report)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = {(line["rule"], line["attack"], line["split"], line["seed"]) for line in lines}
    assert seen == {(r, a, "iid", 0) for r in ("mean", "median") for a in ("none", "sign_flip")}
    assert all(line["rounds_done"] == 1 and 0 <= line["accuracy"] <= 1 for line in lines)
    assert "Attacks on digits_mlp with digits" in report.read_text(encoding="utf-8")


def test_people_get_a_table_for_each_split_and_the_rule_to_choose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*QUICK, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    for split in ("iid", "dirichlet:0.5"):
        assert f"{split}: test accuracy" in out
        assert f"{split}: m" in out.split("is best in its worst case")[0] + out
    assert out.count("is best in its worst case") == 2


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (["--malicious", "3"], 10, "no rule withstands half"),
        (["--rule", "mode"], 10, "there is no rule 'mode'"),
        (["--rule", "bulyan", "--malicious", "2"], 10, "of 11 participants or more"),
        (["--attack", "flood"], 10, "there is no attack 'flood'"),
        (["--split", "dirichlet:much"], 10, "no number behind the colon"),
        (["--split", "weather"], 14, "weather"),
        (["--data", "letters"], 14, "letters"),
        (["--model", "mcmahan_2nn"], 14, "takes 784 features"),
        (["--participants", "4000"], 14, "cannot fill 4000 partitions"),
        (["--html", "/no/such/folder/a.html"], 10, "there is no folder /no/such/folder"),
        (["--html", "/dev/null"], 10, "it is there, and no file"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], wrong: list[str], code: int, said: str
) -> None:
    assert run([*QUICK, *wrong]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


PRIVACY = ["lab", "privacy", "--data", "digits", "--examples", "1", "--participants", "2"]


def test_machines_get_a_line_for_each_rebuilding_and_people_pictures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "privacy.html"
    assert run([*PRIVACY, "--json", "--html", str(path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = {(line["mode"], line["shown"], line["inversion"]) for line in lines}
    shown = [("open", "update"), ("sealed", "ciphertext"), ("masked", "lanes"), ("masked", "sum")]
    shown += [("noised", "noised"), ("noised", "noised_sum"), ("every mode", "mean")]
    assert seen == {(*place, i) for place in shown for i in lab_privacy.INVERSIONS}
    update = next(line for line in lines if line["shown"] == "update")
    assert update["recovered"] == 1
    assert update["psnr"] > update["blind_psnr"] > update["random_psnr"]
    assert update["gain_psnr"] > 10
    for line in lines:
        if line["shown"] in ("ciphertext", "lanes", "noised"):
            assert (line["recovered"], line["gain_psnr"] < 0) == (0, True)
    page = path.read_text(encoding="utf-8")
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    # What they trained on, a blind guess, and what each attack makes of random numbers.
    assert len(pictures) == len(seen) + 2 + len(lab_privacy.INVERSIONS)
    for name in ("a sealed update", "a masked update", "the sum of a group of 8", "random numbers"):
        assert f"{name}, first layer" in page
    for picture in pictures:
        assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")
    assert "What a round shows of digits with digits_mlp" in page


def test_people_get_a_row_for_each_rebuilding(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PRIVACY, "--attack", "first_layer", "--modes", "open, masked"]) == 0
    out = capsys.readouterr().out
    assert "an update" in out
    assert "mean of 2" in out
    assert "1 of 1" in out
    assert "the sum of a group of 8" in out
    assert "sealed" not in out


def test_people_get_one_row_for_all_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--attack", "first_layer", "--modes", "sealed", "--seeds", "2"]
    assert run([*PRIVACY, *chosen]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2  # and the mean, which every mode shows
    assert all("±" in row for row in rows)
    assert "0 of 2" in rows[0]


def test_the_help_names_every_inversion_and_mode() -> None:
    assert set(lab_privacy.INVERSIONS) == set(inversion.INVERSIONS)
    assert lab_options.MODES == modes.MODES


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (["--data", "letters"], 14, "letters"),
        (["--data", "heart"], 10, "no square images of grey values"),
        (["--model", "mcmahan_2nn"], 14, "takes 784 features"),
        (["--examples", "2000"], 10, "digits has 1437"),
        (["--learning-rate", "nan"], 14, "learning rate"),
        (["--attack", "telepathy"], 10, "telepathy"),
        (["--lane-bits", "7"], 10, "'7'"),
        (["--modes", "open,hidden"], 10, "there is no mode 'hidden'"),
        (["--modes", ""], 10, "there is no mode ''"),
        (["--group-size", "2"], 10, "3<=x<=64"),
        (["--noise-multiplier", "0"], 10, "x>0"),
        (["--max-grad-norm", "nan"], 10, "--max-grad-norm"),
        (["--html", "/no/such/folder/a.html"], 10, "there is no folder /no/such/folder"),
    ],
)
def test_what_cannot_be_attacked_is_said(
    capsys: pytest.CaptureFixture[str], wrong: list[str], code: int, said: str
) -> None:
    assert run([*PRIVACY, *wrong]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


MEMBERSHIP = ["lab", "membership", "--data", "digits", "--participants", "6", "--rounds", "1"]
MEMBERSHIP += ["--epochs", "1", "--batch-size", "64", "--models", "6", "--group-size", "3"]
MEMBERSHIP += ["--jobs", "2"]


def test_machines_get_a_line_for_each_attack_on_what_is_read_and_people_a_curve(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "membership.html"
    assert run([*MEMBERSHIP, "--json", "--html", str(path)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["attack"] for line in lines] == ["likelihood_ratio", "loss_threshold"] * 7
    assert {line["shown"]: line["modes"] for line in lines} == {
        "update": ["open"],
        "sum": ["masked"],
        "model": ["open", "sealed", "masked"],
        "noised": ["noised"],
        "noised_model": ["noised"],
        "noised_sum": ["noised"],
        "noised_sum_model": ["noised"],
    }
    for line in lines:
        assert 0 <= line["recognized_at_0.01"] <= 1
        assert line["recognized_at_0.001"] is None  # there are too few others
        assert line["others"] == 3 * 1437
        assert 0 <= line["area"] <= 1
        assert line["models"] == 6
    page = path.read_text(encoding="utf-8")
    assert "Who was trained on: digits with digits_mlp" in page
    assert "groups of 3 or more" in page
    assert "multiplier 1.0. In training: gradients clipped to 1.0. On updates: clipped" in page
    assert page.count("<svg") == 1
    for name in (
        "an update",
        "the sum of a group of 3",
        "the model",
        "an update trained with noise",
        "the sum of a group of 3 with noise on updates",
    ):
        assert f">{name}</text>" in page
    assert " style=" not in page


def test_people_get_a_row_for_each_attack_on_what_a_mode_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*MEMBERSHIP, "--modes", "sealed, open,open"]) == 0
    heading, _, _, *rows = capsys.readouterr().out.splitlines()
    assert "6 models with an average accuracy of" in heading
    assert "noise" not in heading
    assert "at 0.1% false alarms" in rows[0]
    assert [row.split("  ")[0] for row in rows[1:]] == ["open"] * 2 + ["sealed, open"] * 2
    assert all("too few others" in row for row in rows[1:])


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        (["--models", "7"], 10, "7 models cannot be half with an example"),
        (["--models", "2"], 10, "2 is not in the range"),
        (["--modes", "open,hidden"], 10, "there is no mode 'hidden'"),
        (["--modes", ""], 10, "there is no mode ''"),
        (["--participants", "2"], 10, "2 participants make no group of 3"),
        (["--participants", "700"], 10, "some of 700 participants have no example"),
        (["--noise-multiplier", "0"], 10, "not in the range"),
        (["--max-grad-norm", "inf"], 10, "none to train with"),
        (["--data", "letters"], 14, "letters"),
        (["--participants", "4000"], 14, "cannot fill 4000 partitions"),
        (["--learning-rate", "nan"], 14, "learning rate"),
        (["--html", "/no/such/folder/a.html"], 10, "there is no folder /no/such/folder"),
    ],
)
def test_what_membership_cannot_be_tried_on_is_said(
    capsys: pytest.CaptureFixture[str], wrong: list[str], code: int, said: str
) -> None:
    assert run([*MEMBERSHIP, *wrong]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
