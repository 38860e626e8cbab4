#include "base/machine.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

uint64_t chn_machine_memory(void)
{
  static const char *const limits[] = { "/sys/fs/cgroup/memory.max",
                                        "/sys/fs/cgroup/memory/memory.limit_in_bytes" };
  uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    FILE *f = fopen(limits[i], "r");
    unsigned long long limit = 0; // "max", which is no number, means none
    if (f != NULL && fscanf(f, "%llu", &limit) == 1 && limit > 0 && limit < bytes) {
      bytes = limit;
    }
    if (f != NULL) {
      fclose(f);
    }
  }
  return bytes;
}
