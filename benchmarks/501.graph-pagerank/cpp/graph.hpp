// A graph that is the same wherever it is made: of a size and a seed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <igraph/igraph.h>
#include <rapidjson/document.h>

/// Pairs of vertices, one after the other: each new vertex joins others, those with many edges
/// more often. The same as graph.py makes.
std::vector<igraph_integer_t> edges(std::int64_t size, std::uint64_t seed);

/// Throws std::runtime_error when igraph tells an error.
void check(igraph_error_t code);

/// A graph that is freed with its owner.
class Graph {
public:
  Graph(std::int64_t size, std::uint64_t seed, bool directed);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  const igraph_t* get() const { return &graph_; }
  std::int64_t vertices() const { return igraph_vcount(&graph_); }
  std::int64_t edges() const { return igraph_ecount(&graph_); }

private:
  igraph_t graph_;
};

/// The size and the seed of a request.
std::int64_t size_of(const rapidjson::Value& request);
std::uint64_t seed_of(const rapidjson::Value& request);
