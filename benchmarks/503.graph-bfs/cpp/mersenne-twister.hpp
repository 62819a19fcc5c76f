// The random numbers of Python's `random.Random(seed).random()`: MT19937, seeded by an array.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

class MersenneTwister {
public:
  explicit MersenneTwister(std::uint64_t seed) {
    std::vector<std::uint32_t> key = {static_cast<std::uint32_t>(seed)};
    if (seed >> 32) key.push_back(static_cast<std::uint32_t>(seed >> 32));
    state_[0] = 19650218;
    for (std::size_t i = 1; i < SIZE; ++i) state_[i] = 1812433253u * mixed(i) + static_cast<std::uint32_t>(i);
    std::size_t at = 1, from = 0;
    const auto step = [&] {
      if (++at == SIZE) {
        state_[0] = state_[SIZE - 1];
        at = 1;
      }
    };
    for (std::size_t round = 0; round < SIZE; ++round) {
      state_[at] = (state_[at] ^ mixed(at) * 1664525u) + key[from] + static_cast<std::uint32_t>(from);
      step();
      from = (from + 1) % key.size();
    }
    for (std::size_t round = 1; round < SIZE; ++round) {
      state_[at] = (state_[at] ^ mixed(at) * 1566083941u) - static_cast<std::uint32_t>(at);
      step();
    }
    state_[0] = 0x80000000u;
  }

  /// A number from 0 to below 1, of 53 bits.
  double draw() {
    const std::uint32_t high = next() >> 5, low = next() >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

private:
  static constexpr std::size_t SIZE = 624, MIDDLE = 397;

  std::uint32_t mixed(std::size_t at) const { return state_[at - 1] ^ state_[at - 1] >> 30; }

  std::uint32_t next() {
    if (at_ == SIZE) {
      for (std::size_t i = 0; i < SIZE; ++i) {
        const std::uint32_t bits = (state_[i] & 0x80000000u) | (state_[(i + 1) % SIZE] & 0x7fffffffu);
        state_[i] = state_[(i + MIDDLE) % SIZE] ^ bits >> 1 ^ (bits & 1 ? 0x9908b0dfu : 0);
      }
      at_ = 0;
    }
    std::uint32_t value = state_[at_++];
    value ^= value >> 11;
    value ^= value << 7 & 0x9d2c5680u;
    value ^= value << 15 & 0xefc60000u;
    return value ^ value >> 18;
  }

  std::array<std::uint32_t, SIZE> state_{};
  std::size_t at_ = SIZE;
};
