// Object storage, as benchmarks call it.
#pragma once

#include "sebs/storage.hpp"
