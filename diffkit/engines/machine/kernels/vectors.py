"""Vectors of eight lanes, for kernels whose accumulators must stay in registers.

    acc ← acc + x·w,   x one number for all lanes, w and acc eight lanes

LLVM turns loops over memory into vector code by itself, but not a tile of accumulators that lives
through a loop.  So the tile is written with a type of its own: eight numbers, which LLVM maps to
one, two or four registers of the CPU.  Product and sum may be fused to one rounding, as BLAS does.

Reading on: Goto & van de Geijn 2008, *Anatomy of high-performance matrix multiplication*.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

from diffkit.engines.machine.kernels.abi import FLAGS, i8, u1

__all__ = ["LANES", "VECTORS", "copied"]

LANES = 8
_FUSED = ("contract",)
_WORD = ir.IntType(32)


class VectorType(types.Type):
    """Eight numbers, as Numba's type."""

    def __init__(self, scalar: Any) -> None:
        super().__init__(f"Vector({scalar})")
        self.scalar = scalar


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """Eight numbers, as LLVM's type."""

    def __init__(self, manager: Any, numba_type: VectorType) -> None:
        item = manager.lookup(numba_type.scalar).get_value_type()
        super().__init__(manager, numba_type, ir.VectorType(item, LANES))


def _repeated(builder: Any, number: Any, vector: ir.VectorType) -> Any:
    """A vector with one number in all lanes."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(_WORD, 0))
    lanes = ir.Constant(ir.VectorType(_WORD, LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, lanes)


def _written(scalar: Any, item: Any, alignment: int) -> dict[str, Any]:
    """What kernels do with vectors, for one width of number."""
    vector, kind = ir.VectorType(item, LANES), VectorType(scalar)

    @intrinsic
    def load_vector(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], vector.as_pointer())
            return builder.load(pointer, align=alignment)

        return kind(types.int64), generate

    @intrinsic
    def store_vector(typing_context: Any, value: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[1], vector.as_pointer())
            builder.store(arguments[0], pointer, align=alignment)
            return context.get_dummy_value()

        return types.void(kind, types.int64), generate

    @intrinsic
    def add_product(typing_context: Any, total: Any, address: Any, weights: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            total, address, weights = arguments
            number = builder.load(builder.inttoptr(address, item.as_pointer()))
            product = builder.fmul(_repeated(builder, number, vector), weights, flags=_FUSED)
            return builder.fadd(total, product, flags=_FUSED)

        return kind(kind, types.int64, kind), generate

    @intrinsic
    def sum_vectors(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.fadd(*arguments)

        return kind(kind, kind), generate

    def extreme(better: str) -> Any:
        """b where it is better than a or NaN, else a."""

        @intrinsic
        def extreme_of_vectors(typing_context: Any, a: Any, b: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                a, b = arguments
                wins = builder.fcmp_ordered(better, b, a)
                undefined = builder.fcmp_unordered("uno", b, b)
                return builder.select(builder.or_(wins, undefined), b, a)

            return kind(kind, kind), generate

        return extreme_of_vectors

    return {
        "load_vector": load_vector, "store_vector": store_vector, "add_product": add_product,
        "sum_vectors": sum_vectors, "max_vectors": extreme(">"), "min_vectors": extreme("<"),
    }  # fmt: skip


# What kernel texts call, by width.
VECTORS = {
    "f8": _written(types.float64, ir.DoubleType(), 8),
    "f4": _written(types.float32, ir.FloatType(), 4),
}

_VECTOR_BYTES = 8 * LANES
_load, _store = VECTORS["f8"]["load_vector"], VECTORS["f8"]["store_vector"]


@njit(**FLAGS)
def copied(source: Any, target: Any, size: Any) -> Any:
    """Copy bytes to where they are not: vectors first, then words, then bytes."""
    done = 0
    while size - done >= _VECTOR_BYTES:
        _store(_load(source + done), target + done)
        done += _VECTOR_BYTES
    while size - done >= 8:
        i8(target + done)[0] = i8(source + done)[0]
        done += 8
    while done < size:
        u1(target + done)[0] = u1(source + done)[0]
        done += 1
