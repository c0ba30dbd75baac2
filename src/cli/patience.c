#include "cli/patience.h"

#include "base/clock.h"

#include <stdio.h>

/* Somebody in between says that the server is not there. */
static bool is_passing(long status)
{
    return status == 502 || status == 503 || status == 504;
}

static enum patience_result bear(struct patience *p)
{
    int64_t now_ns = clock_monotonic_ns();

    if (!p->since_ns) {
        p->since_ns = now_ns;
        fprintf(stderr, "ambit %s: the server does not answer; asking again\n", p->command);
    }
    if (now_ns - p->since_ns < PATIENCE_S * NS_PER_S)
        return PATIENCE_LATER;
    fprintf(stderr, "ambit %s: no answer for %d seconds\n", p->command, PATIENCE_S);
    return PATIENCE_OVER;
}

enum patience_result patience_get(struct patience *p, const char *path, json_t **ret_answer)
{
    json_t *answer = NULL;
    long status = 0;

    if (client_ask(NULL, "GET", path, NULL, &status, &answer) != CLI_OK || is_passing(status)) {
        json_decref(answer);
        return bear(p);
    }
    p->since_ns = 0;
    if (status >= 200 && status < 300) {
        *ret_answer = answer;
        return PATIENCE_ANSWERED;
    }
    client_report(p->command, status, answer);
    json_decref(answer);
    return PATIENCE_OVER;
}
