"""Drawing of the embedded images, the same bits on every machine.

Two rules keep it so. Random bits come from `dice` alone. Everything else is exact integer arithmetic, or + - * /
sqrt, abs, min, max and floor on float64, element by element: IEEE 754 defines each of these to the last bit. So there
is no sin, exp or power, no sum over an axis, no matrix product and no drawing library: those differ between platforms
and versions.
"""
