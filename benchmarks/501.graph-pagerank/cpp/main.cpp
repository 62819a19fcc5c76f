#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "function.hpp"
#include "graph.hpp"
#include "utils.hpp"

namespace {

constexpr std::size_t LISTED = 10;
constexpr double DAMPING = 0.85;

std::vector<double> ranks(const Graph& graph) {
  igraph_vector_t found;
  check(igraph_vector_init(&found, 0));
  const igraph_error_t code = igraph_pagerank(graph.get(), IGRAPH_PAGERANK_ALGO_PRPACK, &found, nullptr,
                                              igraph_vss_all(), true, DAMPING, nullptr, nullptr);
  const double* first = igraph_vector_get_ptr(&found, 0);
  std::vector<double> ranks;
  if (code == IGRAPH_SUCCESS) ranks.assign(first, first + igraph_vector_size(&found));
  igraph_vector_destroy(&found);
  check(code);
  return ranks;
}

/// Rounded, for another processor may add up in another order.
double rounded(double rank) { return std::round(rank * 1e9) / 1e9; }

} // namespace

/// Makes a graph of `size` vertices, and ranks them by the edges that lead to them.
rapidjson::Document function(const rapidjson::Value& request) {
  const auto began = timeSinceEpochMicrosec();
  const Graph graph(size_of(request), seed_of(request), true);
  const auto made = timeSinceEpochMicrosec();
  const std::vector<double> all = ranks(graph);
  const auto ranked = timeSinceEpochMicrosec();

  std::vector<std::pair<double, std::int64_t>> order;
  for (std::size_t vertex = 0; vertex < all.size(); ++vertex) {
    order.emplace_back(-rounded(all[vertex]), static_cast<std::int64_t>(vertex));
  }
  const auto listed = static_cast<std::ptrdiff_t>(std::min(LISTED, order.size()));
  std::partial_sort(order.begin(), order.begin() + listed, order.end());

  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  rapidjson::Value result(rapidjson::kObjectType), measurement(rapidjson::kObjectType), best(rapidjson::kArrayType);
  for (auto item = order.begin(); item != order.begin() + listed; ++item) {
    rapidjson::Value entry(rapidjson::kObjectType);
    entry.AddMember("vertex", item->second, allocator);
    entry.AddMember("rank", -item->first, allocator);
    best.PushBack(entry, allocator);
  }
  result.AddMember("vertices", graph.vertices(), allocator);
  result.AddMember("edges", graph.edges(), allocator);
  result.AddMember("best", best, allocator);
  measurement.AddMember("graph_generating_time", made - began, allocator);
  measurement.AddMember("compute_time", ranked - made, allocator);
  answer.AddMember("result", result, allocator);
  answer.AddMember("measurement", measurement, allocator);
  return answer;
}
