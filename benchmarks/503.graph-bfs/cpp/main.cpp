#include <vector>

#include "function.hpp"
#include "graph.hpp"
#include "utils.hpp"

namespace {

/// Where each level begins among the visited vertices, and at last their number.
std::vector<std::int64_t> visit(const Graph& graph, std::int64_t first) {
  igraph_vector_int_t levels;
  check(igraph_vector_int_init(&levels, 0));
  const igraph_error_t code = igraph_bfs_simple(graph.get(), first, IGRAPH_ALL, nullptr, &levels, nullptr);
  std::vector<std::int64_t> starts;
  for (igraph_integer_t at = 0; code == IGRAPH_SUCCESS && at < igraph_vector_int_size(&levels); ++at) {
    starts.push_back(igraph_vector_int_get(&levels, at));
  }
  igraph_vector_int_destroy(&levels);
  check(code);
  return starts;
}

} // namespace

/// Makes a graph of `size` vertices, and visits them from the last one, level by level.
rapidjson::Document function(const rapidjson::Value& request) {
  const auto size = size_of(request);
  const auto began = timeSinceEpochMicrosec();
  const Graph graph(size, seed_of(request), false);
  const auto made = timeSinceEpochMicrosec();
  const std::vector<std::int64_t> starts = visit(graph, size - 1);
  const auto visited = timeSinceEpochMicrosec();

  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  rapidjson::Value result(rapidjson::kObjectType), measurement(rapidjson::kObjectType), levels(rapidjson::kArrayType);
  for (std::size_t level = 0; level + 1 < starts.size(); ++level) {
    levels.PushBack(starts[level + 1] - starts[level], allocator);
  }
  result.AddMember("vertices", graph.vertices(), allocator);
  result.AddMember("edges", graph.edges(), allocator);
  result.AddMember("visited", starts.empty() ? 0 : starts.back(), allocator);
  result.AddMember("levels", levels, allocator);
  measurement.AddMember("graph_generating_time", made - began, allocator);
  measurement.AddMember("compute_time", visited - made, allocator);
  answer.AddMember("result", result, allocator);
  answer.AddMember("measurement", measurement, allocator);
  return answer;
}
