// The key-value database: Amazon DynamoDB.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "signed-request.hpp"

namespace sebs {

/// What benchmarks call: items with a text `key` and bytes `data`. A table is found by the
/// environment variable NOSQL_STORAGE_TABLE_<table>, else by its own name.
class KeyValue {
public:
  KeyValue();

  /// Reads an item and drops it. `retries` gets the number of attempts that failed, `read_units`
  /// what DynamoDB charges; with `backoff` it waits longer and longer between attempts. The
  /// microseconds that it took; throws std::runtime_error on failure.
  std::uint64_t download_file(const std::string& table, const std::string& key, int& retries, double& read_units,
                              bool backoff);

  /// Writes an item. `write_units` gets what DynamoDB charges. The microseconds that it took;
  /// throws std::runtime_error on failure.
  std::uint64_t upload_file(const std::string& table, const std::string& key, double& write_units, int size,
                            unsigned char* data);

private:
  std::string ask(const std::string& operation, const std::string& body, int& retries, bool backoff);

  std::shared_ptr<Connection> connection_;
};

} // namespace sebs

using sebs::KeyValue;
