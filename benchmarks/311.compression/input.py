"""Events of three sizes, with data that is made here, and whether an answer is right."""

import os
import random
import tempfile
import zipfile
import zlib

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
    with tempfile.TemporaryDirectory() as folder:
        for name, contents in files(size):
            path = os.path.join(folder, os.path.basename(name))
            with open(path, "wb") as file:
                file.write(contents)
            upload_func(0, f"{size}/{name}", path)
    return {
        "bucket": {"bucket": benchmarks_bucket, "input": input_paths[0], "output": output_paths[0]},
        "object": {"key": size},
    }


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    key, asked = output["result"]["key"], input_config["object"]["key"]
    if not key.startswith(f"{input_config['bucket']['output']}/") or not key.endswith(".zip"):
        return f"the key of the archive is {key}"
    if storage is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "archive.zip")
        storage.download(input_config["bucket"]["bucket"], key, path)
        if not zipfile.is_zipfile(path):
            return f"{key} is no ZIP archive"
        with zipfile.ZipFile(path) as archive:
            found = {info.filename: info.CRC for info in archive.infolist() if not info.is_dir()}
    expected = {name: zlib.crc32(contents) for name, contents in files(asked)}
    return None if found == expected else f"{key} has other files than were sent: {sorted(found)}"


def files(size):
    """Names and contents, always the same, whoever makes them."""
    source = random.Random(311)
    for number in range(FILES[size]):
        name = f"part-{number % 2}/file-{number:03}.{'dat' if number % 2 else 'txt'}"
        yield name, source.randbytes(FILE_SIZE) if number % 2 else text(source)


def text(source):
    """Words that compress well."""
    return " ".join(source.choices(WORDS, k=FILE_SIZE // 7)).encode()
