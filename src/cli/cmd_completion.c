// chronon completion: what a shell must be told so that Tab knows this program's words.
//
// The scripts only ask the program: `chronon __complete WORD...` answers with candidates, which are
// therefore always those of the program that is installed.
#include <string.h>

#include "cli/context.h"

static const char bash[] =
    "# chronon completion bash: source it, or put it into bash-completion's folder\n"
    "_chronon() {\n"
    "  local IFS=$'\\n' cur=${COMP_WORDS[COMP_CWORD]}\n"
    "  COMPREPLY=($(\"${COMP_WORDS[0]}\" __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
    "2>/dev/null))\n"
    "  # Nothing of ours: files and folders.\n"
    "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "}\n"
    "complete -o filenames -F _chronon chronon\n";

static const char zsh[] =
    "#compdef chronon\n"
    "# chronon completion zsh: put it as _chronon into a folder of $fpath\n"
    "_chronon() {\n"
    "  local -a found\n"
    "  found=(${(f)\"$(${words[1]} __complete \"${(@)words[2,$CURRENT]}\" 2>/dev/null)\"})\n"
    "  if (( ${#found} )); then compadd -Q -- $found; else _files; fi\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _chronon ]; then _chronon \"$@\"; else compdef _chronon chronon; "
    "fi\n";

static const char fish[] =
    "# chronon completion fish: put it into ~/.config/fish/completions/chronon.fish\n"
    "function __chronon_complete\n"
    "  set -l words (commandline -opc) (commandline -ct)\n"
    "  $words[1] __complete $words[2..-1] 2>/dev/null\n"
    "end\n"
    "complete -c chronon -f -n 'test (count (__chronon_complete)) -gt 0' -a "
    "'(__chronon_complete)'\n"
    "complete -c chronon -F -n 'test (count (__chronon_complete)) -eq 0'\n";

static const struct {
  const char *name;
  const char *script;
} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

static int run_completion(struct cli_context *ctx)
{
  struct chn_err err;
  const char *name = ctx->args.n_positional > 0 ? ctx->args.positional[0] : NULL;
  for (size_t i = 0; name != NULL && i < sizeof shells / sizeof *shells; i++) {
    if (strcmp(name, shells[i].name) == 0) {
      struct chn_buf out = { 0 };
      chn_buf_adds(&out, shells[i].script);
      cli_print(&out);
      chn_buf_deinit(&out);
      return CLI_DONE;
    }
  }
  chn_fail(&err, CHN_E_ARGUMENT,
           name == NULL ? "which shell: bash, zsh or fish?"
                        : "no completion for \"%s\"; there are bash, zsh and "
                          "fish",
           name);
  return cli_fail(ctx, &err, true);
}

const struct cli_command cli_cmd_completion = {
  .name = "completion",
  .args = "bash|zsh|fish",
  .max_args = 1,
  .summary = "the script that lets a shell complete commands, options and definitions",
  .examples = "source <(chronon completion bash)\n"
              "chronon completion zsh >~/.zfunc/_chronon\n"
              "chronon completion fish >~/.config/fish/completions/chronon.fish",
  .run = run_completion,
};
