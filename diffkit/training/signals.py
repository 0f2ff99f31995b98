"""The learning signal at a point: what gradients say, how surely, and whether they arrive.

* how noisy: :func:`noise_scale`, :func:`per_example_gradients`, :func:`cosine`;
* how curved: :func:`sharpness`, :func:`landscape`, :func:`filter_normalised`;
* what units do: :func:`dead_units`, :func:`saturated_units`, :func:`effective_rank`,
  :func:`saliency`;
* what theory expects: :func:`mean_field`, :func:`critical_weights`, :func:`deep_linear_mode`.

The same is recorded while a net is trained, with ``dk.train(..., record=("loss", "noise"))``.
All of it is found in ``dk.signal``.

>>> import numpy as np, diffkit as dk
>>> round(dk.signal.effective_rank(np.diag([1.0, 1.0, 0.0])), 6)
2.0
"""

from diffkit.training.landscapes import filter_normalised, landscape, random_direction
from diffkit.training.noise import NoiseScale, cosine, noise_scale, per_example_gradients
from diffkit.training.sharpness import lanczos, sharpness
from diffkit.training.theory import MeanField, critical_weights, deep_linear_mode, mean_field
from diffkit.training.units import dead_units, effective_rank, saliency, saturated_units

__all__ = [
    "MeanField",
    "NoiseScale",
    "cosine",
    "critical_weights",
    "dead_units",
    "deep_linear_mode",
    "effective_rank",
    "filter_normalised",
    "lanczos",
    "landscape",
    "mean_field",
    "noise_scale",
    "per_example_gradients",
    "random_direction",
    "saliency",
    "saturated_units",
    "sharpness",
]
