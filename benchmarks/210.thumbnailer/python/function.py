import io
import time

from PIL import Image

from . import storage

CLIENT = storage.storage.get_instance()


def handler(event):
    """Makes a thumbnail of a picture, at most `width` by `height`, in the picture's own format."""
    bucket, source, output = (event["bucket"][name] for name in ("bucket", "input", "output"))
    key, width, height = (event["object"][name] for name in ("key", "width", "height"))
    began = time.perf_counter_ns()
    picture = bytes(CLIENT.download_stream(bucket, f"{source}/{key}"))
    downloaded = time.perf_counter_ns()
    thumbnail = resize(picture, width, height)
    computed = time.perf_counter_ns()
    uploaded_key = CLIENT.upload_stream(bucket, f"{output}/thumbnail-{key}", io.BytesIO(thumbnail))
    uploaded = time.perf_counter_ns()
    return {
        "result": {"bucket": bucket, "key": uploaded_key},
        "measurement": {
            "download_time": (downloaded - began) // 1000,
            "download_size": len(picture),
            "compute_time": (computed - downloaded) // 1000,
            "upload_time": (uploaded - computed) // 1000,
            "upload_size": len(thumbnail),
        },
    }


def resize(picture, width, height):
    """The picture made to fit into a size; it keeps its shape, and is never made larger."""
    with Image.open(io.BytesIO(picture)) as image:
        image.thumbnail((width, height))
        thumbnail = io.BytesIO()
        image.save(thumbnail, image.format)
    return thumbnail.getvalue()
