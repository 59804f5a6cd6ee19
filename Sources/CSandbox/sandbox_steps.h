// The two halves of a step, for csandbox alone.
#pragma once

#include <stddef.h>

// Takes away every path but those beneath `readable` (Landlock).
int sandbox_restrict_paths(const char *const *readable, size_t count);
