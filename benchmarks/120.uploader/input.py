"""Events of three sizes."""

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
