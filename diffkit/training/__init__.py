"""Learning, watched: the training loop, the learning signal, and runs on disk."""
