"""Bodies: what a request brings to the model, and what the model's result becomes.

JSON is the rule. application/octet-stream is MessagePack, where the package has msgpack among its requirements, and is then answered in
kind. A form is left to the model, which takes the request.
"""

import datetime
import decimal
import json
import uuid

from starlette.exceptions import HTTPException
from starlette.responses import Response

try:
    import msgpack
except ImportError:
    msgpack = None


def media_type(request):
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_msgpack(request):
    return media_type(request) == "application/octet-stream"


async def parse(request):
    """The model's input. None for a form, which is not read here."""
    if media_type(request) == "multipart/form-data":
        return None
    if is_msgpack(request) and msgpack is None:
        raise HTTPException(415, "application/octet-stream is MessagePack: add msgpack to the package's requirements.")
    body = await request.body()  # which the model may then ask for once more
    try:
        return msgpack.unpackb(body) if is_msgpack(request) else json.loads(body)
    except RecursionError:
        raise HTTPException(400, "The body is nested too deeply.") from None
    except Exception as error:
        kind = "MessagePack" if is_msgpack(request) else "JSON"
        raise HTTPException(400, f"The body is not {kind}: {error}") from None


def plain(value):
    """What json and msgpack do not know of themselves."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    raise TypeError(f"a result of the type {type(value).__name__} cannot be sent")


def answer(request, result):
    if isinstance(result, (bytes, bytearray, memoryview)):
        return Response(bytes(result), media_type="application/octet-stream")
    if is_msgpack(request) and msgpack:
        return Response(msgpack.packb(result, default=plain), media_type="application/octet-stream")
    text = json.dumps(result, default=plain, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", errors="surrogatepass"), media_type="application/json")
