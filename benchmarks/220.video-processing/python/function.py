import os
import subprocess
import tempfile
import time

import imageio_ffmpeg

from . import storage

CLIENT = storage.storage.get_instance()
WATERMARK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources", "watermark.png")
MP4 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]


def watermark(duration):
    """The first seconds, with a mark below right."""
    return ".mp4", ["-i", WATERMARK, "-t", duration, "-filter_complex", "overlay=W-w-8:H-h-8", *MP4]


def transcode(duration):
    """The first seconds as a moving GIF, with the colours that suit it best."""
    colours = "fps=10,split[one][other];[one]palettegen[palette];[other][palette]paletteuse"
    return ".gif", ["-t", duration, "-filter_complex", colours, "-loop", "0"]


def extract(duration):
    """The one picture that is shown after so many seconds."""
    return ".png", ["-ss", duration, "-frames:v", "1", "-update", "1"]


OPERATIONS = {"watermark": watermark, "transcode": transcode, "extract": extract}


def handler(event):
    """Makes another video, or a picture, of a video."""
    bucket, source, output = (event["bucket"][name] for name in ("bucket", "input", "output"))
    key, duration, operation = (event["object"][name] for name in ("key", "duration", "op"))
    if operation not in OPERATIONS:
        raise ValueError(f"unknown operation: {operation}; there are {', '.join(OPERATIONS)}")
    ending, options = OPERATIONS[operation](str(duration))
    with tempfile.TemporaryDirectory() as folder:
        video = os.path.join(folder, f"video{os.path.splitext(key)[1]}")
        began = time.perf_counter_ns()
        CLIENT.download(bucket, f"{source}/{key}", video)
        downloaded = time.perf_counter_ns()
        made = os.path.join(folder, f"made{ending}")
        ffmpeg("-i", video, *options, made)
        computed = time.perf_counter_ns()
        name = f"{os.path.splitext(key)[0]}-{operation}{ending}"
        uploaded_key = CLIENT.upload(bucket, f"{output}/{name}", made)
        uploaded = time.perf_counter_ns()
        sizes = os.path.getsize(video), os.path.getsize(made)
    return {
        "result": {"bucket": bucket, "key": uploaded_key},
        "measurement": {
            "download_time": (downloaded - began) // 1000,
            "download_size": sizes[0],
            "compute_time": (computed - downloaded) // 1000,
            "upload_time": (uploaded - computed) // 1000,
            "upload_size": sizes[1],
        },
    }


def ffmpeg(*arguments):
    """Runs ffmpeg; what it said is in the error, should it fail."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg ended with status {done.returncode}: {done.stderr.strip()}")
    if not os.path.isfile(arguments[-1]):
        raise RuntimeError("ffmpeg made nothing: the video is not as long as `duration`")
