#pragma once

/* The management API over HTTP on the control port: reads a request, checks its key, hands it to
 * api.h, sends the answer. */

#include "control/api.h"

struct http_api;

/* Accepts from `fd`, which stays the caller's. */
struct http_api *http_api_new(struct api *api, int fd);
void http_api_free(struct http_api *h);
