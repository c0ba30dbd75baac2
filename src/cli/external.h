#pragma once

/* `ambit deployments create`: a deployment that is a server which others run. */
int deployments_run_create(int argc, char **argv);
