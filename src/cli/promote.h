#pragma once

/* `ambit env promote`: its own file, since it plans and waits. */
int env_run_promote(int argc, char **argv);
