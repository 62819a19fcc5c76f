// The key-value database, as benchmarks call it.
#pragma once

#include "sebs/key-value.hpp"
