"""Events of three sizes, and whether an answer is right."""

import os
import tempfile

# Files that stay where they are: releases of the Linux kernel, by their size.
URLS = {
    "test": "https://cdn.kernel.org/pub/linux/kernel/v1.0/linux-1.0.tar.gz",
    "small": "https://cdn.kernel.org/pub/linux/kernel/v2.0/linux-2.0.tar.gz",
    "large": "https://cdn.kernel.org/pub/linux/kernel/v2.6/linux-2.6.0.tar.gz",
}


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 0, 1


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """An event."""
    return {"bucket": {"bucket": benchmarks_bucket, "output": output_paths[0]}, "object": {"url": URLS[size]}}


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    result, measured = output["result"], output["measurement"]
    if result["url"] != input_config["object"]["url"]:
        return f"it copied {result['url']}, not {input_config['object']['url']}"
    if not result["key"].startswith(f"{input_config['bucket']['output']}/"):
        return f"the key of the copy is {result['key']}"
    if storage is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "copy")
        storage.download(input_config["bucket"]["bucket"], result["key"], path)
        sizes = measured["download_size"], measured["upload_size"], os.path.getsize(path)
    return None if len(set(sizes)) == 1 else f"the sizes of file, upload and copy are {sizes}"
