#include "graph.hpp"

#include <set>
#include <stdexcept>
#include <string>

#include "mersenne-twister.hpp"

namespace {

constexpr std::size_t NEIGHBOURS = 5;

} // namespace

std::vector<igraph_integer_t> edges(std::int64_t size, std::uint64_t seed) {
  if (size < 1) throw std::invalid_argument("`size` is " + std::to_string(size) + "; a graph has at least one vertex");
  MersenneTwister random(seed);
  std::vector<igraph_integer_t> ends, found;
  for (std::int64_t vertex = 1; vertex < size; ++vertex) {
    const auto first = static_cast<std::size_t>(vertex);
    const std::size_t wanted = first < NEIGHBOURS ? first : NEIGHBOURS;
    std::set<igraph_integer_t> chosen;
    if (first <= NEIGHBOURS) chosen.insert(vertex - 1);
    while (chosen.size() < wanted) {
      // A third of the edges go anywhere, so that the graph has some depth.
      const bool anywhere = random.draw() < 1.0 / 3 || ends.empty();
      const double pick = random.draw();
      chosen.insert(anywhere ? static_cast<igraph_integer_t>(pick * static_cast<double>(vertex))
                             : ends[static_cast<std::size_t>(pick * static_cast<double>(ends.size()))]);
    }
    for (const igraph_integer_t other : chosen) {
      found.insert(found.end(), {vertex, other});
      ends.insert(ends.end(), {other, vertex});
    }
  }
  return found;
}

void check(igraph_error_t code) {
  if (code != IGRAPH_SUCCESS) throw std::runtime_error(std::string("igraph: ") + igraph_strerror(code));
}

Graph::Graph(std::int64_t size, std::uint64_t seed, bool directed) {
  // Its own way is to end the program.
  igraph_set_error_handler(igraph_error_handler_ignore);
  const std::vector<igraph_integer_t> pairs = ::edges(size, seed);
  igraph_vector_int_t view;
  const igraph_integer_t none = 0;
  igraph_vector_int_view(&view, pairs.empty() ? &none : pairs.data(), static_cast<igraph_integer_t>(pairs.size()));
  check(igraph_create(&graph_, &view, size, directed));
}

Graph::~Graph() { igraph_destroy(&graph_); }

std::int64_t size_of(const rapidjson::Value& request) {
  if (!request.IsObject() || !request.HasMember("size") || !request["size"].IsInt64()) {
    throw std::invalid_argument("`size` is no whole number");
  }
  return request["size"].GetInt64();
}

std::uint64_t seed_of(const rapidjson::Value& request) {
  if (!request.HasMember("seed")) return 42;
  if (!request["seed"].IsUint64()) throw std::invalid_argument("`seed` is no whole number from 0 on");
  return request["seed"].GetUint64();
}
