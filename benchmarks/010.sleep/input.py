"""Events of three sizes."""

SECONDS = {"test": 1, "small": 10, "large": 100}


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 0, 0


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """An event."""
    return {"sleep": SECONDS[size]}
