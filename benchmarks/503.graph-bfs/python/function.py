import time

import igraph

from . import graph


def handler(event):
    """Makes a graph of `size` vertices, and visits them from the last one, level by level."""
    size, seed = event["size"], event.get("seed", 42)
    began = time.perf_counter_ns()
    network = igraph.Graph(n=size, edges=graph.edges(size, seed))
    made = time.perf_counter_ns()
    vertices, starts, _ = network.bfs(size - 1)
    visited = time.perf_counter_ns()
    return {
        "result": {
            "vertices": network.vcount(),
            "edges": network.ecount(),
            "visited": len(vertices),
            "levels": [end - start for start, end in zip(starts, starts[1:])],
        },
        "measurement": {
            "graph_generating_time": (made - began) // 1000,
            "compute_time": (visited - made) // 1000,
        },
    }
