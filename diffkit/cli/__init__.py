"""The command line: ``diffkit compare``, ``diffkit derive`` and ``diffkit gallery``.

Each command lives in a module of its own that is imported when the command is run, so that
``diffkit --help`` answers at once.  What they share (reading points, writing JSON and
tab-separated text, errors in one line) is in ``cli/shared.py``.

Exit codes: 0 done, 1 a claim or a check did not hold, 2 the input was wrong.
"""
