"""The way in from Python: a function object of the interpreter's own that runs a program.

A call through ctypes costs as much as a small program.  So the entry is written for CPython's C
API, as two lines of LLVM: it takes the state's address, a Python integer, runs, and returns the
position.  ``enter`` keeps the interpreter lock, for programs that are over in microseconds;
``enter_unlocked`` releases it, so that other threads go on.

Reading on: the C API, "Common Object Structures" (METH_O), "Thread State and the GIL".
"""

from __future__ import annotations

__all__ = ["ENTRY"]

ENTRY = """
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare i64 @diffkit_run(i64)

define ptr @diffkit_enter(ptr %self, ptr %argument) {
  %state = call i64 @PyLong_AsLongLong(ptr %argument)
  %position = call i64 @diffkit_run(i64 %state)
  %result = call ptr @PyLong_FromLongLong(i64 %position)
  ret ptr %result
}

define ptr @diffkit_enter_unlocked(ptr %self, ptr %argument) {
  %state = call i64 @PyLong_AsLongLong(ptr %argument)
  %thread = call ptr @PyEval_SaveThread()
  %position = call i64 @diffkit_run(i64 %state)
  call void @PyEval_RestoreThread(ptr %thread)
  %result = call ptr @PyLong_FromLongLong(i64 %position)
  ret ptr %result
}
"""
