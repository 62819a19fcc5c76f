import time

import igraph

from . import graph

LISTED = 10


def handler(event):
    """Makes a graph of `size` vertices, and ranks them by the edges that lead to them."""
    size, seed = event["size"], event.get("seed", 42)
    began = time.perf_counter_ns()
    network = igraph.Graph(n=size, edges=graph.edges(size, seed), directed=True)
    made = time.perf_counter_ns()
    ranks = network.pagerank(damping=0.85)
    ranked = time.perf_counter_ns()
    # Rounded, for another processor may add up in another order.
    best = sorted((-round(rank, 9), vertex) for vertex, rank in enumerate(ranks))[:LISTED]
    return {
        "result": {
            "vertices": network.vcount(),
            "edges": network.ecount(),
            "best": [{"vertex": vertex, "rank": -rank} for rank, vertex in best],
        },
        "measurement": {
            "graph_generating_time": (made - began) // 1000,
            "compute_time": (ranked - made) // 1000,
        },
    }
