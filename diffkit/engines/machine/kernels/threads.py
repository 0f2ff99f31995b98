"""Rows in parts, over the cores of the computer.

    parallel:   part 0, part 2, …  here        part 1, part 3, …  in another thread

A long row is cut into parts when the program is made, by its size alone, and every part writes
numbers of its own; so the results have the same bits however many threads there are.  Threads wait
on semaphores of the operating system, which takes some microseconds to wake one; they belong to
one caller at a time, and another one who comes meanwhile does all parts alone.

BLAS may start threads too, and then adds in another order.  Around products that are large enough
for that it is told to stay with one; how many it had is remembered until the last caller leaves.

Reading on: ``machine/threads.py``; Dijkstra 1965, *Cooperating sequential processes*.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types

from diffkit.engines.machine.kernels.abi import (
    FLAGS,
    call_kernel,
    i8,
    kernel,
    operand,
    row_address,
)
from diffkit.engines.machine.kernels.calling_abi import as_int, call

__all__ = ["parallel", "thread_worker"]

# Row: the pool's words, BLAS's words or 0, the number of parts; then where the rows of each part
# begin and how many words they are.
_HEAD = 5
# The pool: helpers, the functions try, wait and post, the semaphore that says whether the pool is
# free; then the words of each helper.
_POOL, _HELPER = 8, 16
# A helper: the semaphores start and done, row, table, first part, step, stop, wait, post.
# BLAS: a semaphore, callers, threads before, the functions get, set, wait and post.


@njit(**FLAGS)
def _run_parts(row: Any, table: Any, first: Any, step: Any) -> None:
    part = first
    while part < row[4]:
        code = operand(table, row[_HEAD + 2 * part])
        end = row[_HEAD + 2 * part + 1]
        position = 0
        while position < end:
            inner = i8(code + position * 8)
            call_kernel(inner[0], inner, table)
            position += inner[1]
        part += step


@njit(**FLAGS)
def _wait(function: Any, semaphore: Any) -> None:
    while as_int(call(function, (semaphore,))) != 0:
        pass  # a signal came in between


@njit(**FLAGS)
def _enter_blas(blas: Any) -> None:
    _wait(blas[5], blas[0])
    if blas[1] == 0:
        blas[2] = as_int(call(blas[3], (0,)))
        if blas[2] != 1:
            call(blas[4], (1,))
    blas[1] += 1
    call(blas[6], (blas[0],))


@njit(**FLAGS)
def _leave_blas(blas: Any) -> None:
    _wait(blas[5], blas[0])
    blas[1] -= 1
    if blas[1] == 0 and blas[2] != 1:
        call(blas[4], (blas[2],))
    call(blas[6], (blas[0],))


@kernel()
def parallel(row: Any, table: Any) -> None:
    """Run the parts of a row, some of them in other threads."""
    if row[3] != 0:
        _enter_blas(i8(row[3]))
    pool = i8(row[2])
    helpers = min(pool[0], row[4] - 1)
    if helpers > 0 and as_int(call(pool[1], (pool[4],))) != 0:
        helpers = 0  # another caller has them
    for k in range(helpers):
        helper = i8(row[2] + 8 * (_POOL + _HELPER * k))
        helper[2], helper[3] = row_address(row), row_address(table)
        helper[4], helper[5] = k + 1, helpers + 1
        call(pool[3], (helper[0],))
    _run_parts(row, table, 0, helpers + 1)
    for k in range(helpers):
        _wait(pool[2], i8(row[2] + 8 * (_POOL + _HELPER * k))[1])
    if helpers > 0:
        call(pool[3], (pool[4],))
    if row[3] != 0:
        _leave_blas(i8(row[3]))


@kernel(types.int64(types.int64))
def thread_worker(at: Any) -> Any:
    """What a helper does all its life: wait, run its parts, say so."""
    helper = i8(at)
    while True:
        _wait(helper[7], helper[0])
        if helper[6] != 0:
            break
        _run_parts(i8(helper[2]), i8(helper[3]), helper[4], helper[5])
        call(helper[8], (helper[1],))
    return 0
