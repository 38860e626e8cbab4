// Definition files are run by room lua; what they define becomes units.
#include <string.h>

#include "compile/compile_int.h"
#include "lua/luart.h"

chn_status loader_open(struct run *run, struct chn_err *err)
{
  (void)err;
  run->loader = luart_new(run->repo, NULL);
  return CHN_OK;
}

void loader_close(struct run *run)
{
  luart_free(run->loader);
  run->loader = NULL;
}

static void pass_on(struct run *run, const char *file, const struct luart_file *loaded)
{
  for (int32_t i = 0; i < loaded->n_advice; i++) {
    run_warn(run, loaded->advice[i].where, "%s", loaded->advice[i].message);
  }
  if (*loaded->printed) {
    run_warn(run, file, "prints: %s", loaded->printed);
  }
}

chn_status loader_load(struct run *run, const char *file, const char *only, struct chn_err *err)
{
  struct luart_file loaded = { 0 };
  const chn_status status = luart_load(run->loader, run->arena, file, &loaded, err);
  if (status) {
    return status;
  }
  pass_on(run, file, &loaded);
  for (int32_t i = 0; i < loaded.n_definitions; i++) {
    const struct luart_definition *d = &loaded.definitions[i];
    if (!only || strcmp(only, d->name) == 0) {
      run_add_unit(run, &d->conf, d->where, file);
    }
  }
  return CHN_OK;
}
