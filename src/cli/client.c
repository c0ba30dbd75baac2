#include "cli/client.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <curl/curl.h>
#include <stdio.h>
#include <unistd.h>

enum { ANSWER_MAX_BYTES = 256 << 20, TIMEOUT_MS = 60000, CONNECT_MS = 5000, STALL_S = 60 };

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

static struct curl_slist *add_header(struct curl_slist *headers, const char *name,
                                     const char *value)
{
    struct buf line;

    buf_init(&line, 0);
    buf_printf(&line, "%s: %s%c", name, value, '\0');
    headers = curl_slist_append(headers, line.p);
    buf_deinit(&line);
    return headers;
}

static struct curl_slist *headers_of(const char *type)
{
    struct curl_slist *headers = add_header(NULL, "Content-Type", type);
    const char *key = getenv("AMBIT_API_KEY");
    struct buf value;

    /* No answer in between that would have to be waited for. */
    headers = curl_slist_append(headers, "Expect:");
    if (!key || !*key)
        return headers;
    buf_init(&value, 0);
    buf_printf(&value, "Bearer %s%c", key, '\0');
    headers = add_header(headers, "Authorization", value.p);
    buf_deinit(&value);
    return headers;
}

/* What is sent: nothing, a text, or a file. */
struct request {
    const char *method, *path;
    const char *body; /* NULL: none, or the file */
    const char *type; /* of the content */
    struct client_file *file;
};

static size_t on_read(char *to, size_t size, size_t n, void *ctx)
{
    struct client_file *file = ctx;
    ssize_t got = read(file->descriptor, to, size * n);

    if (got < 0)
        return CURL_READFUNC_ABORT;
    file->sent += (uint64_t)got;
    if (file->on_sent)
        file->on_sent(file->ctx, file->sent);
    return (size_t)got;
}

static void set_content(CURL *curl, const struct request *r)
{
    if (r->body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);
    if (!r->file)
        return;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, r->file);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->file->bytes);
    /* As long as it gets on, however large it is. */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
}

static CURLcode perform(CURL *curl, const struct request *r, const char *url, struct buf *answer)
{
    struct curl_slist *headers = headers_of(r->type);

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    set_content(curl, r);
    /* Last: what is set for a body would choose another. */
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
    CURLcode result = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return result;
}

/* Ambit's words, or Baseten's, or a plain text. */
static const char *message_of(const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));

    if (!message)
        message = json_string_value(json_object_get(answer, "message"));
    return message ? message : json_string_value(error);
}

/* The server's own words, where it gave any. */
void client_report(const char *command, long status, const json_t *answer)
{
    const char *message = message_of(answer);
    const char *param =
        json_string_value(json_object_get(json_object_get(answer, "error"), "param"));
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

static int take_answer(const char *command, long status, const struct buf *text,
                       json_t **ret_answer)
{
    json_error_t error;
    json_t *answer =
        json_loadb(text->n ? text->p : "null", text->n ? text->n : 4, JSON_DECODE_ANY, &error);

    if (answer) {
        *ret_answer = answer;
        return CLI_OK;
    }
    if (command)
        fprintf(stderr, "ambit %s: %s answered %ld with something that is no JSON\n", command,
                base_url(), status);
    return CLI_FAILED;
}

static int ask(const char *command, const struct request *r, long *ret_status, json_t **ret_answer)
{
    CURL *curl = curl_easy_init();
    struct buf url, answer;
    int result = CLI_FAILED;

    buf_init(&url, 0);
    buf_init(&answer, ANSWER_MAX_BYTES);
    buf_printf(&url, "%s%s%c", base_url(), r->path, '\0');
    CURLcode code = curl ? perform(curl, r, url.p, &answer) : CURLE_FAILED_INIT;
    if (code == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
        result = take_answer(command, *ret_status, &answer, ret_answer);
    } else if (command) {
        fprintf(stderr, "ambit %s: no answer from %s: %s\n", command, base_url(),
                curl_easy_strerror(code));
        fprintf(stderr, "  AMBIT_URL names the management address of a running server\n");
    }
    curl_easy_cleanup(curl);
    buf_deinit(&url);
    buf_deinit(&answer);
    return result;
}

int client_ask(const char *command, const char *method, const char *path, const json_t *body,
               long *ret_status, json_t **ret_answer)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct request r = {.method = method, .path = path, .body = text, .type = "application/json"};
    int result = ask(command, &r, ret_status, ret_answer);

    free(text);
    return result;
}

/* Only what the server did is an answer. */
static int judge(const char *command, int result, long status, json_t *answer, json_t **ret_answer)
{
    if (result == CLI_OK && status >= 200 && status < 300) {
        *ret_answer = answer;
        return CLI_OK;
    }
    if (result == CLI_OK)
        client_report(command, status, answer);
    json_decref(answer);
    return CLI_FAILED;
}

int client_call(const char *command, const char *method, const char *path, const json_t *body,
                json_t **ret_answer)
{
    json_t *answer = NULL;
    long status = 0;
    int result = client_ask(command, method, path, body, &status, &answer);

    return judge(command, result, status, answer, ret_answer);
}

int client_upload(const char *command, const char *path, const char *type, struct client_file *file,
                  json_t **ret_answer)
{
    struct request r = {.method = "POST", .path = path, .type = type, .file = file};
    json_t *answer = NULL;
    long status = 0;
    int result = ask(command, &r, &status, &answer);

    return judge(command, result, status, answer, ret_answer);
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
        fprintf(to, "  %-11s %s\n", verbs[i].name, verbs[i].help);
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

static bool is_utf8(str text)
{
    while (text.n) {
        int n = utf8_length(text);

        if (n <= 0)
            return false;
        text = str_from(text, (size_t)n);
    }
    return true;
}

int client_check_words(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (is_utf8(str_of(argv[i])))
            continue;
        fprintf(stderr, "ambit %s: argument %d is no UTF-8 text\n", argv[0], i);
        return CLI_USAGE;
    }
    return CLI_OK;
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
        return client_check_words(argc - 1, argv + 1) == CLI_OK ? verbs[i].run(argc - 1, argv + 1)
                                                                : CLI_USAGE;
    }
    return unknown_verb(command, verb, verbs, n_verbs);
}
