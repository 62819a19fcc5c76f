"""Events of three sizes, and whether an answer is right."""

import re

NUMBERS = {"test": 10, "small": 1_000, "large": 50_000}


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 0, 0


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """An event."""
    return {"username": "tester", "random_len": NUMBERS[size]}


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    page, asked = output["result"], input_config["random_len"]
    if f"Hello, {input_config['username']}!" not in page:
        return f"the page does not greet {input_config['username']}"
    numbers = set(re.findall(r"<li>(\d+)</li>", page))
    return None if len(numbers) == asked else f"the page lists {len(numbers)} different numbers, not {asked}"
