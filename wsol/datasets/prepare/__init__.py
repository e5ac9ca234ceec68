"""From the archives people have to the folders that readers know: `wsol data prepare NAME SRC DST`.

A dataset is one file here, whose stem is its key: which members of its archives are kept, and where each goes. Yours
can be anywhere (`--with my_archives.py`):

    preparation(Preparation(key="mine", about="my images", parts=(Part(name="images", pattern=..., place=...),)))
"""

from wsol.datasets.prepare._base import Part, Preparation, preparation, preparations

__all__ = ["Part", "Preparation", "preparation", "preparations"]
