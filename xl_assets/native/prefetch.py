"""Asking for memory before it is needed."""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def prefetch(typing_context, array, place):
    """Fetch the cache line of an array's element at a flat position, without waiting for it.

    The array is contiguous. A position outside of it does no harm.
    """
    if not isinstance(array, types.Array):
        return None

    def generate(context, builder, signature, arguments):
        kind = signature.args[0]
        pointer = context.make_array(kind)(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(pointer, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [address.type, number, number, number]),
            "llvm.prefetch.p0",
        )
        # To read, to keep in all caches, data.
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate
