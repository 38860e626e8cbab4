/// template.h: the repo that `chronon init` writes; its files are those of src/cli/template.
#pragma once
#include <stddef.h>

struct cli_template_file {
  const char *path; ///< relative to the repo; NULL ends the table
  const unsigned char *bytes;
  size_t size;
};

extern const struct cli_template_file cli_template[];
