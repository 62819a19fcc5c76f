"""Events of three sizes, and whether an answer is right."""

import importlib.util
import os

VERTICES = {"test": 10, "small": 10_000, "large": 100_000}
SEED = 42


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 0, 0


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """An event."""
    return {"size": VERTICES[size], "seed": SEED}


def graph():
    """The module that makes the graph, from the function's own folder."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python", "graph.py")
    spec = importlib.util.spec_from_file_location("graph", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    size = input_config["size"]
    edges = graph().edges(size, input_config["seed"])
    counts = levels(size, edges, size - 1)
    expected = {"vertices": size, "edges": len(edges), "visited": sum(counts), "levels": counts}
    return None if output["result"] == expected else f"the result is {output['result']}, not {expected}"


def levels(size, edges, start):
    """How many vertices are at each distance from one of them."""
    neighbours = [[] for _ in range(size)]
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    seen, level, counts = {start}, {start}, []
    while level:
        counts.append(len(level))
        level = {other for vertex in level for other in neighbours[vertex]} - seen
        seen |= level
    return counts
