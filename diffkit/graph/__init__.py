"""What a computation is: variables, literals, equations and graphs, and the primitives' base classes."""
