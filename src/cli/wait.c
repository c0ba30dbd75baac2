#include "cli/wait.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/log_reader.h"
#include "cli/registry.h"
#include "cli/table.h"

#include <stdio.h>
#include <time.h>

enum { LAST_LINES = 20, STATUS_TEXT = 96 };

enum verdict { VERDICT_GOES_ON, VERDICT_FINE, VERDICT_FAILED };

/* --- what an answer means */

static bool is_one_of(const char *status, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(status, words[i]))
            return true;
    return false;
}

static enum verdict judge_deployment(const json_t *deployment)
{
    static const char *const fine[] = {"ACTIVE", "SCALED_TO_ZERO"};
    static const char *const waiting[] = {"BUILDING", "DEPLOYING", "LOADING_MODEL", "UPDATING",
                                          "WAKING_UP"};
    const char *status = table_text(deployment, "status");

    /* SCALED_TO_ZERO is not said before it has been ACTIVE once. */
    if (is_one_of(status, fine, COUNT_OF(fine)))
        return VERDICT_FINE;
    return is_one_of(status, waiting, COUNT_OF(waiting)) ? VERDICT_GOES_ON : VERDICT_FAILED;
}

static enum verdict judge_promotion(const json_t *promotion)
{
    static const char *const ended[] = {"FAILED", "CANCELED"};
    const char *status = table_text(promotion, "status");

    if (!strcmp(status, "SUCCEEDED"))
        return VERDICT_FINE;
    return is_one_of(status, ended, COUNT_OF(ended)) ? VERDICT_FAILED : VERDICT_GOES_ON;
}

/* --- asking */

static json_t *get(const struct wait *w, const char *pattern, const char *const *words)
{
    CLEANUP_FREE char *path = registry_path(pattern, words);
    json_t *answer = NULL;

    return client_call(w->command, "GET", path, NULL, &answer) == CLI_OK ? answer : NULL;
}

static json_t *get_deployment(const struct wait *w)
{
    return get(w, "/v1/models/{}/deployments/{}", (const char *const[]){w->model, w->deployment});
}

/* The newest one that has the deployment as its candidate. */
static json_t *get_promotion(const struct wait *w)
{
    json_t *answer = get(w, "/v1/models/{}/environments/{}/promotions",
                         (const char *const[]){w->model, w->environment});
    json_t *row, *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(answer, "promotions"), i, row)
    {
        if (!strcmp(table_text(row, "candidate_deployment_id"), w->deployment)) {
            found = json_incref(row);
            break;
        }
    }
    if (answer && !found)
        fprintf(stderr, "ambit %s: environment %s has no promotion of deployment %s\n", w->command,
                w->environment, w->deployment);
    json_decref(answer);
    return found;
}

static void print_last_lines(const struct wait *w)
{
    const char *words[] = {w->model, w->deployment};
    CLEANUP_FREE char *path = registry_path("/v1/models/{}/deployments/{}/logs", words);
    json_t *rows = log_last_lines(w->command, path, LAST_LINES);

    if (json_array_size(rows))
        fprintf(stderr, "the last lines of its log:\n");
    log_print(stderr, rows);
    json_decref(rows);
}

static int report_failure(const struct wait *w, const json_t *deployment, const json_t *promotion)
{
    const char *status = table_text(deployment, "status");
    const char *why = table_text(deployment, "status_reason");

    if (promotion) {
        const char *error = table_text(promotion, "error_message");

        fprintf(stderr, "ambit %s: the promotion of deployment %s to %s is %s%s%s\n", w->command,
                w->deployment, w->environment, table_text(promotion, "status"), *error ? ": " : "",
                error);
    }
    fprintf(stderr, "ambit %s: deployment %s is %s%s%s\n", w->command, w->deployment, status,
            *why ? ": " : "", why);
    print_last_lines(w);
    return CLI_FAILED;
}

/* A line each time that the status is another. */
static void show_status(const struct wait *w, const json_t *deployment, const json_t *promotion,
                        char shown[STATUS_TEXT])
{
    const char *of_promotion = table_text(promotion, "status");
    char now[STATUS_TEXT];

    snprintf(now, sizeof(now), "%s%s%s", table_text(deployment, "status"),
             *of_promotion ? ", promotion " : "", of_promotion);
    if (!strcmp(now, shown))
        return;
    snprintf(shown, STATUS_TEXT, "%s", now);
    fprintf(stderr, "%s: %s\n", w->deployment, now);
}

static int timed_out(const struct wait *w)
{
    fprintf(stderr, "ambit %s: not done after %llu seconds; it goes on\n", w->command,
            (unsigned long long)w->timeout_s);
    return CLI_FAILED;
}

/* One look: *ret_status is set unless it goes on. */
static enum verdict look(const struct wait *w, char shown[STATUS_TEXT], int *ret_status)
{
    json_t *promotion = w->environment ? get_promotion(w) : NULL;
    json_t *deployment = promotion || !w->environment ? get_deployment(w) : NULL;
    enum verdict verdict = VERDICT_FAILED;

    *ret_status = CLI_FAILED;
    if (deployment) {
        verdict = promotion ? judge_promotion(promotion) : judge_deployment(deployment);
        show_status(w, deployment, promotion, shown);
        if (w->on_turn)
            w->on_turn(w->ctx);
        if (verdict == VERDICT_FAILED)
            *ret_status = report_failure(w, deployment, promotion);
        else
            *ret_status = CLI_OK;
    }
    json_decref(deployment);
    json_decref(promotion);
    return verdict;
}

int wait_until_done(const struct wait *w)
{
    int64_t end = clock_monotonic_ns() + (int64_t)w->timeout_s * NS_PER_S;
    char shown[STATUS_TEXT] = "";
    int status;

    while (look(w, shown, &status) == VERDICT_GOES_ON) {
        if (w->timeout_s && clock_monotonic_ns() >= end)
            return timed_out(w);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return status;
}
