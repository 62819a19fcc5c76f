"""Events of three sizes, with data that is made here."""

import os
import random
import tempfile

FILES = {"test": 4, "small": 32, "large": 256}
FILE_SIZE = 256 * 1024
WORDS = [f"word{n}" for n in range(1000)]


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 1, 1


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """Uploads a folder of files, half of them text and half noise; an event that packs it."""
    # Always the same data, whoever makes it.
    source = random.Random(311)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FILES[size]):
            name = f"part-{number % 2}/file-{number:03}.{'dat' if number % 2 else 'txt'}"
            path = os.path.join(folder, os.path.basename(name))
            with open(path, "wb") as file:
                file.write(source.randbytes(FILE_SIZE) if number % 2 else text(source))
            upload_func(0, f"{size}/{name}", path)
    return {
        "bucket": {"bucket": benchmarks_bucket, "input": input_paths[0], "output": output_paths[0]},
        "object": {"key": size},
    }


def text(source):
    """Words that compress well."""
    return " ".join(source.choices(WORDS, k=FILE_SIZE // 7)).encode()
