"""IDX, the file format that MNIST came in: a short header, then the bytes of the array.

    0, 0, 8, ndim, shape[0] … shape[ndim − 1], bytes               (1)

8 says "unsigned byte", each length is a big-endian 32-bit integer, the last axis runs fastest.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits",
http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import io
import struct
import zlib

import numpy as np
from jaxtyping import UInt8

_UNSIGNED_BYTE = 8
_GZIP = 16 + zlib.MAX_WBITS  # tells zlib to expect the gzip header


def encode(array: UInt8[np.ndarray, "..."]) -> bytes:
    """Write an array as IDX bytes, eq. (1).

    Parameters
    ----------
    array
        Bytes of any shape.

    Returns
    -------
    bytes
        Header and contents, the same on every machine.

    Examples
    --------
    >>> encode(np.array([[1, 2, 3]], np.uint8)).hex(" ")
    '00 00 08 02 00 00 00 01 00 00 00 03 01 02 03'
    """
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array).tobytes()


def decode(raw: bytes) -> UInt8[np.ndarray, "..."]:
    """Read IDX bytes, eq. (1), without copying them.

    Parameters
    ----------
    raw
        A whole IDX file.

    Returns
    -------
    np.ndarray
        uint8, read-only, a view of `raw`.

    Raises
    ------
    ValueError
        If the header is not that of an unsigned-byte IDX file, or the length is not what the
        header promises.

    Examples
    --------
    >>> decode(encode(np.array([[1, 2, 3]], np.uint8)))
    array([[1, 2, 3]], dtype=uint8)
    """
    if len(raw) < 4 or raw[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        raise ValueError(f"decode: raw must begin with 00 00 08, got {raw[:3].hex(' ')!r}.")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(f"decode: raw must hold {start} bytes of header, got {len(raw)}.")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(raw) != expected:
        raise ValueError(
            f"decode: raw must hold {expected} bytes, as its header says, got {len(raw)}."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def compress(raw: bytes) -> bytes:
    """Gzip without name and time, so that the same bytes in are the same bytes out."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(raw)
    return out.getvalue()


def decompress(packed: bytes) -> bytes:
    """Undo `compress`, in one allocation: gzip ends with the length of what it holds."""
    (size,) = struct.unpack("<I", packed[-4:])  # modulo 2^32; a wrong hint only costs time
    return zlib.decompress(packed, _GZIP, bufsize=max(size, 1))
