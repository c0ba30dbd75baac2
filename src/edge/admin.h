#pragma once

/*
 * The edge's own socket for whoever looks after this machine: `edge.sock` in the data directory,
 * its user's alone (0600). It answers while control is away, and of this edge only: GET /metrics,
 * /status, /health/live, /health/ready. When a newer edge starts to serve, the file is that one's.
 */

struct admin;
struct edge;

/* Binds the socket. NULL with a logged reason: the edge serves without it. */
struct admin *admin_new(struct edge *edge);
void admin_free(struct admin *a);
