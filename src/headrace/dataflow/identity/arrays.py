"""What tells the values of NumPy and pandas apart. Neither is imported here: who has a value of theirs has done so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from headrace.dataflow.identity.token import class_name, token
from headrace.dataflow.identity.walk import LATE, Kind, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__: list[str] = []

# The codes of long doubles, real and complex: their bytes hold some that mean nothing.
_LONG = "gG"


def _array_parts(array: Any) -> Iterator[object]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    numpy = sys.modules["numpy"]
    if type(array) is not numpy.ndarray:
        yield from _subclass_parts(numpy, array)
        array = array.view(numpy.ndarray)
    yield array.dtype
    yield array.shape
    if array.dtype.names is not None:
        # Field by field: what lies between them means nothing.
        for name in array.dtype.names:
            yield array[name]
    elif array.dtype.hasobject:
        yield array.ravel().tolist()
    elif array.dtype.char in _LONG:
        yield [str(one) for one in array.ravel()]
    elif array.dtype.itemsize:
        data = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
        yield Ready(token(b"data", memoryview(data)))


def _subclass_parts(numpy: Any, array: Any) -> Iterator[object]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    """List what an array of a subclass has beside its numbers."""
    yield Ready(class_name(type(array)))
    if isinstance(array, numpy.ma.MaskedArray):
        yield numpy.ma.getmaskarray(array)
        yield array.fill_value
    elif not isinstance(array, numpy.memmap):
        yield getattr(array, "__dict__", None)


def _scalar_parts(value: Any) -> tuple[object, ...]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    return Ready(class_name(type(value))), sys.modules["numpy"].asarray(value)


def _dtype(value: Any) -> bytes:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    return f"{value.str} {value!r}".encode()


def _extension_parts(array: Any) -> Iterator[object]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    dtype = array.dtype
    if hasattr(dtype, "categories"):
        yield dtype.ordered
        yield dtype.categories
        yield array.codes
    elif isinstance(dtype, sys.modules["numpy"].dtype) or hasattr(dtype, "numpy_dtype"):
        yield repr(dtype)
        yield array.to_numpy() if not hasattr(array, "isna") or not array.isna().any() else array.to_numpy(dtype=object)
    else:
        yield repr(dtype)
        yield array.to_numpy(dtype=object)


def _index_parts(index: Any) -> Iterator[object]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    yield list(index.names)
    yield getattr(index, "freqstr", None)
    if index.nlevels == 1:
        yield index.array
    else:
        for level in range(index.nlevels):
            yield index.get_level_values(level).array


def _series_parts(series: Any) -> Iterator[object]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    yield Ready(class_name(type(series)))
    yield series.name
    yield series.index
    yield series.array


def _frame_parts(frame: Any) -> Iterator[object]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    yield Ready(class_name(type(frame)))
    yield frame.columns
    yield frame.index
    for place in range(len(frame.columns)):
        yield frame.iloc[:, place].array


def _timestamp_parts(value: Any) -> tuple[object, ...]:  # noqa: ANN401 - of NumPy or pandas, which may not be there
    return value.isoformat(), value.unit, value.fold, str(value.tz)


_ONLY_ONE = Kind(b"singleton", lambda value: class_name(type(value)), exact=False)

LATE.update(
    {
        ("numpy", "ndarray"): Kind(b"array", parts=_array_parts, exact=False),
        ("numpy", "generic"): Kind(b"scalar", parts=_scalar_parts, exact=False),
        ("numpy", "dtype"): Kind(b"dtype", _dtype, exact=False),
        ("pandas", "ExtensionArray"): Kind(b"column", parts=_extension_parts, exact=False),
        ("pandas", "ExtensionDtype"): Kind(b"pandas-dtype", lambda value: repr(value).encode(), exact=False),
        ("pandas", "Index"): Kind(b"index", parts=_index_parts, exact=False),
        ("pandas", "Series"): Kind(b"series", parts=_series_parts, exact=False),
        ("pandas", "DataFrame"): Kind(b"frame", parts=_frame_parts, exact=False),
        ("pandas", "Timestamp"): Kind(b"timestamp", parts=_timestamp_parts, exact=False),
        ("pandas", "Timedelta"): Kind(b"pandas-timedelta", parts=lambda value: (value.isoformat(), value.unit)),
        ("pandas", "Period"): Kind(b"period", parts=lambda value: (value.ordinal, value.freqstr)),
        ("pandas", "Interval"): Kind(b"interval", parts=lambda value: (value.left, value.right, value.closed)),
        ("pandas", "NaTType"): _ONLY_ONE,
        ("pandas", "NAType"): _ONLY_ONE,
    }
)
