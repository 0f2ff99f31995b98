"""How a graph is run: interpreted over NumPy, mpmath or SymPy, or specialised with Numba."""
