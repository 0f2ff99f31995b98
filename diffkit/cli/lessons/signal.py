"""The learning signal: factors per layer, first weights, dead units and hidden spaces."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""The slope of a sigmoid is at most ¼. Ten sigmoid layers stand in a row, and the
    weights keep lengths as they are. How much of the learning signal can reach the first layer
    at best? And with tanh, whose slope is at most 1 and is 0.8 on average?""",
    hint="On the way back every layer multiplies.",
    solution="""At best 4⁻¹⁰ = {sigmoid:.1e} of it: a millionth. With 0.8 per layer it is 0.8¹⁰
    = {tanh:.3f}, a tenth. Nothing is wrong with the first layers; they hear the loss through
    ten walls.""",
    expected={"sigmoid": (9.5367e-7, 1e-11), "tanh": (0.10737, 1e-5)},
)
def ten_layers():
    slope = dk.derivative(lambda x: 1 / (1 + np.exp(-x)))(0.0)
    return {"sigmoid": float(slope) ** 10, "tanh": 0.8**10}


@exercise(
    "predict",
    question="""A recurrent net multiplies the signal by 0.99 at every step back in time. Does
    it remember what happened 50 steps ago? After how many steps is one half left, and after
    how many a hundredth?""",
    hint="Solve 0.99ⁿ = ½.",
    solution="""After 50 steps {fifty:.1%} is left, which is plenty. One half is left after
    {half:.0f} steps and a hundredth after {hundredth:.0f}. For 0.9 the numbers are 6.6 and 44:
    memory is about 1/(1 − ρ) steps long.""",
    expected={"fifty": (0.60501, 1e-5), "half": (68.97, 0.01), "hundredth": (458.2, 0.1)},
)
def memory():
    return {
        "fifty": 0.99**50,
        "half": float(np.log(1 / 2) / np.log(0.99)),
        "hundredth": float(np.log(1 / 100) / np.log(0.99)),
    }


@exercise(
    "find the flaw",
    question="""To be fair to all units, somebody begins a net 2-8-1 with all weights equal to
    0.5. It trains, but with eight hidden units it does no better than with one. Why?""",
    hint="Compare the gradients of two hidden units at the first step, and at the second.",
    solution="""All eight units compute the same, so they get the same gradient: its eight
    columns are all alike ({columns:g} distinct). Equal units with equal gradients stay equal.
    First weights are random to break this tie; biases may be zero.""",
    expected={"columns": (1, 0)},
)
def all_alike():
    net = dk.nets.mlp([2, 8, 1], "tanh")
    params = net.init(0)
    alike = {name: {"w": 0 * p["w"] + 0.5, "b": 0 * p["b"]} for name, p in params.items()}
    x = np.array([[0.2, -0.4], [0.9, 0.3]])
    gradient = dk.grad(lambda p: np.sum(net(p, x) ** 2))(alike)
    return {"columns": np.unique(gradient["dense1"]["w"].round(12), axis=1).shape[1]}


@exercise(
    "change it",
    question="""Thirty layers of 512 rectifiers. With weights of variance 1/n the signal
    that reaches the first layer is 4·10⁻⁵ of the last layer's. Which variance keeps it, and how
    large are the weights then?""",
    hint="A rectifier lets half of the units through, so each layer keeps half of the square.",
    solution="""Half of the mean square is lost at every layer, a factor 1/√2, and 29 layers
    make 2^(−29/2) = {lost:.1e}. Twice the variance, 2/n, makes up for it (He's rule): a
    standard deviation of √(2/512) = {deviation:.4f}. A factor of 1.4 in the first weights
    decides about four powers of ten.""",
    expected={"lost": (4.3e-5, 1e-6), "deviation": (0.0625, 0.0)},
)
def he_rule():
    return {"lost": 2 ** (-29 / 2), "deviation": float(np.sqrt(2 / 512))}


@exercise(
    "explain",
    question="""A rectifier's input is negative for every example. What is the gradient of its
    weights, and why can no optimizer bring it back? What would a leaky rectifier with slope
    0.01 change?""",
    hint="Write the chain rule through relu′ of a negative number.",
    solution="""The gradient is relu′ of a negative number times the input, exactly {dead:g}: no
    optimizer has anything to go by. With the leak it is {leaky:.3f}: a hundredth of what it
    would be, but not zero, and so there is a way back.""",
    expected={"dead": (0, 0), "leaky": (0.015, 1e-12)},
)
def dead_unit():
    x = np.array([1.0, 2.0])

    def dead(w):
        return np.mean(np.maximum(w * x, 0))

    def leaky(w):
        return np.mean(np.where(w * x > 0, w * x, 0.01 * w * x))

    return {"dead": float(dk.grad(dead)(-3.0)), "leaky": float(dk.grad(leaky)(-3.0))}


@exercise(
    "by hand",
    question="""Show that no line parts the corners of XOR: (0,0) and (1,1) on one side, (0,1)
    and (1,0) on the other. How many can a line get right? Then add one hidden number, h =
    x₁x₂, by hand, and give a plane that parts all four.""",
    hint="Add up the two conditions for each class: what do you learn about w₁ + w₂ + 2b?",
    solution="""Class A needs b < 0 and w₁ + w₂ + b < 0, so w₁ + w₂ + 2b < 0; class B needs w₁
    + b > 0 and w₂ + b > 0, so w₁ + w₂ + 2b > 0: a contradiction. A line gets {line:g} right.
    With h the plane x₁ + x₂ − 2h = ½ parts all {plane:g}: a hidden layer learns such an h.""",
    expected={"line": (3, 0), "plane": (4, 0)},
)
def corners_of_xor():
    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]])
    wanted = np.array([False, False, True, True])
    grid = np.linspace(-2, 2, 17)
    w1, w2, b = np.meshgrid(grid, grid, grid)
    sides = w1[..., None] * x[:, 0] + w2[..., None] * x[:, 1] + b[..., None] > 0
    plane = x[:, 0] + x[:, 1] - 2 * x[:, 0] * x[:, 1] > 0.5
    return {
        "line": int((sides == wanted).sum(axis=-1).max()),
        "plane": int((plane == wanted).sum()),
    }


LESSON = Lesson(
    before=(
        "A net of thirty layers does not learn. Which layer would you look at first?",
        "Why are first weights random, and how large should they be?",
        "What does a gradient of exactly zero tell you, and what not?",
    ),
    formulas=(
        Formula(
            r"\bar{a}_{l-1} = W_l (\bar{a}_l \odot \varphi'(z_l))",
            "The signal goes back through every layer: slope, then weights.",
        ),
        Formula(
            r"\chi = \sigma_w^2 E [\varphi'(z)^2]",
            "Its mean square is multiplied by χ per layer; only χ = 1 goes deep.",
        ),
    ),
    told="Train a small net and look at the signal of every layer:",
    code="""points = dk.datasets.two_moons(100, seed=0)
net = dk.nets.mlp([2, 8, 8, 2], "tanh")
run = dk.train(net.with_loss(dk.losses.cross_entropy), net.init(0), (points.x, points.y),
               optimizer=dk.optim.adam(0.02), epochs=10, record=("loss", "signal"))
ax = dk.plots.signal(run)""",
    commands=(
        "diffkit train two-moons --model mlp --hidden 16,16 --out moons",
        "diffkit signal moons",
    ),
    exercises=(ten_layers, memory, all_alike, he_rule, dead_unit, corners_of_xor),
)
