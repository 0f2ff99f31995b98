"""A call from Python, served by compiled code from the arguments to the results.

    look at the arguments · look at what is watched · run the rows · make the results

The function object that Python calls (METH_FASTCALL) is this code.  It compares types, shapes and
dtypes by reading the fields of the arguments, enters their addresses into the table of the
program, runs it, and makes new arrays through NumPy's C interface.  Whatever it does not expect it
leaves to Python: it returns None, or calls the function that stands in the words of the call.

All of it runs under the interpreter lock, except the rows of long programs.  Meanwhile, and while
results are made (which may start the garbage collector, and that any finaliser), the call is
marked as busy.

Reading on: ``machine/call_words.py``; the C API, "Common Object Structures"; PEP 590 (vectorcall).
"""

from __future__ import annotations

from typing import Any

from numba import njit, types

from diffkit.engines.machine import call_words as at
from diffkit.engines.machine.kernels.abi import FLAGS, i4, i8, kernel, row_address
from diffkit.engines.machine.kernels.calling_abi import as_int, call, copy_bytes
from diffkit.engines.machine.words import OUTPUTS

__all__ = ["native_call"]

WORD = 8
POOL_SIZE = 2  # results of two calls alternate while a caller replaces one by the other


@kernel(types.int64(types.int64, types.int64, types.int64, types.int64))
def native_call(owner: Any, arguments: Any, count: Any, names: Any) -> Any:
    """Serve a call; ``owner`` is the array with the words of the call."""
    words = i8(i8(owner)[at.ARRAY_DATA])
    interface = i8(words[at.INTERFACE])
    if names == 0 and count == words[at.ARGUMENTS]:
        watched = unchanged(words, interface)
        if watched < 0:
            return 0
        if watched and words[at.BUSY] == 0 and bring_in(words, interface, i8(arguments)):
            words[at.BUSY] = 1
            found = answer(words, interface)
            words[at.BUSY] = 0
            if found >= 0:
                return found
    if words[at.FALLBACK] != 0:
        return call(interface[at.VECTORCALL], (words[at.FALLBACK], arguments, count, names))
    call(interface[at.TAKE], (interface[at.NONE],))
    return interface[at.NONE]


# Arguments ---------------------------------------------------------------------------------------


@njit(**FLAGS)
def bring_in(words: Any, interface: Any, arguments: Any) -> Any:
    """Enter the addresses of the arguments into the table; False where one is unexpected."""
    table, stack = i8(words[at.TABLE]), i8(address(words, words[at.STACK_AT]))
    place, following, height = words[at.INPUTS_AT], 0, 0
    for _ in range(words[at.INPUTS]):
        record = i8(address(words, place))
        if height > 0:
            height -= 1
            argument = stack[height]
        else:
            argument = arguments[following]
            following += 1
        if record[at.IN_CONTAINER] != 0:
            if not is_container(record, argument):
                return False
            height = with_parts(record, argument, stack, height)
        else:
            found = address_of_data(record, interface, argument)
            if found == 0:
                return False
            table[record[at.IN_SLOT]] = found
        place += record[at.IN_LENGTH]
    return True


@njit(**FLAGS)
def is_container(record: Any, argument: Any) -> Any:
    """Whether an argument has the type, the size and the keys of the record."""
    if i8(argument)[at.TYPE] != record[at.IN_CONTAINER]:
        return False
    if call(record[at.IN_SIZE_OF], (argument,)) != record[at.IN_COUNT]:
        return False
    for k in range(record[at.IN_COUNT]):
        if call(record[at.IN_GET], (argument, record[at.IN_KEYS + k])) == 0:
            return False
    return True


@njit(**FLAGS)
def with_parts(record: Any, argument: Any, stack: Any, height: Any) -> Any:
    """Push the parts of a container, the first on top; the height of the stack behind them."""
    for k in range(record[at.IN_COUNT] - 1, -1, -1):
        stack[height] = call(record[at.IN_GET], (argument, record[at.IN_KEYS + k]))
        height += 1
    return height


@njit(**FLAGS)
def address(words: Any, place: Any) -> Any:
    """The address of a word."""
    return row_address(words) + WORD * place


