"""Events of three sizes, and whether an answer is right."""

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


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    asked, slept = input_config["sleep"], output["result"]
    return None if slept == asked else f"it slept for {slept} seconds, not {asked}"
