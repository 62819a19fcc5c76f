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
    result = output["result"]
    found = result["vertices"], result["edges"]
    if found != (size, len(edges)):
        return f"the graph has {found[0]} vertices and {found[1]} edges, not {size} and {len(edges)}"
    expected = ranks(size, edges)
    best = [(item["vertex"], item["rank"]) for item in result["best"]]
    if len(best) != min(size, 10) or [rank for _, rank in best] != sorted((rank for _, rank in best), reverse=True):
        return f"`best` is no list of the ten best, the best first: {best}"
    wrong = [(vertex, rank, expected[vertex]) for vertex, rank in best if abs(rank - expected[vertex]) > 1e-6]
    if wrong:
        return f"vertex {wrong[0][0]} has rank {wrong[0][1]}, not {wrong[0][2]:.9f}"
    if best[0][1] < max(expected) - 1e-6:
        return f"the best vertex is {expected.index(max(expected))}, not {best[0][0]}"
    return None


def ranks(size, edges, damping=0.85, rounds=100):
    """Page ranks, by repeating what a surfer does."""
    following = [[] for _ in range(size)]
    for source, target in edges:
        following[source].append(target)
    now = [1 / size] * size
    for _ in range(rounds):
        # Who is at a page without links goes anywhere.
        lost = sum(now[vertex] for vertex in range(size) if not following[vertex])
        after = [(1 - damping + damping * lost) / size] * size
        for vertex, targets in enumerate(following):
            for target in targets:
                after[target] += damping * now[vertex] / len(targets)
        change = sum(abs(a - b) for a, b in zip(now, after))
        now = after
        if change < 1e-12:
            break
    return now