@njit(**FLAGS)
def address_of_data(record: Any, interface: Any, argument: Any) -> Any:
    """Where the numbers of an argument lie; 0 if it is not what the record describes."""
    object_words = i8(argument)
    kind = object_words[at.TYPE]
    if kind == interface[at.ARRAY_TYPE]:
        return array_data(record, object_words, i4(argument))
    if kind != record[at.IN_SCALAR] and kind != record[at.IN_FLOAT]:
        return 0
    copy_bytes(record[at.IN_HOME], argument + WORD * at.PAYLOAD, record[at.IN_BYTES])
    return record[at.IN_HOME]


@njit(**FLAGS)
def array_data(record: Any, array: Any, array_4: Any) -> Any:
    """Where the numbers of an array lie; 0 if dtype, shape or order are others."""
    axes = record[at.IN_AXES]
    if array[at.ARRAY_DTYPE] != record[at.IN_DTYPE] or array_4[at.ARRAY_AXES_4] != axes:
        return 0
    if array_4[at.ARRAY_FLAGS_4] & at.READABLE != at.READABLE:
        return 0
    shape = i8(array[at.ARRAY_SHAPE])
    for axis in range(axes):
        if shape[axis] != record[at.IN_SHAPE + axis]:
            return 0
    return array[at.ARRAY_DATA]


# What is watched ---------------------------------------------------------------------------------


@njit(**FLAGS)
def unchanged(words: Any, interface: Any) -> Any:
    """1 if all that the function depends on is where it was; 0 if not; -1 after an exception."""
    place = words[at.WATCHED_AT]
    for _ in range(words[at.GLOBALS]):
        if call(interface[at.GET_DICT], (words[place], words[place + 1])) != words[place + 2]:
            return 0
        place += 3
    for _ in range(words[at.CELLS]):
        if i8(words[place])[at.PAYLOAD] != words[place + 1]:
            return 0
        place += 2
    for _ in range(words[at.FUNCTIONS]):
        if not same_function(interface, words[place], words[place + 1], words[place + 2]):
            return 0
        place += 3
    return says_unchanged(words, interface) if words[at.UNCHANGED] != 0 else 1


@njit(**FLAGS)
def same_function(interface: Any, function: Any, code: Any, defaults: Any) -> Any:
    """Whether a function has the same code and defaults, and no attributes."""
    if call(interface[at.CODE_OF], (function,)) != code:
        return False
    if call(interface[at.DEFAULTS_OF], (function,)) != defaults:
        return False
    attributes = i8(function + interface[at.FUNCTION_DICT])[0]
    return attributes == 0 or call(interface[at.SIZE_OF_DICT], (attributes,)) == 0


@njit(**FLAGS)
def says_unchanged(words: Any, interface: Any) -> Any:
    """The answer of a function that compares what it watches; -1 after an exception."""
    said = call(interface[at.CALL_PLAINLY], (words[at.UNCHANGED],))
    if said == 0:
        return -1
    call(interface[at.DROP], (said,))
    return 1 if said == interface[at.TRUE] else 0


# Running and results -----------------------------------------------------------------------------


@njit(**FLAGS)
def answer(words: Any, interface: Any) -> Any:
    """Run the program; its results, 0 after an exception, -1 if Python has to look at it."""
    results, owner = words[at.RESULTS], 0
    if words[at.POOL] != 0:
        owner = free_memory(words, interface)
        if owner == 0:
            return 0
        results = (i8(owner)[at.ARRAY_DATA] + at.ALIGNMENT - 1) & -at.ALIGNMENT
        i8(words[at.TABLE])[OUTPUTS] = results
    thread = call(interface[at.SAVE_THREAD], ()) if words[at.UNLOCKED] != 0 else 0
    position = call(interface[at.RUN], (words[at.STATE],))
    if words[at.UNLOCKED] != 0:
        call(interface[at.RESTORE_THREAD], (thread,))
    if position < words[at.LEAST]:
        return -1
    return put_together(words, interface, results, owner)


