"""Threads of the machine: how many, and the memory through which they are told what to do.

Long rows are cut into parts (``machine/splitting.py``), and parts go to as many threads as
``DIFFKIT_THREADS`` says, else ``OMP_NUM_THREADS``, else to one per core that this process may use.
Results have the same bits for every number.  The threads are the operating system's own and know
nothing of Python: they wait on a semaphore, run rows, and wait again.

    >>> from diffkit.engines import set_threads
    >>> before = set_threads(1);   _ = set_threads(before)

Where the operating system has no unnamed semaphores (Windows, macOS) there are no helpers, and
after a fork the child has none either; the same rows then run one part after the other.

Reading on: ``sem_init(3)``, ``pthread_create(3)``; ``kernels/threads.py``.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import Any

import numpy as np

from diffkit.errors import InputError

__all__ = ["blas_words", "most_threads", "pool_words", "set_threads", "threads"]

# As in kernels/threads.py: words of the pool's head and of each helper.
_POOL, _HELPER = 8, 16
_SEMAPHORE = 64  # bytes kept for one; sem_t takes 32 on 64-bit Linux
_VARIABLES = ("DIFFKIT_THREADS", "OMP_NUM_THREADS")
_LOCK = threading.Lock()


def most_threads() -> int:
    """How many cores this process may use.

    >>> most_threads() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _wanted() -> int:
    for name in _VARIABLES:
        text = os.environ.get(name, "").strip()
        if text.isdigit() and int(text) > 0:
            return min(int(text), most_threads())
    return most_threads()


class _Pool:
    """The words of the pool, and its helpers."""

    def __init__(self, wanted: int) -> None:
        self.library = _library()
        self.words = np.zeros(_POOL + _HELPER * max(most_threads() - 1, 1), np.int64)
        self.semaphores = np.zeros(_SEMAPHORE * (2 * most_threads() + 2), np.uint8)
        self.taken = 0
        self.started = 0
        if self.library is not None:
            functions = [_address(self.library[f"sem_{name}"]) for name in ("trywait", "wait")]
            post = _address(self.library["sem_post"])
            self.words[1:5] = [*functions, post, self.semaphore(1)]
            self.resize(wanted)

    def semaphore(self, value: int) -> int:
        """The address of a new semaphore."""
        assert self.library is not None
        start = self.semaphores.ctypes.data
        at = start + (-start % _SEMAPHORE) + _SEMAPHORE * self.taken
        self.taken += 1
        if self.library.sem_init(ctypes.c_void_p(at), 0, value) != 0:
            raise OSError("no semaphores")
        return at

    def resize(self, wanted: int) -> None:
        """Start helpers as far as they are missing, and let this many work."""
        helpers = min(max(wanted, 1), most_threads()) - 1 if self.library is not None else 0
        for k in range(self.started, helpers):
            self._start(k)
        self.started = max(self.started, helpers)
        self.words[0] = helpers

    def _start(self, k: int) -> None:
        from diffkit.engines.machine.loading import kernels

        assert self.library is not None
        head = _POOL + _HELPER * k
        self.words[head : head + 2] = [self.semaphore(0), self.semaphore(0)]
        self.words[head + 7 : head + 9] = self.words[2:4]
        thread = ctypes.c_ulong()
        at = self.words.ctypes.data + 8 * head
        worker = ctypes.c_void_p(kernels().address["thread_worker"])
        create = self.library.pthread_create
        if create(ctypes.byref(thread), None, worker, ctypes.c_void_p(at)) != 0:
            raise OSError("no thread")


def _library() -> Any:
    """The C library, where it has what helpers need."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    needed = ("sem_init", "sem_wait", "sem_trywait", "sem_post", "pthread_create")
    return library if all(hasattr(library, name) for name in needed) else None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


_POOLS: list[_Pool] = []


def _pool() -> _Pool:
    with _LOCK:
        if not _POOLS:
            try:
                _POOLS.append(_Pool(_wanted()))
            except OSError:
                _POOLS.append(_Pool(1))
        return _POOLS[0]


def pool_words() -> int:
    """The address of the pool's words, for rows that run in parts."""
    return _pool().words.ctypes.data


def threads() -> int:
    """How many threads long rows are shared among.

    >>> 1 <= threads() <= most_threads()
    True
    """
    return int(_pool().words[0]) + 1


def set_threads(count: int) -> int:
    """Share long rows among this many threads from now on, and return how many it were.

    Parameters
    ----------
    count
        At least 1; more than the cores that this process may use count as that many.

    Raises
    ------
    InputError
        When it is not a positive integer.

    Source: none; results have the same bits for every number.

    >>> before = set_threads(1)
    >>> set_threads(before)
    1
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"set_threads: {count!r} is no number of threads", hint="give 1 or more.")
    pool, before = _pool(), threads()
    with _LOCK:
        pool.resize(count)
    return before


# BLAS --------------------------------------------------------------------------------------------

# OpenBLAS of NumPy's wheels, with 64-bit integers as distributions name it, any other.
_SPELLINGS = ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_",
              "openblas_{}_num_threads")  # fmt: skip
_BLAS: list[np.ndarray | None] = []


def blas_words() -> int:
    """The address of the words about BLAS's own threads; 0 where they are not ours to count."""
    pool = _pool()
    with _LOCK:
        if not _BLAS:
            _BLAS.append(_blas(pool))
    return 0 if _BLAS[0] is None else _BLAS[0].ctypes.data


def _blas(pool: _Pool) -> np.ndarray | None:
    if pool.library is None:
        return None
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    for spelling in _SPELLINGS:
        try:
            get, put = library[spelling.format("get")], library[spelling.format("set")]
        except AttributeError:
            continue
        words = np.zeros(_POOL, np.int64)
        words[0] = pool.semaphore(1)
        words[3:5] = _address(get), _address(put)
        words[5:7] = pool.words[2:4]
        return words
    return None


def _after_fork() -> None:
    """In a child: helpers are gone, and nobody holds a semaphore."""
    for pool in _POOLS:
        pool.words[0] = 0
        pool.started = most_threads()  # what was started exists in the parent only
        if pool.library is not None:
            pool.library.sem_init(ctypes.c_void_p(int(pool.words[4])), 0, 1)
            for blas in _BLAS:
                if blas is not None:
                    pool.library.sem_init(ctypes.c_void_p(int(blas[0])), 0, 1)
                    blas[1] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
