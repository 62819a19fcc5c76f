import io
import json
import os
import time

import torch
from PIL import Image
from torchvision import transforms

from . import model, storage

CLIENT = storage.storage.get_instance()
CLASSES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "class-index.json")
PREPARE = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])

# Networks that were downloaded, by where from: a request after the first finds it.
NETWORKS = {}


def handler(event):
    """Tells of which class a picture is, by a network that is downloaded as well."""
    bucket = event["bucket"]["bucket"]
    model_key = f"{event['bucket']['model']}/{event['object']['model']}"
    picture_key = f"{event['bucket']['input']}/{event['object']['input']}"
    began = time.perf_counter_ns()
    picture = bytes(CLIENT.download_stream(bucket, picture_key))
    picture_downloaded = time.perf_counter_ns()
    network, model_download_time, model_time = load(bucket, model_key)
    loaded = time.perf_counter_ns()
    with Image.open(io.BytesIO(picture)) as image, torch.no_grad():
        scores = network(PREPARE(image.convert("RGB")).unsqueeze(0))[0]
    number = int(scores.argmax())
    with open(CLASSES, encoding="utf-8") as file:
        name = json.load(file)[str(number)][1]
    computed = time.perf_counter_ns()
    return {
        "result": {"idx": number, "class": name},
        "measurement": {
            "download_time": (picture_downloaded - began) // 1000 + model_download_time,
            "model_download_time": model_download_time,
            "model_time": model_time,
            "compute_time": (computed - loaded) // 1000,
        },
    }


def load(bucket, key):
    """The network, and how many microseconds its download and the making of it took."""
    began = downloaded = made = time.perf_counter_ns()
    if (bucket, key) not in NETWORKS:
        contents = bytes(CLIENT.download_stream(bucket, key))
        downloaded = time.perf_counter_ns()
        NETWORKS[bucket, key] = model.read(contents)
        made = time.perf_counter_ns()
    return NETWORKS[bucket, key], (downloaded - began) // 1000, (made - downloaded) // 1000
