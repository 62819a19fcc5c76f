"""Events of three sizes."""

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
