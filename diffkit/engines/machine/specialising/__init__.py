"""Code for one graph: the machine's program with its loops compiled through LLVM.

    rows of the machine → loops over lanes → phases → LLVM code → one row again

The machine interprets: an instruction per block of lanes, a vector in the first cache per value.
That is quick to begin with and costs nothing per graph; what is left on the table is the traffic
between vectors and, for single numbers, the dispatch.  Here both go: values of a loop stay in
registers, loops that follow each other become one, and slices of long arrays run a little behind
each other in blocks.  The order of modules is that of the arrows: ``decoding``, ``phases``,
``planning``, ``writing`` (with ``code``, ``operations`` and ``recurrences``), ``compiling``;
``programs`` puts them together and ``switching`` says when.

Reading on: Kennedy & McKinley 1993, *Maximizing loop parallelism and improving data locality via
loop fusion and distribution*.
"""
