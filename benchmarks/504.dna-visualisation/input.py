"""Events of three sizes, with a sequence that is made here, and whether an answer is right."""

import json
import os
import random
import tempfile

BASES = {"test": 1_000, "small": 100_000, "large": 1_000_000}
LINE = 70


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 1, 1


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """Uploads a FASTA file of one sequence; an event that draws it."""
    key = f"made-{size}.fasta"
    bases = sequence(BASES[size])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, key)
        with open(path, "w", encoding="ascii", newline="\n") as file:
            file.write(f">made of {len(bases)} bases by chance\n")
            for start in range(0, len(bases), LINE):
                file.write(f"{bases[start : start + LINE]}\n")
        upload_func(0, key, path)
    return {
        "bucket": {"bucket": benchmarks_bucket, "input": input_paths[0], "output": output_paths[0]},
        "object": {"key": key, "bases": len(bases)},
    }


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    bases, result = sequence(input_config["object"]["bases"]), output["result"]
    if result["bases"] != len(bases):
        return f"{result['bases']} bases were read, not {len(bases)}"
    if storage is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "points.json")
        storage.download(input_config["bucket"]["bucket"], result["key"], path)
        if os.path.getsize(path) != output["measurement"]["upload_size"]:
            return f"{result['key']} has {os.path.getsize(path)} bytes, not {output['measurement']['upload_size']}"
        with open(path, encoding="utf-8") as file:
            points = json.load(file)
    expected = line(bases)
    if points["y"] != expected:
        return f"{result['key']} is not the line of the sequence"
    if any(abs(x - number / 2) > 1e-6 for number, x in enumerate(points["x"])) or len(points["x"]) != len(expected):
        return f"{result['key']} does not go by halves from left to right"
    return None


def sequence(length):
    """Bases, always the same ones."""
    draw = random.Random(504).random
    return "".join("ACGT"[int(draw() * 4)] for _ in range(length))


def line(bases):
    """The heights of the line: A up and down, C down and up, T down twice, G up twice."""
    steps = {"A": (0.5, -0.5), "C": (-0.5, 0.5), "T": (-0.5, -0.5), "G": (0.5, 0.5)}
    heights = [0]
    for base in bases:
        for step in steps[base]:
            heights.append(heights[-1] + step)
    return heights
