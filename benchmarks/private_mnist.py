"""DP-SGD on all of MNIST: the accuracy that Opacus publishes, with three epsilons for each.

    pip install 'dp-accounting>=0.6' 'opacus>=1.6'
    .venv/bin/python -m benchmarks.private_mnist [--epochs 15] [--batch 256] [--seed 0]

The three settings of Opacus' MNIST example, with its network (Yousefpour et al. 2021,
https://arxiv.org/abs/2109.12298; examples/mnist_README.md of Opacus). Its means of 10 runs are
94.63 % at epsilon 1.19, 96.78 % at 3.01, 97.09 % at 7.10, at delta 1e-5 and by the accountant
`rdp-2017`. One model, no federation. Examples come into a batch by chance, each by itself;
gradients are clipped for each example without ever being held for each (ghost clipping, Li et al.
2022, https://arxiv.org/abs/2110.05679). Beside the last parameters their running mean is evaluated,
which costs no privacy, and which the example does not have (De et al. 2022,
https://arxiv.org/abs/2204.13650).

Noise is from PyTorch's generator, so that a run can be repeated: good for a benchmark, not for data
that is to be protected. One JSON object an epoch, each of about 18 seconds on one slow core.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import dataclass

import torch
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fl_chain.roles.accounting import SAMPLE_ACCOUNTANTS, account_for_sgd
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import evaluate

DELTA = 1e-5
MEAN, DEVIATION = 0.1307, 0.3081
"""Of the pixels of the examples to train on."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is trained, and what Opacus publishes for it."""

    epochs: int
    learning_rate: float
    noise_multiplier: float
    clip_norm: float
    published: float
    """Mean accuracy of 10 runs."""


SETTINGS = (
    Setting(15, 0.25, 1.3, 1.5, 0.9463),
    Setting(60, 0.15, 1.1, 1.0, 0.9678),
    Setting(45, 0.25, 0.7, 1.5, 0.9709),
)
KEPT = 0.998
"""Of the running mean in each step, which so looks back on about two epochs."""


class Standardize(nn.Module):
    """Pixels with mean 0 and variance 1, as images."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return ``[n, 1, 28, 28]``."""
        return ((features - MEAN) / DEVIATION).reshape(-1, 1, 28, 28)


def build_network(seed: int) -> nn.Module:
    """Return the network of the example, 26,010 parameters."""
    torch.manual_seed(seed)
    return nn.Sequential(
        Standardize(),
        nn.Conv2d(1, 16, 8, stride=2, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(512, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


def train(setting: Setting, train_set: Dataset, test_set: Dataset, batch: int, seed: int) -> None:
    """Train one model, and print how good it is after every epoch."""
    module = build_network(seed)
    features, labels = torch.tensor(train_set.features), torch.tensor(train_set.labels)
    chance = torch.Generator().manual_seed(seed)
    mean = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(KEPT))
    private = GradSampleModuleFastGradientClipping(
        module, max_grad_norm=setting.clip_norm, use_ghost_clipping=True
    )
    optimizer = DPOptimizerFastGradientClipping(
        torch.optim.SGD(private.parameters(), setting.learning_rate),
        noise_multiplier=setting.noise_multiplier,
        max_grad_norm=setting.clip_norm,
        expected_batch_size=batch,
        generator=torch.Generator().manual_seed(seed + 1),
    )
    criterion = DPLossFastGradientClipping(private, optimizer, nn.CrossEntropyLoss())
    num_steps, done = setting.epochs * len(labels) // batch, 0
    began = time.monotonic()
    for epoch in range(1, setting.epochs + 1):
        private.train()
        for _ in range(done, num_steps * epoch // setting.epochs):
            chosen = torch.rand(len(labels), generator=chance) < batch / len(labels)
            optimizer.zero_grad()
            criterion(private(features[chosen]), labels[chosen]).backward()
            optimizer.step()
            mean.update_parameters(module)
            done += 1
        result = {
            "epoch": epoch,
            "steps": done,
            "accuracy": evaluate(module, test_set).accuracy,
            "accuracy_of_mean": evaluate(mean, test_set).accuracy,
            "seconds": round(time.monotonic() - began),
        }
        print(json.dumps(result), flush=True)
    print(f"published: {setting.published:.4f}; of this run:")
    for accountant in SAMPLE_ACCOUNTANTS:
        guarantee = account_for_sgd(
            sample_rate=batch / len(labels),
            noise_multiplier=setting.noise_multiplier,
            num_steps=done,
            delta=DELTA,
            accountant=accountant,
        )
        found = f"{result['accuracy']:.4f}, of the mean {result['accuracy_of_mean']:.4f}"
        print(f"  {found}, with {guarantee}", flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    choices = [setting.epochs for setting in SETTINGS]
    parser.add_argument("--epochs", type=int, choices=choices, action="append")
    parser.add_argument("--batch", type=int, default=256, help="expected size")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Opacus hooks the inputs of the first layer, which need no gradient.
    warnings.filterwarnings("ignore", ".*Full backward hook is firing.*")
    split = load_dataset("mnist-full")
    for setting in SETTINGS:
        if setting.epochs in (arguments.epochs or choices):
            train(setting, split.train, split.test, arguments.batch, arguments.seed)


if __name__ == "__main__":
    main()
