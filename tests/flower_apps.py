"""Flower's own first apps, as its command line once wrote them, and pictures for them to load."""

from __future__ import annotations

import io
import string
import zipfile
from pathlib import Path

import datasets
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from fl_chain.pypi import fetch_wheel

FLOWER = "flwr==1.24.0"
SHA256 = "6331df132d5d9b488dd5276cfff92f61e7217eea566815b3f0b16bf132dc0909"
"""The last version but a few that has its apps in its wheel; they run with later ones."""
TEMPLATES = "flwr/cli/new/templates/app"


def write_app(directory: Path, framework: str) -> Path:
    """Write the app that ``flwr new`` made, and return its directory.

    Parameters
    ----------
    directory
        Where to put it.
    framework
        ``pytorch``, which answers messages; ``pytorch_legacy_api``, with a NumPyClient; ``numpy``.
    """
    words = {
        "package_name": "first-app",
        "project_name": "first-app",
        "import_name": "first_app",
        "username": "somebody",
        "framework_str": framework,
    }
    package = directory / "first_app"
    package.mkdir(parents=True)
    with zipfile.ZipFile(fetch_wheel(FLOWER, SHA256)) as wheel:

        def render(name: str, target: Path) -> None:
            text = wheel.read(f"{TEMPLATES}/{name}.tpl").decode()
            target.write_text(string.Template(text).substitute(words))

        render(f"pyproject.{framework}.toml", directory / "pyproject.toml")
        suffix = ".pytorch_legacy_api" if "legacy" in framework else ""
        render(f"code/__init__{suffix}.py", package / "__init__.py")
        for part, target in (("client", "client_app"), ("server", "server_app"), ("task", "task")):
            render(f"code/{part}.{framework}.py", package / f"{target}.py")
    return directory


def write_pictures(directory: Path, count: int) -> None:
    """Put digits of scikit-learn where the apps look for CIFAR-10, 32 by 32 in three colours."""
    digits = load_digits()
    pictures = []
    for image in digits.images[:count]:
        grey = Image.fromarray((image * 15.9).astype(np.uint8)).resize((32, 32))
        data = io.BytesIO()
        grey.convert("RGB").save(data, "PNG")
        pictures.append({"bytes": data.getvalue(), "path": None})
    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(num_classes=10)}
    )
    table = datasets.Dataset.from_dict(
        {"img": pictures, "label": digits.target[:count].tolist()}, features=features
    )
    place = directory / "uoft-cs" / "cifar10"
    place.mkdir(parents=True)
    table.to_parquet(place / "train.parquet")
