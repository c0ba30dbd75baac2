#include "cli/wait.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/log_reader.h"
#include "cli/patience.h"
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

/* What a wait remembers from one look to the next. */
struct state {
    struct patience patience;
    char shown[STATUS_TEXT];
};

static enum patience_result get(struct state *s, const char *pattern, const char *const *words,
                                json_t **ret_answer)
{
    CLEANUP_FREE char *path = registry_path(pattern, words);

    return patience_get(&s->patience, path, ret_answer);
}

/* The newest one that has the deployment as its candidate. */
static enum patience_result get_promotion(const struct wait *w, struct state *s,
                                          json_t **ret_promotion)
{
    const char *words[] = {w->model, w->environment};
    json_t *answer = NULL, *row, *found = NULL;
    enum patience_result result = get(s, "/v1/{model}/environments/{}/promotions", words, &answer);
    size_t i;

    if (result != PATIENCE_ANSWERED)
        return result;
    json_array_foreach(json_object_get(answer, "promotions"), i, row)
    {
        if (!strcmp(table_text(row, "candidate_deployment_id"), w->deployment)) {
            found = json_incref(row);
            break;
        }
    }
    if (!found)
        fprintf(stderr, "ambit %s: environment %s has no promotion of deployment %s\n", w->command,
                w->environment, w->deployment);
    json_decref(answer);
    *ret_promotion = found;
    return found ? PATIENCE_ANSWERED : PATIENCE_OVER;
}

static void print_last_lines(const struct wait *w)
{
    const char *words[] = {w->model, w->deployment};
    CLEANUP_FREE char *path = registry_path("/v1/{model}/deployments/{}/logs", words);
    json_t *rows = log_last_lines(w->command, path, LAST_LINES);

    if (json_array_size(rows))
        fprintf(stderr, "the last lines of its log:\n");
    log_print(stderr, rows);
    json_decref(rows);
}

static void report_failure(const struct wait *w, const json_t *deployment, const json_t *promotion)
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
    if (!w->on_turn) /* which has shown them */
        print_last_lines(w);
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

static enum verdict judge(const struct wait *w, struct state *s, const json_t *deployment,
                          const json_t *promotion)
{
    enum verdict verdict = promotion ? judge_promotion(promotion) : judge_deployment(deployment);

    show_status(w, deployment, promotion, s->shown);
    if (w->on_turn)
        w->on_turn(w->ctx);
    if (verdict == VERDICT_FAILED)
        report_failure(w, deployment, promotion);
    return verdict;
}

static enum verdict look(const struct wait *w, struct state *s)
{
    const char *words[] = {w->model, w->deployment};
    json_t *promotion = NULL, *deployment = NULL;
    enum patience_result result = PATIENCE_ANSWERED;
    enum verdict verdict = VERDICT_FAILED;

    if (w->environment)
        result = get_promotion(w, s, &promotion);
    if (result == PATIENCE_ANSWERED)
        result = get(s, "/v1/{model}/deployments/{}", words, &deployment);
    if (result == PATIENCE_ANSWERED)
        verdict = judge(w, s, deployment, promotion);
    else if (result == PATIENCE_LATER)
        verdict = VERDICT_GOES_ON;
    json_decref(deployment);
    json_decref(promotion);
    return verdict;
}

int wait_until_done(const struct wait *w)
{
    int64_t end = clock_monotonic_ns() + (int64_t)w->timeout_s * NS_PER_S;
    struct state state = {.patience.command = w->command};
    enum verdict verdict;

    while ((verdict = look(w, &state)) == VERDICT_GOES_ON) {
        if (w->timeout_s && clock_monotonic_ns() >= end)
            return timed_out(w);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return verdict == VERDICT_FINE ? CLI_OK : CLI_FAILED;
}
