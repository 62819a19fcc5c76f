"""A graph that is the same wherever it is made: of a size and a seed."""

import random

NEIGHBOURS = 5


def edges(size, seed):
    """Pairs of vertices: each new vertex joins others, those with many edges more often."""
    if size < 1:
        raise ValueError(f"`size` is {size}; a graph has at least one vertex")
    # random() alone: what the other methods make of it is not the same in each version of Python.
    draw = random.Random(seed).random
    ends, found = [], []
    for vertex in range(1, size):
        wanted = min(vertex, NEIGHBOURS)
        chosen = {vertex - 1} if vertex <= NEIGHBOURS else set()
        while len(chosen) < wanted:
            # A third of the edges go anywhere, so that the graph has some depth.
            pick = draw()
            anywhere = not ends or pick < 1 / 3
            chosen.add(int(draw() * vertex) if anywhere else ends[int(draw() * len(ends))])
        for other in sorted(chosen):
            found.append((vertex, other))
            ends += (other, vertex)
    return found
