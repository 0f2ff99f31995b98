"""The training loss goes on falling; the test loss stops
=======================================================

Three nets learn the same 1,437 handwritten digits and are tested, after every epoch, on 360
others.  The thin lines are the loss on the digits they learn from, the thick lines that on the
others.  A softmax classifier has no hidden layer and soon has learned what it can.  A multilayer
perceptron and a convolutional net learn the training digits by heart, and their test loss stops
falling well before; the convolutional net, which looks for the same small pattern everywhere,
makes the fewest mistakes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="curves",
    chapter="Gradient descent and learning rates",
    title="The training loss goes on falling; the test loss stops",
    concepts=("training", "generalisation", "cross-entropy", "softmax classifier", "CNN"),
    question="Which of the two losses would you choose a model by?",
    try_this="diffkit train digits --model cnn --out run",
    source="digits: Alpaydin & Kaynak 1998; nets: LeCun et al. 1998",
    alt="Loss against epoch for three nets: the dashed training losses go on falling, the solid "
    "test losses level out, lowest for the convolutional net.",
)

EPOCHS = 20
BATCH = 32
CLASSES = 10
# Reached by the median of five seeds, and shown here for the first.
GOALS = {"softmax": 0.95, "MLP": 0.97, "CNN": 0.98}
RATES = {"softmax": 0.05, "MLP": 0.01, "CNN": 0.01}


def net_of(name: str) -> Any:
    """The three nets, the simplest first."""
    return {
        "softmax": dk.nets.softmax_classifier(64, CLASSES),
        "MLP": dk.nets.mlp([64, 128, CLASSES], activation="relu"),
        "CNN": dk.nets.cnn((8, 8, 1), channels=(16, 32), classes=CLASSES),
    }[name]


@cache
def trained(name: str) -> Any:
    """The run of one net, with its test loss after every epoch."""
    x, x_test, y, y_test = dk.datasets.digits().split()
    net = net_of(name)
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y), validation=(x_test, y_test),
        optimizer=dk.optim.adam(dk.schedules.one_cycle(RATES[name])), batch_size=BATCH,
        epochs=EPOCHS,
    )  # fmt: skip


def numbers() -> list[Claim]:
    """The first loss, the gap at the end, and the test accuracies."""
    first = trained("softmax").history["loss"][0]
    claims = [
        Claim("curves", "first loss of the softmax classifier: ln 10", float(np.log(CLASSES)),
              first, 1e-12, "all ten classes are equally likely"),
    ]  # fmt: skip
    for name, goal in GOALS.items():
        history = trained(name).history
        gap = history["validation_loss"][-1] / history["epoch_loss"][-1]
        claims += [
            Claim("curves", f"{name}: mistakes on the test", 1 - goal,
                  1 - history["validation_accuracy"][-1], 1e-9, "goal for five seeds",
                  at_most=True),
            Claim("curves", f"{name}: training over test loss at the end, below 1", 1.0, 1 / gap,
                  0.0, "what was seen is known better", at_most=True),
        ]  # fmt: skip
    return claims


def draw(dark: bool = False) -> Figure:
    """Training and test loss of the three nets over the epochs."""
    colours = {"softmax": muted(dark), "MLP": INK[dark], "CNN": ACCENT[dark]}
    epochs = np.arange(1, EPOCHS + 1)
    with use_style(dark):
        figure, axes = plt.subplots()
        axes.set(yscale="log", xlim=(0.5, EPOCHS), ylim=(8e-4, 4))
        labels = []
        for name, colour in colours.items():
            history = trained(name).history
            axes.plot(epochs, history["epoch_loss"], color=colour, linewidth=1.1,
                      linestyle=(0, (4, 1.5)))  # fmt: skip
            axes.plot(epochs, history["validation_loss"], color=colour, linewidth=2.6)
            right = history["validation_accuracy"][-1]
            labels += [
                (EPOCHS, history["validation_loss"][-1], f"{name}, test: {right:.1%} right",
                 colour),
                (EPOCHS, history["epoch_loss"][-1], f"{name}, training", colour),
            ]  # fmt: skip
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.set_yticks([1e-3, 1e-2, 1e-1, 1], ["0.001", "0.01", "0.1", "1"])
        axes.minorticks_off()
        axes.set_xlabel("epoch")
        axes.set_ylabel("cross-entropy")
        axes.set_title(PAGE.title)
        label_lines(axes, labels)
    return figure


if __name__ == "__main__":
    show(draw)
