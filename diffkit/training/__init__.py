"""Learning, watched: the training loop, the learning signal, and runs on disk.

* ``loop`` is ``dk.train``; ``batches`` says which examples take part in which update, ``stepping``
  makes value, gradient and probes of one batch, ``checking`` looks at data and at divergence;
* ``signal`` holds the norms at every layer and step; ``run`` is what a training leaves behind;
* ``weights`` writes and reads parameters, without pickles.

>>> from diffkit.training import load_weights
>>> load_weights.__module__
'diffkit.training.weights'
"""

from diffkit.training.run import Run
from diffkit.training.signal import Signal
from diffkit.training.weights import load_weights, save_weights

__all__ = ["Run", "Signal", "load_weights", "save_weights"]
