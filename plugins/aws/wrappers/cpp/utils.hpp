// What benchmarks measure with.
#pragma once

#include "sebs/clock.hpp"