@njit(**FLAGS)
def free_memory(words: Any, interface: Any) -> Any:
    """An array of the pool that nobody else holds, made anew where there is none; 0: no memory."""
    for k in range(POOL_SIZE):
        held = call(interface[at.GET_LIST], (words[at.POOL], k))
        if i4(held)[at.COUNT_4] == 1:
            return held
    call(interface[at.TAKE], (interface[at.BYTES_DTYPE],))
    size = address(words, at.POOL_BYTES)
    made = call(interface[at.ZEROS], (1, size, interface[at.BYTES_DTYPE], 0))
    if made != 0:
        call(interface[at.SET_LIST], (words[at.POOL], words[at.VICTIM], made))
        words[at.VICTIM] = (words[at.VICTIM] + 1) % POOL_SIZE
    return made


@njit(**FLAGS)
def put_together(words: Any, interface: Any, results: Any, owner: Any) -> Any:
    """The results in their containers; 0 after an exception."""
    stack = i8(address(words, words[at.STACK_AT]))
    height = 0
    place, end = words[at.TREE_AT], words[at.TREE_AT] + words[at.TREE]
    while place < end:
        instruction, count = words[place], words[place + 1]
        place += 2
        if instruction == at.PUSH:
            record = i8(address(words, words[at.OUTPUTS_AT] + count))
            made = output(record, interface, results, owner)
        else:
            height -= count
            keys = i8(address(words, place))
            made = container(instruction, count, interface, i8(address(stack, height)), keys)
            place += count if instruction == at.MAKE_DICT else 0
        if made == 0:
            drop(interface, stack, height)
            return 0
        stack[height] = made
        height += 1
    return stack[0]


@njit(**FLAGS)
def drop(interface: Any, objects: Any, count: Any) -> None:
    """Let go of objects."""
    for k in range(count):
        call(interface[at.DROP], (objects[k],))


@njit(**FLAGS)
def output(record: Any, interface: Any, results: Any, owner: Any) -> Any:
    """A result as an object; 0 after an exception."""
    data, dtype = results + record[at.OUT_OFFSET], record[at.OUT_DTYPE]
    kind = record[at.OUT_KIND]
    if kind == at.AS_SCALAR:
        return call(interface[at.NEW_SCALAR], (data, dtype, 0))
    shape, axes = address(record, at.OUT_SHAPE), record[at.OUT_AXES]
    here, flags = (0, 0) if kind == at.AS_COPY else (data, at.CARRAY)
    call(interface[at.TAKE], (dtype,))
    made = call(
        interface[at.NEW_ARRAY], (interface[at.ARRAY_TYPE], dtype, axes, shape, 0, here, flags, 0)
    )
    if made == 0:
        return 0
    if kind == at.AS_COPY:
        copy_bytes(i8(made)[at.ARRAY_DATA], data, record[at.OUT_BYTES])
        return made
    call(interface[at.TAKE], (owner,))
    if as_int(call(interface[at.SET_BASE], (made, owner))) < 0:
        call(interface[at.DROP], (made,))
        return 0
    return made


@njit(**FLAGS)
def container(instruction: Any, count: Any, interface: Any, objects: Any, keys: Any) -> Any:
    """A tuple, list or dictionary of objects, which it takes over; 0 after an exception."""
    if instruction == at.MAKE_DICT:
        return dictionary(count, interface, objects, keys)
    new, put = interface[at.NEW_LIST], interface[at.SET_LIST]
    if instruction == at.MAKE_TUPLE:
        new, put = interface[at.NEW_TUPLE], interface[at.SET_TUPLE]
    made = call(new, (count,))
    if made == 0:
        drop(interface, objects, count)
        return 0
    for k in range(count):
        call(put, (made, k, objects[k]))
    return made


@njit(**FLAGS)
def dictionary(count: Any, interface: Any, objects: Any, keys: Any) -> Any:
    """A dictionary of objects, which it takes over; 0 after an exception."""
    made = call(interface[at.NEW_DICT], ())
    failed = made == 0
    for k in range(count):
        if not failed:
            failed = as_int(call(interface[at.SET_DICT], (made, keys[k], objects[k]))) < 0
    drop(interface, objects, count)
    if failed and made != 0:
        call(interface[at.DROP], (made,))
        return 0
    return made
