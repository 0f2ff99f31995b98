"""Cost: counting operations, the order of a product, and what a backward sweep must remember."""

from __future__ import annotations

import numpy as np

import diffkit as dk
from diffkit.cli.lessons import Formula, Lesson, exercise

__all__ = ["LESSON"]


@exercise(
    "by hand",
    question="""A Jacobian is a product A·B·c of two 100 × 100 matrices and a column. Count the
    multiplications of (A·B)·c and of A·(B·c). Which of the two is forward mode, and what would
    decide otherwise?""",
    hint="n × n times n × n takes n³ multiplications, n × n times a column n².",
    solution="""(A·B)·c takes n³ + n² = {slow:,.0f}, A·(B·c) takes 2n² = {fast:,.0f}:
    {ratio:.1f} times fewer. Multiplying from the side of the inputs, here the single column,
    is forward mode. With a single *row* on the left (one output, a loss) it is the other side
    that is cheap: reverse mode. The two modes are two ways to set the brackets.""",
    expected={"slow": (1_010_000, 0), "fast": (20_000, 0), "ratio": (50.5, 0)},
)
def brackets():
    n = 100
    slow, fast = n**3 + n**2, 2 * n**2
    return {"slow": slow, "fast": fast, "ratio": slow / fast}


@exercise(
    "predict",
    question="""A dense layer computes tanh(X·W), with one matrix product. How many matrix
    products has the program for the loss and its derivatives by W *and* X? And if only W is
    wanted, as in the first layer of a net?""",
    hint="For y = X·W the adjoints are W̄ = Xᵀ·ȳ and X̄ = ȳ·Wᵀ.",
    solution="""One forwards and one for each adjoint: {both:g} in all, so a training step
    costs about three times a prediction. The first layer needs no adjoint of the data, which
    leaves {only:g}.""",
    expected={"both": (3, 0), "only": (2, 0)},
)
def matrix_products():
    def loss(w, x):
        return np.sum(np.tanh(x @ w) ** 2)

    w, x = np.ones((50, 40)), np.ones((32, 50))

    def products(argnums):
        program = dk.trace(dk.value_and_grad(loss, argnums=argnums), w, x)
        return program.operations()["matmul"]

    return {"both": products((0, 1)), "only": products(0)}


@exercise(
    "change it",
    question="""Newton's method needs the Hessian H times *one* vector v. A program with 1,000
    inputs computes all of H and multiplies. What does `dk.hvp` do instead, and how much
    less has it to keep?""",
    hint="H·v is the derivative of the gradient along v.",
    solution="""One forward sweep through the backward sweep gives H·v without ever forming H:
    here with {operations:g} operations on whole arrays, where the function itself has
    {function:g}. It keeps vectors of 1,000 numbers, and H would have {entries:,.0f}.""",
    expected={"operations": (10, 2), "function": (3, 0), "entries": (1e6, 0)},
)
def hessian_times_vector():
    def f(x):
        return np.sum(np.sin(x) * x)

    x = np.linspace(0.1, 1.0, 1000)
    product = dk.trace(lambda v: dk.hvp(f, x, v), x)
    return {
        "operations": product.operations()["total"],
        "function": dk.trace(f, x).operations()["total"],
        "entries": x.size**2,
    }


@exercise(
    "by hand",
    question="""Reverse mode through a chain of 10,000 steps has to remember 10,000
    intermediate values. You keep only every k-th and compute the others again, one stretch at
    a time, when the sweep comes by. Which k needs least memory, and what does it cost?""",
    hint="Kept: 10,000/k marks, and k values of the stretch that is being worked on.",
    solution="""10,000/k + k is least at k = √10,000 = {best:g}, with {kept:g} values instead
    of 10,000. Every stretch is computed once more, so the price is one more evaluation of the
    function: fifty times less memory for about a third more time.""",
    expected={"best": (100, 0), "kept": (200, 0)},
)
def checkpoints():
    k = np.arange(1, 10_001)
    kept = 10_000 / k + k
    return {"best": int(k[np.argmin(kept)]), "kept": float(kept.min())}


@exercise(
    "explain",
    question="""A robot arm maps 3 angles to the heights of 100 points; a net maps 100,000
    weights to one loss. In the picture of the Helmholtz energy the line of forward mode rises
    and that of reverse mode is flat. Which mode do you take for each, and how many sweeps are
    saved?""",
    hint="Forward mode makes a sweep for each input, reverse mode one for each output.",
    solution="""The arm: forward, 3 sweeps instead of 100, {arm:.0f} times fewer. The net:
    reverse, 1 sweep instead of 100,000. In the picture the number of *inputs* grows and the
    output stays one number: forward mode pays for each, reverse mode does not.""",
    expected={"arm": (33.3, 0.1)},
)
def which_mode():
    inputs, outputs = 3, 100
    return {"arm": outputs / inputs}


LESSON = Lesson(
    before=(
        "A function takes one second. How long does its gradient by a million inputs take?",
        "What does one have to pay for that?",
        "When is forward mode the better choice?",
    ),
    formulas=(
        Formula(
            r"\text{cost}(f, \nabla f) \le 5 \, \text{cost}(f)",
            "The cheap gradient principle, in operations, for any number of inputs.",
        ),
        Formula(
            r"J = J_L \cdot J_{L-1} \cdot … \cdot J_1",
            "Forward mode multiplies from the right, reverse mode from the left.",
        ),
    ),
    told="Count the operations of every method for a function of yours:",
    code="""def f(x):
    return np.sum(np.log(1 + x * x))

print(dk.compare(f, np.linspace(0.1, 1.0, 10)))
ax = dk.plots.cost(f, np.linspace(0.1, 1.0, 10))""",
    commands=(
        "diffkit compare --case speelpenning",
        "diffkit swell helmholtz --sizes 1,10,50 --methods reverse,forward,finite",
    ),
    exercises=(brackets, matrix_products, hessian_times_vector, checkpoints, which_mode),
)
