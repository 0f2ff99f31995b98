"""How a graph is differentiated: symbolically, numerically, forward and in reverse."""
