"""Learning, watched: the training loop, the learning signal, and runs on disk.

* ``loop`` is ``dk.train``; ``batches`` says which examples take part in which update, ``stepping``
  makes value, gradient and probes of one batch, ``checking`` looks at data and at divergence;
* ``signal`` holds the norms at every layer and step, ``measuring`` what is looked at between
  epochs, ``signals`` (``dk.signal``) the same at one point, ``swapped`` other methods' gradients;
  ``run`` is what a training leaves behind;
* ``weights`` writes and reads parameters, without pickles;
* ``sweep`` is ``dk.sweep``, one task over settings and seeds, with ``sweep_grid`` and
  ``sweep_table``; ``trainability`` maps rates, with thousands of runs ``side_by_side``.

>>> from diffkit.training import load_weights
>>> load_weights.__module__
'diffkit.training.weights'
"""

from diffkit.training.run import Run
from diffkit.training.signal import Signal
from diffkit.training.weights import load_weights, save_weights

__all__ = ["Run", "Signal", "load_weights", "save_weights"]
