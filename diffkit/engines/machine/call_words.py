"""The words of a native call: what compiled code must know to serve a call from Python.

A call is described by one array of 64-bit words (``machine/native.py`` writes it,
``kernels/calling.py`` reads it):

    head · inputs · watched globals, cells and functions · outputs · tree of the results · stack

Records of inputs and outputs begin with their length.  Functions of Python and NumPy are called
by their addresses, which stand in a table of the process.  This module has no dependency, so that
kernels and loader agree on it.
"""

from __future__ import annotations

# The head of a call.
#   BUSY            1 while a call runs: another thread, or a finaliser, then goes the general way
#   STATE, TABLE    addresses of a state's words and of its table (machine/state.py)
#   UNLOCKED        1 where the interpreter lock is released while the program runs
#   LEAST           the least position (words.FOUND_NAN, or 0) at which results are handed out
#   FALLBACK        a function for every other call; 0: such a call returns None
#   UNCHANGED       a function that says whether what it watches is unchanged; 0: there is none
#   ARGUMENTS       how many the function takes; INPUTS: how many records describe them
#   …_AT            the word at which a part begins
#   RESULTS         the address of the results where all of them are copied out
#   POOL            a list of arrays whose memory holds results; 0 where all results are copied
#   VICTIM          the place in the pool that is given up next
(INTERFACE, BUSY, STATE, TABLE, UNLOCKED, LEAST, FALLBACK, UNCHANGED, ARGUMENTS, INPUTS,
 INPUTS_AT, GLOBALS, CELLS, FUNCTIONS, WATCHED_AT, OUTPUTS_AT, TREE, TREE_AT, STACK_AT,
 RESULTS, POOL, POOL_BYTES, VICTIM, HEAD_WORDS) = range(24)  # fmt: skip

# The table of functions and objects; those that say ARRAY, SCALAR, ZEROS, BASE are NumPy's.
INTERFACE_NAMES = (
    "RUN", "TAKE", "DROP", "NEW_TUPLE", "SET_TUPLE", "GET_TUPLE", "SIZE_OF_TUPLE", "NEW_LIST",
    "SET_LIST", "GET_LIST", "SIZE_OF_LIST", "NEW_DICT", "SET_DICT", "GET_DICT", "SIZE_OF_DICT",
    "CODE_OF", "DEFAULTS_OF", "VECTORCALL", "CALL_PLAINLY", "SAVE_THREAD", "RESTORE_THREAD",
    "NEW_ARRAY", "NEW_SCALAR", "ZEROS", "SET_BASE", "ARRAY_TYPE", "BYTES_DTYPE", "NONE", "TRUE",
    "FUNCTION_DICT",
)  # fmt: skip
(RUN, TAKE, DROP, NEW_TUPLE, SET_TUPLE, GET_TUPLE, SIZE_OF_TUPLE, NEW_LIST,
 SET_LIST, GET_LIST, SIZE_OF_LIST, NEW_DICT, SET_DICT, GET_DICT, SIZE_OF_DICT,
 CODE_OF, DEFAULTS_OF, VECTORCALL, CALL_PLAINLY, SAVE_THREAD, RESTORE_THREAD,
 NEW_ARRAY, NEW_SCALAR, ZEROS, SET_BASE, ARRAY_TYPE, BYTES_DTYPE, NONE, TRUE,
 FUNCTION_DICT) = range(len(INTERFACE_NAMES))  # fmt: skip

# The record of an input.  A scalar's number is copied to IN_HOME; an array is read where it lies.
(IN_LENGTH, IN_CONTAINER, IN_SLOT, IN_SCALAR, IN_FLOAT, IN_DTYPE, IN_AXES, IN_HOME, IN_BYTES,
 IN_SHAPE) = range(10)  # fmt: skip
# The record of a tuple, list or dictionary of inputs, whose type is IN_CONTAINER (0 in others):
# the functions that ask for its size and for a part, and the indices or keys of the parts.
IN_SIZE_OF, IN_GET, IN_COUNT, IN_KEYS = range(2, 6)
# The record of an output, and what becomes of it: a NumPy scalar, an array of its own, or a view
# of an array in the pool.
OUT_KIND, OUT_OFFSET, OUT_BYTES, OUT_DTYPE, OUT_AXES, OUT_SHAPE = range(6)
AS_SCALAR, AS_COPY, AS_VIEW = range(3)
# Instructions that put results together: push the output with the record behind so many words, or
# pop so many objects and push the container of them.  Keys of a dictionary follow behind.
PUSH, MAKE_TUPLE, MAKE_LIST, MAKE_DICT = range(4)

# Where fields lie in objects, in words of 8 bytes.
TYPE = 1
PAYLOAD = 2  # the number in a float or a NumPy scalar; the object in a closure cell
ARRAY_DATA, ARRAY_SHAPE, ARRAY_DTYPE = 2, 4, 7
# The same in words of 4 bytes.
COUNT_4, ARRAY_AXES_4, ARRAY_FLAGS_4 = 0, 6, 16
# NumPy's flags: in C order and aligned; the same and writeable.
READABLE, CARRAY = 0x0101, 0x0501
ALIGNMENT = 64  # of results, as engines/allocation.py has it
