"""What a computation is: variables, equations and graphs, and the base classes of primitives."""
