import time

import igraph

from . import graph


def handler(event):
    """Makes a graph of `size` vertices with weighted edges, and finds its lightest spanning tree."""
    size, seed = event["size"], event.get("seed", 42)
    began = time.perf_counter_ns()
    edges = graph.edges(size, seed)
    weights = graph.weights(len(edges), seed)
    network = igraph.Graph(n=size, edges=edges)
    made = time.perf_counter_ns()
    tree = network.spanning_tree(weights=weights, return_tree=False)
    found = time.perf_counter_ns()
    return {
        "result": {
            "vertices": network.vcount(),
            "edges": network.ecount(),
            "tree_edges": len(tree),
            "tree_weight": sum(weights[edge] for edge in tree),
        },
        "measurement": {
            "graph_generating_time": (made - began) // 1000,
            "compute_time": (found - made) // 1000,
        },
    }
