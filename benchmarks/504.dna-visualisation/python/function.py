import io
import json
import time

from squiggle import transform

from . import storage

CLIENT = storage.storage.get_instance()


def handler(event):
    """Turns the sequence of a FASTA file into the points of a line, and uploads these as JSON."""
    bucket, source, output = (event["bucket"][name] for name in ("bucket", "input", "output"))
    key = event["object"]["key"]
    began = time.perf_counter_ns()
    text = bytes(CLIENT.download_stream(bucket, f"{source}/{key}")).decode()
    downloaded = time.perf_counter_ns()
    sequence = "".join(line.strip() for line in text.splitlines() if not line.startswith(">"))
    across, up = transform(sequence)
    points = json.dumps({"x": [float(x) for x in across], "y": up}).encode()
    computed = time.perf_counter_ns()
    uploaded_key = CLIENT.upload_stream(bucket, f"{output}/{key}.json", io.BytesIO(points))
    uploaded = time.perf_counter_ns()
    return {
        "result": {"bucket": bucket, "key": uploaded_key, "bases": len(sequence)},
        "measurement": {
            "download_time": (downloaded - began) // 1000,
            "download_size": len(text),
            "compute_time": (computed - downloaded) // 1000,
            "upload_time": (uploaded - computed) // 1000,
            "upload_size": len(points),
        },
    }
