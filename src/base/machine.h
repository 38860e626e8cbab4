/// machine.h: what this process may use.
#pragma once
#include <stdint.h>

/// Bytes of memory of the machine, or of the control group that the process runs in if that has
/// less.
uint64_t chn_machine_memory(void);
