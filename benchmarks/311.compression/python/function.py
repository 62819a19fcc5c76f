import os
import shutil
import tempfile
import time

from . import storage

CLIENT = storage.storage.get_instance()


def handler(event):
    """Packs all objects below a prefix into a ZIP archive, and uploads that."""
    bucket, source, output = (event["bucket"][name] for name in ("bucket", "input", "output"))
    key = event["object"]["key"]
    with tempfile.TemporaryDirectory() as folder:
        files = os.path.join(folder, "files")
        os.mkdir(files)
        began = time.perf_counter_ns()
        CLIENT.download_directory(bucket, f"{source}/{key}/", files)
        downloaded = time.perf_counter_ns()
        # Keys are kept as paths, so what was asked for lies below the prefix.
        root = os.path.join(files, source, key)
        if not os.path.isdir(root):
            raise FileNotFoundError(f"bucket {bucket} has no object below {source}/{key}/")
        size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(root) for name in names)
        archive = shutil.make_archive(os.path.join(folder, "archive"), "zip", root_dir=root)
        compressed = time.perf_counter_ns()
        uploaded_key = CLIENT.upload(bucket, f"{output}/{key}.zip", archive)
        uploaded = time.perf_counter_ns()
        archive_size = os.path.getsize(archive)
    return {
        "result": {"bucket": bucket, "key": uploaded_key},
        "measurement": {
            "download_time": (downloaded - began) // 1000,
            "download_size": size,
            "compute_time": (compressed - downloaded) // 1000,
            "upload_time": (uploaded - compressed) // 1000,
            "upload_size": archive_size,
        },
    }
