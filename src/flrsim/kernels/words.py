"""Eight bytes of a label map at a time: loads at any address, and where in a word something differs.

These are written out into the kernels that use them. A cached kernel does not notice when this file changes:
clear the cache folder after editing it. Lowest address = lowest bits, as on every machine numba compiles for.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def load_word(typingctx, flat, at):
    """Return the 64 bits that begin at flat[at] as uint64; flat is contiguous, `at` needs no alignment."""

    def codegen(context, builder, signature, args):
        array_type, _ = signature.args
        array = cgutils.create_struct_proxy(array_type)(context, builder, value=args[0])
        pointer = builder.gep(array.data, [args[1]])
        word = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(flat, types.int64), codegen


@intrinsic
def lowest_bit(typingctx, word):
    """Return the place of the lowest set bit of a uint64 that is not zero."""

    def codegen(context, builder, signature, args):
        count = builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))
        return count

    return types.int64(types.uint64), codegen


@intrinsic
def bits_of(typingctx, flat):
    """Return the bits of one label of `flat`, known when the kernel is compiled (its itemsize is not)."""

    def codegen(context, builder, signature, args):
        return ir.Constant(ir.IntType(64), signature.args[0].dtype.bitwidth)

    return types.int64(flat), codegen


@intrinsic
def set_bits(typingctx, word):
    """Return how many bits of a uint64 are set."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen
