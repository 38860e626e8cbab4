/// luart.h: definitions in Lua become model structs.
///
/// Definitions are programs of strangers. They run in LuaJIT's interpreter (the JIT is off) and see
/// no files, no time, no chance, no native code and no bytecode; instructions, memory and processor
/// time are limited. What they give depends on nothing but the files of the repo: even `pairs` has
/// one order, and no table shows its address.
///
/// Each load is a state of its own, so that no file can change what another one means.
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/model.h"

/// 0 takes the default.
struct luart_limits {
  int64_t instructions; ///< default 500 million
  size_t memory;        ///< bytes of Lua's heap; default 256 MiB
  int32_t cpu_ms;       ///< processor time; default 20 s
};

/// A definition of the file that was loaded.
struct luart_definition {
  struct model_conf conf; ///< text is NULL
  const char *name;       ///< team.file.variable
  const char *variable;
  const char *where; ///< "group_bys/team/file.lua:12", where it was made; NULL when not known
};

/// What is worth saying and no error.
struct luart_advice {
  const char *where; ///< or NULL
  const char *message;
};

/// All strings and structs are in the arena of the call.
struct luart_file {
  struct luart_definition *definitions; ///< by variable name
  int32_t n_definitions;
  struct luart_advice *advice;
  int32_t n_advice;
  const char **files; ///< the files of the repo that were read, this one first, relative to it
  int32_t n_files;
  const char *printed; ///< what the definitions printed; "" for nothing
};

struct luart;
struct codec_json;

/// A loader of the definitions under a folder. Cheap: nothing is run yet.
struct luart *luart_new(const char *repo, const struct luart_limits *limits);
void luart_free(struct luart *rt);

/// Runs one definition file and gives what it defines. `file` is relative to the repo,
/// "group_bys/team/file.lua". Errors of the author are CHN_E_ARGUMENT and carry file:line; a file
/// that is not there is CHN_E_NOT_FOUND; *out is then unchanged, and memory stays in the arena.
chn_status luart_load(struct luart *rt, struct arena *a, const char *file, struct luart_file *out,
                      struct chn_err *err);

/// Runs a text as if it were a file of the repo called `name`, and gives the value it returns as
/// JSON on one line (an ordered map as an object, c.null and nil as null).
chn_status luart_eval(struct luart *rt, struct arena *a, const char *name, const char *text,
                      size_t len, const char **json, struct chn_err *err);

/// Runs a test file (`require "chronon.test"`; lua/chronon/trial.lua) and gives what it asks for:
///
///     { "tests": [{ "name", "where", "error"?, "tables": [{ "name", "where", "rows", "columns"?,
///         "ds"? }], "checks": [{ "kind": "at" | "rows" | "raised", "where", "fails"?,
///         "definition"?, ... }] }],
///       "definitions": [{ "kind", "name", "where", "object" }] }
///
/// `definition` is an index from 1. Errors are as luart_load's; *printed is what it printed.
chn_status luart_test(struct luart *rt, struct arena *a, const char *file,
                      const struct codec_json **plan, const char **printed, struct chn_err *err);
