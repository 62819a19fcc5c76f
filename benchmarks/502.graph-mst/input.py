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
    made = graph()
    size, seed = input_config["size"], input_config["seed"]
    edges = made.edges(size, seed)
    expected = {
        "vertices": size,
        "edges": len(edges),
        "tree_edges": size - 1,
        "tree_weight": lightest(size, edges, made.weights(len(edges), seed)),
    }
    return None if output["result"] == expected else f"the result is {output['result']}, not {expected}"


def lightest(size, edges, weights):
    """The weight of the lightest spanning tree, by Kruskal's method."""
    parents = list(range(size))

    def root(vertex):
        while parents[vertex] != vertex:
            parents[vertex] = parents[parents[vertex]]
            vertex = parents[vertex]
        return vertex

    total = 0
    for weight, (one, other) in sorted(zip(weights, edges)):
        one, other = root(one), root(other)
        if one != other:
            parents[one] = other
            total += weight
    return total
