#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

int cli_main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "version") == 0) {
    printf("chronon %s\n", CHRONON_VERSION);
    return 0;
  }
  fprintf(stderr, "usage: chronon version\n");
  return 2;
}
