/// cli.h: the command line.
#pragma once

/// Runs one command. Data goes to stdout, everything else to stderr.
/// Returns the exit code: 0 done, 1 failed, 2 usage or differences found.
int cli_main(int argc, char **argv);
