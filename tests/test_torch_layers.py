"""Every layer against PyTorch 2: values and gradients of parameters and inputs, in float64.

Images are (batch, height, width, channels) here and (batch, channels, height, width) there, and
weights are stored the other way round.  Without PyTorch, ``test_layer_formulas.py`` compares with
the formulas written out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_cases import KEY, WORDS, flat, randomised

import diffkit as dk
from diffkit import nets

torch = pytest.importorskip("torch", minversion="2.0")
nn = pytest.importorskip("torch.nn")
F = pytest.importorskip("torch.nn.functional")

SAME = 1e-10
ROWS = 4
Tensors = dict[str, Any]


def first(x: Any) -> Any:
    """Channels first."""
    return x.permute(0, 3, 1, 2)


def last(x: Any) -> Any:
    """Channels last."""
    return x.permute(0, 2, 3, 1)


def filters(w: Any) -> Any:
    """(height, width, in, out) as (out, in, height, width)."""
    return w.permute(3, 2, 0, 1)


def convolved(p: Tensors, x: Any, **options: Any) -> Any:
    return last(F.conv2d(first(x), filters(p["w"]), p["b"], **options))


def drawn(p: Tensors, x: Any, **options: Any) -> Any:
    weights = p["w"].permute(2, 3, 0, 1)  # (in, out, height, width)
    return last(F.conv_transpose2d(first(x), weights, p["b"], **options))


def pooled(function: Any, **options: Any) -> Callable[[Tensors, Any], Any]:
    return lambda p, x: last(function(first(x), **options))


def looped(kind: Any, blocks: int, every: bool) -> Callable[[Tensors, Any], Any]:
    """A recurrent module whose weights are the tensors themselves, so that gradients flow."""

    def run(p: Tensors, x: Any) -> Any:
        units = p["w_hidden"].shape[0]
        module = kind(x.shape[2], units, batch_first=True).double()
        zeros = torch.zeros(blocks * units, dtype=torch.float64)
        if "b_hidden" in p:
            zeros = torch.cat([zeros[: 2 * units], p["b_hidden"]])
        weights = {"weight_ih_l0": p["w"].T, "weight_hh_l0": p["w_hidden"].T,
                   "bias_ih_l0": p["b"], "bias_hh_l0": zeros}  # fmt: skip
        out, _ = torch.func.functional_call(module, weights, (x,))
        return out if every else out[:, -1]

    return run


def headed(p: Tensors, x: Any, causal: bool) -> Any:
    query, key, value = (x @ p[f"w_{name}"] for name in ("query", "key", "value"))
    return F.scaled_dot_product_attention(query, key, value, is_causal=causal)


def block(p: Tensors, x: Any) -> Any:
    h = torch.relu(first(convolved(_inner(p, "conv1"), x, padding="same")))
    norm = _inner(p, "norm1")
    h = F.batch_norm(h, *_statistics(norm), norm["scale"], norm["shift"])
    h = convolved(_inner(p, "conv2"), last(h), padding="same")
    return torch.tanh(h + convolved(_inner(p, "shortcut"), x))


def _inner(p: Tensors, name: str) -> Tensors:
    return {key.partition(".")[2]: value for key, value in p.items() if key.startswith(name)}


def _statistics(p: Tensors) -> tuple[Any, Any]:
    """Stored mean and variance, which PyTorch does not differentiate by."""
    return p["mean"].detach(), p["variance"].detach()


def normed(p: Tensors, x: Any, **options: Any) -> Any:
    """Batch normalisation of the last axis."""
    rows = x.reshape(-1, x.shape[-1])
    kept = (None, None) if options.get("training") else _statistics(p)
    return F.batch_norm(rows, *kept, p["scale"], p["shift"], **options).reshape(x.shape)


TORCH_ACTIVATIONS: dict[str, Any] = {
    "identity": lambda x: x * 1.0,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softmax": lambda x: F.softmax(x, dim=-1),
}

# name → layer, the shape of one input, the same in PyTorch, and whether it is in training mode
CASES: dict[str, tuple[Any, tuple[int, ...], Any, bool]] = {
    "dense": (nets.dense(3), (4,), lambda p, x: F.linear(x, p["w"].T, p["b"]), False),
    "conv": (nets.conv2d(4, (3, 2), stride=(2, 1), padding=1), (6, 7, 3),
             lambda p, x: convolved(p, x, stride=(2, 1), padding=1), False),
    "conv dilated": (nets.conv2d(4, 3, dilation=(2, 3), padding=((2, 2), (3, 3))), (7, 8, 3),
                     lambda p, x: convolved(p, x, dilation=(2, 3), padding=(2, 3)), False),
    "conv dilated, strided": (nets.conv2d(4, 3, stride=(2, 3), dilation=2, padding=1), (9, 8, 3),
                              lambda p, x: convolved(p, x, stride=(2, 3), dilation=2, padding=1),
                              False),
    "conv grouped": (nets.conv2d(6, 3, groups=2, padding=1, stride=2), (6, 7, 4),
                     lambda p, x: convolved(p, x, groups=2, padding=1, stride=2), False),
    "conv depthwise": (nets.conv2d(8, 3, groups=4, dilation=2, padding=2), (6, 7, 4),
                       lambda p, x: convolved(p, x, groups=4, dilation=2, padding=2), False),
    "up": (nets.conv_transpose2d(3), (3, 4, 2), lambda p, x: drawn(p, x, stride=2), False),
    "up with padding": (nets.conv_transpose2d(3, 3, (2, 3), 1, (1, 2)), (4, 5, 2),
                        lambda p, x: drawn(p, x, stride=(2, 3), padding=1, output_padding=(1, 2)),
                        False),
    "max pool": (nets.max_pool(3, stride=2, padding=1), (6, 7, 2),
                 pooled(F.max_pool2d, kernel_size=3, stride=2, padding=1), False),
    "mean pool": (nets.avg_pool(3, stride=2, padding=1), (6, 7, 2),
                  pooled(F.avg_pool2d, kernel_size=3, stride=2, padding=1,
                         count_include_pad=False), False),
    "global mean pool": (nets.global_avg_pool(), (4, 5, 2),
                         lambda p, x: F.adaptive_avg_pool2d(first(x), 1)[..., 0, 0], False),
    "global max pool": (nets.global_max_pool(), (4, 5, 2),
                        lambda p, x: F.adaptive_max_pool2d(first(x), 1)[..., 0, 0], False),
    "batch norm, trained": (nets.batch_norm(), (5,),
                            lambda p, x: normed(p, x, training=True), True),
    "batch norm, evaluated": (nets.batch_norm(), (5,), normed, False),
    "batch norm of images": (nets.batch_norm(), (3, 4, 2), lambda p, x: normed(p, x, training=True),
                             True),
    "layer norm": (nets.layer_norm(), (3, 5),
                   lambda p, x: F.layer_norm(x, (5,), p["scale"], p["shift"]), False),
    "group norm": (nets.group_norm(2), (3, 4, 6),
                   lambda p, x: last(F.group_norm(first(x), 2, p["scale"], p["shift"])), False),
    "embedding": (nets.embedding(WORDS, 3), (4,), lambda p, x: F.embedding(x, p["w"]), False),
    "rnn": (nets.recurrent(3), (6, 2), looped(nn.RNN, 1, False), False),
    "gru": (nets.gru(3, sequences=True), (6, 2), looped(nn.GRU, 3, True), False),
    "lstm": (nets.lstm(3), (6, 2), looped(nn.LSTM, 4, False), False),
    "lstm at every step": (nets.lstm(3, sequences=True), (6, 2), looped(nn.LSTM, 4, True), False),
    "attention": (nets.attention(3), (5, 4), lambda p, x: headed(p, x, False), False),
    "attention causal": (nets.attention(3, causal=True), (5, 4),
                         lambda p, x: headed(p, x, True), False),
    "residual": (nets.residual([nets.conv2d(3, activation="relu"), nets.batch_norm(),
                                nets.conv2d(3)], nets.conv2d(3, 1), "tanh"), (4, 5, 2), block,
                 False),
    **{f"activation {name}": (nets.activation(name), (6,), lambda p, x, f=function: f(x), False)
       for name, function in TORCH_ACTIVATIONS.items()},
}  # fmt: skip


def test_every_activation_is_compared() -> None:
    assert set(TORCH_ACTIVATIONS) == set(nets.ACTIVATIONS)


@pytest.mark.parametrize("name", CASES)
def test_layer_is_pytorchs(name: str) -> None:
    layer, shape, theirs, training = CASES[name]
    net, rng = nets.sequential([layer], shape), np.random.default_rng(2)
    params, words = randomised(net), name == "embedding"
    x = rng.integers(0, WORDS, (ROWS, *shape)) if words else rng.normal(size=(ROWS, *shape))
    weights = rng.normal(size=(ROWS, *net.shapes[-1]))
    tensors = {key: torch.tensor(value, requires_grad=True)
               for key, value in params.get(net.names[0], {}).items()}  # fmt: skip
    x_torch = torch.tensor(x, requires_grad=not words)
    y_torch = theirs(tensors, x_torch)
    (y_torch * torch.tensor(weights)).sum().backward()

    key = KEY if training else None
    np.testing.assert_allclose(net(params, x, rng=key), y_torch.detach().numpy(), rtol=SAME)
    wrt = [*([0] if tensors else []), *([] if words else [1])]
    slopes = dk.grad(lambda p, x: np.sum(net(p, x, rng=key) * weights), argnums=wrt)(params, x)
    for part, tensor in tensors.items():
        found = slopes[0][net.names[0]][part]
        if tensor.grad is not None:
            expected = tensor.grad.numpy()
            np.testing.assert_allclose(found, expected, rtol=SAME, atol=SAME, err_msg=part)
        else:  # stored statistics, which take no part in training
            assert part.endswith(("mean", "variance"))
            assert not training or np.all(found == 0)
    if not words:
        np.testing.assert_allclose(slopes[-1], x_torch.grad.numpy(), rtol=SAME, atol=SAME)


def test_dropout_of_a_given_mask_is_pytorchs_scaling() -> None:
    """Both scale what is kept by 1/(1 − p), and pass the cotangent through the same mask."""
    net, x = nets.sequential([dk.nets.dropout(0.3)], 50), np.ones((20, 50))
    ours = net({}, x, rng=KEY)
    theirs = F.dropout(torch.ones(20, 50, dtype=torch.float64), 0.3, training=True).numpy()
    assert set(np.unique(ours)) == set(np.unique(theirs))
    slope = dk.grad(lambda x: np.sum(net({}, x, rng=KEY)))(x)
    assert np.array_equal(slope, ours)


TORCH_INITIALIZERS: dict[str, Any] = {
    "xavier": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "he_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "lecun": lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
    "lecun_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="linear"),
    "orthogonal": nn.init.orthogonal_,
}


@pytest.mark.parametrize("name", TORCH_INITIALIZERS)
def test_first_weights_have_pytorchs_spread(name: str) -> None:
    """The generators differ, the distributions do not: deviation and, where uniform, bound."""
    torch.manual_seed(0)
    shape = (3, 3, 40, 60)
    ours = nets.INITIALIZERS[name](np.random.default_rng(0), shape)
    theirs = torch.empty(60, 40, 3, 3, dtype=torch.float64)
    TORCH_INITIALIZERS[name](theirs)
    assert np.isclose(ours.std(), theirs.std().item(), rtol=0.02)
    if name in ("xavier", "he_uniform", "lecun_uniform"):
        assert np.isclose(np.abs(ours).max(), theirs.abs().max().item(), rtol=1e-3)


def test_statistics_of_pytorch_are_ours_but_for_its_n_minus_one() -> None:
    """PyTorch keeps the variance with n − 1 and a moving average; ours are those of the data."""
    x = np.random.default_rng(0).normal(size=(30, 4)) + 2
    module = nn.BatchNorm1d(4, momentum=1.0).double()  # momentum 1: the last batch alone
    module(torch.tensor(x))
    found = nets.batch_norm().calibrated({"mean": np.zeros(4), "variance": np.ones(4)}, x)
    np.testing.assert_allclose(found["mean"], module.running_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(found["variance"] * 30 / 29, module.running_var.numpy(), rtol=1e-12)
    assert flat(found).shape == (8,)
