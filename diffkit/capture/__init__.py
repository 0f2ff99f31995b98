"""How a graph is made: from plain NumPy code, from text, and from SymPy expressions."""
