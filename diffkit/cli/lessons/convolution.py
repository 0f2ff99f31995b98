"""Convolution: windows by hand, what is shared and shifted, and what a pixel can change."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""Slide the filter (1, 0, −1) over the row 0 0 1 1 1 0, without padding and
    without flipping it. Which edges does it find, and with which sign? What changes if it is
    flipped?""",
    hint="Each output is left neighbour minus right neighbour.",
    solution="""The outputs are {a:g}, {b:g}, {c:g}, {d:g}: −1 where the row steps up, 1 where
    it steps down, 0 where it is flat. Flipped, as mathematics defines convolution, all signs
    change. A net learns its filters, so it does not mind.""",
    expected={"a": (-1, 0), "b": (-1, 0), "c": (0, 0), "d": (1, 0)},
)
def edges_of_a_row():
    row = np.array([0, 0, 1, 1, 1, 0])
    a, b, c, d = np.correlate(row, [1, 0, -1], mode="valid")
    return {"a": int(a), "b": int(b), "c": int(c), "d": int(d)}


@exercise(
    "by hand",
    question="""An image of 4 × 4 holds the numbers 0 to 15, row by row. A 3 × 3 filter slides
    over it, and every output has adjoint 1. What is the gradient of the filter's weight at the
    top left? Of the one in the middle?""",
    hint="Which four pixels does this weight meet?",
    solution="""The top left weight meets the pixels 0, 1, 4, 5: together {corner:g}. The
    middle one meets 5, 6, 9, 10: {middle:g}. Every weight is pulled by as many pixels as there
    are windows, which is why a filter learns from one image as if it were many small ones.""",
    expected={"corner": (10, 0), "middle": (30, 0)},
)
def pull_of_a_filter():
    image = np.arange(16.0).reshape(1, 4, 4, 1)

    def total(kernel):
        y = dk.nets.convolutional.conv2d(image, kernel, padding="valid")
        return np.sum(y)

    gradient = dk.grad(total)(np.ones((3, 3, 1, 1)))[:, :, 0, 0]
    return {"corner": float(gradient[0, 0]), "middle": float(gradient[1, 1])}


@exercise(
    "predict",
    question="""From a grey image of 8 × 8 to sixteen maps of 8 × 8: how many parameters has a
    convolution with 3 × 3 filters, and how many a dense layer with as many outputs?""",
    hint="A filter has nine weights and one bias, wherever it looks.",
    solution="""16·(9 + 1) = {filters:,.0f} against 64·1,024 + 1,024 = {dense:,.0f}:
    {ratio:.0f} times fewer. The filters are shared by all places, and a pixel reaches only its
    neighbourhood: both are claims about images that the dense layer would have to learn.""",
    expected={"filters": (160, 0), "dense": (66_560, 0), "ratio": (416, 0)},
)
def parameters_shared():
    filters, dense = 16 * (3 * 3 + 1), 64 * 1024 + 1024
    return {"filters": filters, "dense": dense, "ratio": dense / filters}


@exercise(
    "change it",
    question="""Three layers of 3 × 3 filters: how many pixels across can change one output?
    Change the dilations to 1, 2, 4: how many now? Ask the derivative instead of drawing it.""",
    hint="Each layer adds (3 − 1)·dilation; a pixel counts if its derivative is not zero.",
    solution="""1 + 2 + 2 + 2 = {plain:g} and 1 + 2 + 4 + 8 = {dilated:g}, for the same 27
    weights. Where the derivative is zero, no change of the pixel can matter: a receptive field
    is a statement about derivatives.""",
    expected={"plain": (7, 0), "dilated": (15, 0)},
)
def fields_of_view():
    kernel = np.ones((3, 3, 1, 1))

    def width(dilations):
        def middle(x):
            for dilation in dilations:
                x = dk.nets.convolutional.conv2d(x, kernel, dilation=dilation)
            return x[0, x.shape[1] // 2, x.shape[2] // 2, 0]

        seen = dk.grad(middle)(np.zeros((1, 25, 25, 1)))[0, :, :, 0] != 0
        return int(seen.any(axis=0).sum())

    return {"plain": width((1, 1, 1)), "dilated": width((1, 2, 4))}


@exercise(
    "find the flaw",
    question="""Somebody says: convolutions do not notice shifts, so neither does my net of
    convolution, max-pooling by 2 and dense layer. Take the row 0 3 0 0 1 0 0 0 and pool it by
    2, then shift it right by one and pool again. Which two words did the speaker mix up, and
    where does it go wrong?""",
    hint="Equivariant: the output moves along. Invariant: it stays the same.",
    solution="""Pooled it is 3 0 1 0; shifted and pooled {a:g} {b:g} {c:g} {d:g}: the 3 has
    moved and the 1 has stayed. That is no shift of the first. A convolution is *equivariant*:
    its maps move along. Pooling follows only even shifts, and a dense layer follows none;
    invariance must be trained, or averaged in at the end.""",
    expected={"a": (0, 0), "b": (3, 0), "c": (1, 0), "d": (0, 0)},
)
def pooled_shift():
    row = np.array([0, 3, 0, 0, 1, 0, 0, 0])
    a, b, c, d = np.roll(row, 1).reshape(4, 2).max(axis=1)
    return {"a": int(a), "b": int(b), "c": int(c), "d": int(d)}


@exercise(
    "explain",
    question="""A push of length 1 against the gradient fools a net on images of 64 pixels;
    random noise of the same length does not. How much of a random direction points along the
    gradient, on average? And on images of 224 × 224 × 3?""",
    hint="The squares of the n components of a unit vector add up to 1.",
    solution="""Each component has mean square 1/n, so about 1/√64 = {digits:.3f} of it, and
    for {pixels:,.0f} numbers {photo:.4f}. (The mean |cosine| that the picture measures, 0.1, is
    a little less than this root of a mean square.) The more dimensions, the less a random
    direction matters, and the more one that is chosen. The gradient is the choice.""",
    expected={"digits": (0.125, 0), "pixels": (150_528, 0), "photo": (0.002577, 1e-6)},
)
def share_of_noise():
    pixels = 224 * 224 * 3
    return {"digits": 64**-0.5, "pixels": pixels, "photo": pixels**-0.5}


LESSON = Lesson(
    before=(
        "A digit moves by one pixel. What should change in the net, and what should not?",
        "How would you look for upright edges with nine numbers?",
        "Which pixels did the net decide by, and how could you find out?",
    ),
    formulas=(
        Formula(
            r"y_{ij} = \sum_{a,b} k_{ab} x_{i+a,j+b}",
            "What deep learning calls convolution: the filter is not flipped.",
        ),
        Formula(
            r"\bar{k}_{ab} = \sum_{i,j} \bar{y}_{ij} x_{i+a,j+b}",
            "Backwards, the adjoint of the output slides over the image instead.",
        ),
    ),
    told="Slide an edge filter over an image, and its adjoint back:",
    code="""image = np.zeros((1, 6, 6, 1))
image[0, 1:5, 2:4, 0] = 1.0
kernel = np.tile(np.array([[-1.0, 0.0, 1.0]]), (3, 1)).reshape(3, 3, 1, 1)
y, pullback = dk.vjp(dk.nets.convolutional.conv2d, image, kernel)
print(y[0, :, :, 0])
print(pullback(np.ones_like(y))[1][:, :, 0, 0])""",
    commands=("diffkit train digits --model cnn --out run",),
    exercises=(
        *(edges_of_a_row, pull_of_a_filter, parameters_shared),
        *(fields_of_view, pooled_shift, share_of_noise),
    ),
)
