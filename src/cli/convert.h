/// convert.h: what lua/convert, which turns compiled definitions into Lua, has of the program.
///
/// lua/convert calls this through LuaJIT's FFI; texts stay valid until the command ends, items
/// until the next compile.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct cli_context;
struct compile_report;

/// A compiled definition.
struct cli_convert_conf {
  const char *path;   ///< as it was found
  const char *folder; ///< of its kind: "group_bys", ...
  const char *name;   ///< metaData.name, or NULL
  const char *text;   ///< Chronon's JSON
};

/// What became of a definition in the scratch repo.
struct cli_convert_item {
  const char *folder; ///< NULL: `name` is a file that does not load
  const char *name;
  const char *where; ///< "group_bys/team/file.lua:12", or NULL
  const char *text;  ///< its JSON, or NULL
  const char *message;
  bool failed;
};

struct cli_convert {
  const struct cli_convert_conf *confs;
  int32_t n_confs;
  const char *teams;   ///< the text of teams.json
  const char *scratch; ///< a repo with that teams.json, for trials
  int lock;            ///< of that folder
  const char *output;  ///< folder that the files go to
  bool force;          ///< over files that are there
  bool to_stdout;      ///< instead of files
  bool json;           ///< tell what was written as JSON
  bool quiet;
  struct cli_convert_item *items;
  int32_t n_items;
  struct cli_context *ctx;
  struct compile_report *report;
};

/// Compiles everything in the scratch repo, writing nothing: the items. Returns NULL, or why not.
const char *cli_convert_compile(struct cli_convert *c);

/// Writes a file and the folders above it. Returns NULL, or why not.
const char *cli_convert_write(struct cli_convert *c, const char *path, const char *text);

/// Whether something has this path.
bool cli_convert_is_there(const char *path);
