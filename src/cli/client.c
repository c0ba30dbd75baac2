#include "cli/client.h"

#include "base/buf.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>

enum { ANSWER_MAX_BYTES = 256 << 20, TIMEOUT_MS = 60000, CONNECT_MS = 5000 };

static size_t on_bytes(char *p, size_t size, size_t n, void *ctx)
{
    struct buf *answer = ctx;

    buf_put(answer, p, size * n);
    return answer->overflow ? 0 : size * n;
}

static const char *base_url(void)
{
    const char *url = getenv("AMBIT_URL");

    return url && *url ? url : "http://127.0.0.1:4001";
}

static struct curl_slist *headers_of(void)
{
    const char *key = getenv("AMBIT_API_KEY");
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct buf line;

    if (!key || !*key)
        return headers;
    buf_init(&line, 0);
    buf_printf(&line, "Authorization: Bearer %s", key);
    headers = curl_slist_append(headers, line.p);
    buf_deinit(&line);
    return headers;
}

static CURLcode perform(CURL *curl, const char *method, const char *url, const char *body,
                        struct buf *answer)
{
    struct curl_slist *headers = headers_of();

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    CURLcode result = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return result;
}

/* The server's own words, where it gave any. */
static void report_refusal(const char *command, long status, const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *param = json_string_value(json_object_get(error, "param"));
    const json_t *line;
    size_t i;

    fprintf(stderr, "ambit %s: %s", command, message ? message : "the server refused");
    fprintf(stderr, " (HTTP %ld%s%s)\n", status, param ? ", " : "", param ? param : "");
    json_array_foreach(json_object_get(answer, "widening"), i, line)
        fprintf(stderr, "  %s\n", json_string_value(json_object_get(line, "text")));
    json_array_foreach(json_object_get(answer, "diagnostics"), i, line)
        fprintf(stderr, "  %s\n", json_string_value(line));
    if (status == 401 && !getenv("AMBIT_API_KEY"))
        fprintf(stderr, "  set AMBIT_API_KEY to the master key, or to a key with the scope\n");
}

static int judge(const char *command, long status, const struct buf *text, json_t **ret_answer)
{
    json_error_t error;
    json_t *answer =
        json_loadb(text->n ? text->p : "null", text->n ? text->n : 4, JSON_DECODE_ANY, &error);

    if (status >= 200 && status < 300 && answer) {
        *ret_answer = answer;
        return CLI_OK;
    }
    if (answer && status >= 400)
        report_refusal(command, status, answer);
    else
        fprintf(stderr, "ambit %s: %s answered %ld with something that is no JSON\n", command,
                base_url(), status);
    json_decref(answer);
    return CLI_FAILED;
}

int client_call(const char *command, const char *method, const char *path, const json_t *body,
                json_t **ret_answer)
{
    CURL *curl = curl_easy_init();
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct buf url, answer;
    long status = 0;
    int result = CLI_FAILED;

    buf_init(&url, 0);
    buf_init(&answer, ANSWER_MAX_BYTES);
    buf_printf(&url, "%s%s", base_url(), path);
    CURLcode r = curl ? perform(curl, method, url.p, text, &answer) : CURLE_FAILED_INIT;
    if (r == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        result = judge(command, status, &answer, ret_answer);
    } else {
        fprintf(stderr, "ambit %s: no answer from %s: %s\n", command, base_url(),
                curl_easy_strerror(r));
        fprintf(stderr, "  AMBIT_URL names the management address of a running server\n");
    }
    curl_easy_cleanup(curl);
    buf_deinit(&url);
    buf_deinit(&answer);
    free(text);
    return result;
}

void client_put_encoded(struct buf *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("-_.~", *p);

        if (plain)
            buf_put_char(to, *p);
        else
            buf_printf(to, "%%%02X", (unsigned char)*p);
    }
}

json_t *client_names(const struct cli_list *list)
{
    if (list->n == 0)
        return NULL;
    if (list->n == 1)
        return json_string(list->items[0]);
    json_t *names = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(names, json_string(list->items[i]));
    return names;
}

void client_print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    printf("\n");
}

void client_warn_if_pending(const char *command, const json_t *answer)
{
    const json_t *name;
    size_t i;

    if (!json_is_false(json_object_get(answer, "in_force")))
        return;
    fprintf(stderr, "ambit %s: done, but not in force yet on:", command);
    json_array_foreach(json_object_get(answer, "not_in_force"), i, name)
        fprintf(stderr, " %s", json_string_value(name));
    fprintf(stderr, "\n");
}

static int print_verbs(FILE *to, const char *command, const struct client_verb *verbs,
                       size_t n_verbs)
{
    fprintf(to, "usage: ambit %s VERB [OPTION ...]\n\n", command);
    for (size_t i = 0; i < n_verbs; i++)
        fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    fprintf(to, "\n`ambit %s VERB --help` says more.\n", command);
    return to == stdout ? CLI_OK : CLI_USAGE;
}

static int unknown_verb(const char *command, str wrong, const struct client_verb *verbs,
                        size_t n_verbs)
{
    CLEANUP_FREE str *names = mem_array(n_verbs, sizeof(*names));

    for (size_t i = 0; i < n_verbs; i++)
        names[i] = str_of(verbs[i].name);
    str near = str_near_match(wrong, names, n_verbs);
    fprintf(stderr, "ambit %s: there is no verb \"%.*s\"", command, STR_ARG(wrong));
    if (near.n)
        fprintf(stderr, "; did you mean \"%.*s\"?", STR_ARG(near));
    fprintf(stderr, "\n`ambit %s --help` lists the verbs.\n", command);
    return CLI_USAGE;
}

int client_dispatch(int argc, char **argv, const struct client_verb *verbs, size_t n_verbs)
{
    const char *command = argv[0];
    char name[64];

    if (argc < 2)
        return print_verbs(stderr, command, verbs, n_verbs);
    str verb = str_of(argv[1]);
    if (str_eq(verb, STR("--help")) || str_eq(verb, STR("-h")) || str_eq(verb, STR("help")))
        return print_verbs(stdout, command, verbs, n_verbs);
    for (size_t i = 0; i < n_verbs; i++) {
        if (!str_eq(verb, str_of(verbs[i].name)))
            continue;
        /* Messages of the options' parser begin with it. */
        snprintf(name, sizeof(name), "%s %s", command, verbs[i].name);
        argv[1] = name;
        return verbs[i].run(argc - 1, argv + 1);
    }
    return unknown_verb(command, verb, verbs, n_verbs);
}
