#include "package/truss_config.h"

#include "base/mem.h"
#include "config/file.h"
#include "package/json_schema.h"
#include "package/truss_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made from truss-config-schema.json while building. */
extern const char truss_config_schema_json[];
extern const unsigned long truss_config_schema_json_bytes;

str truss_config_schema(void)
{
    return str_make(truss_config_schema_json, truss_config_schema_json_bytes);
}

/* --- looking up and reporting */

/* The value's container goes to *ret_container and its last name to *ret_key; both may be had
 * without the value. */
static const json_t *look_up(const struct truss_reader *r, const char *path,
                             const json_t **ret_container, str *ret_key)
{
    const json_t *at = r->document.root;
    str rest = str_of(path);

    do {
        *ret_container = at;
        *ret_key = str_cut(&rest, '.');
        at = json_object_getn(at, ret_key->p, ret_key->n);
    } while (rest.n && at);
    return rest.n ? NULL : at;
}

const json_t *truss_value(const struct truss_reader *r, const char *path)
{
    const json_t *container, *value;
    str key;

    value = look_up(r, path, &container, &key);
    return json_is_null(value) ? NULL : value;
}

str truss_text(const struct truss_reader *r, const char *path, str otherwise)
{
    const json_t *value = truss_value(r, path);

    return json_is_string(value) ? str_of(json_string_value(value)) : otherwise;
}

bool truss_number(const struct truss_reader *r, const char *path, int64_t *ret_value)
{
    static const double most = 9e15;
    const json_t *value = truss_value(r, path);
    double real;

    if (!json_is_number(value))
        return false;
    real = json_number_value(value);
    *ret_value = (int64_t)(real < -most ? -most : real > most ? most : real);
    return true;
}

str truss_quoted(const struct truss_reader *r, str text)
{
    struct buf quoted;
    str copy;

    buf_init(&quoted, 0);
    json_schema_put_quoted(text, &quoted);
    copy = arena_copy(&r->config->arena, buf_str(&quoted));
    buf_deinit(&quoted);
    return copy;
}

void truss_report(const struct truss_reader *r, enum diagnostic_level level, const char *path,
                  const char *format, ...)
{
    struct yaml_place place = {0};
    const json_t *container;
    char message[512];
    va_list arguments;
    str key;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (*path && look_up(r, path, &container, &key))
        place = yaml_member_place(&r->document, container, key);
    diagnostics_add(r->diagnostics, level, place.line, place.column, str_of(path), "%s", message);
}

void truss_report_in(const struct truss_reader *r, enum diagnostic_level level, const char *path,
                     const char *key, const char *format, ...)
{
    const json_t *container = truss_value(r, path);
    struct yaml_place place = yaml_member_place(&r->document, container, str_of(key));
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    diagnostics_add(r->diagnostics, level, place.line, place.column, str_of(path), "%s", message);
}

/* --- the schema */

static void on_problem(void *ctx, const struct json_schema_problem *problem)
{
    const struct truss_reader *r = ctx;
    struct yaml_place place = {0};

    /* Whatever a model wants to know about itself. */
    if (problem->kind == JSON_SCHEMA_UNKNOWN && str_starts(problem->path, STR("model_metadata.")))
        return;
    if (problem->container && problem->key)
        place = yaml_member_place(&r->document, problem->container, str_of(problem->key));
    else if (problem->container)
        place = yaml_item_place(&r->document, problem->container, problem->index);
    diagnostics_add(r->diagnostics,
                    problem->kind == JSON_SCHEMA_INVALID ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING,
                    place.line, place.column, problem->path, "%.*s%s", STR_ARG(problem->message),
                    problem->kind == JSON_SCHEMA_UNKNOWN ? " (it has no effect)" : "");
}

static void check_schema(struct truss_reader *r)
{
    static const str hidden[] = {STR_INIT("secrets"), STR_INIT("environment_variables")};
    const struct json_schema_check how = {
        .hidden = hidden, .n_hidden = COUNT_OF(hidden), .on_problem = on_problem, .ctx = r};
    struct json_schema *schema;
    struct buf why;

    buf_init(&why, 0);
    schema = json_schema_new(truss_config_schema(), &why);
    assert(schema); /* it is a part of this program, and tested */
    (void)json_schema_check(schema, r->document.root, &how);
    json_schema_free(schema);
    buf_deinit(&why);
}

/* --- one file */

static bool parse(struct truss_reader *r)
{
    struct yaml_error error;

    if (r->source->text.n > TRUSS_CONFIG_MAX_BYTES) {
        diagnostics_add(r->diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""),
                        "more than %d bytes; is it a config.yaml?", TRUSS_CONFIG_MAX_BYTES);
        return false;
    }
    if (yaml_parse(r->source->text, &r->document, &error)) {
        diagnostics_add(r->diagnostics, DIAGNOSTIC_ERROR, error.place.line, error.place.column,
                        STR(""), "%s", error.message);
        return false;
    }
    /* An empty file says: everything as it is by default. */
    if (json_is_null(r->document.root)) {
        json_decref(r->document.root);
        r->document.root = json_object();
    }
    return true;
}

struct truss_config *truss_config_check(const struct truss_source *source,
                                        struct diagnostics *diagnostics)
{
    struct truss_config *config = mem_zalloc(sizeof(*config));
    struct truss_reader r = {.source = source, .diagnostics = diagnostics, .config = config};
    size_t errors = diagnostics->n_errors, first = diagnostics->n;

    arena_init(&config->arena, NULL, 0);
    diagnostics_set_file(diagnostics, source->file);
    if (parse(&r)) {
        truss_mend(&r);
        check_schema(&r);
        truss_check_rules(&r);
        truss_check_files(&r);
        truss_check_unused(&r);
        diagnostics_sort(diagnostics, first);
        if (diagnostics->n_errors == errors)
            truss_fill_view(&r);
        yaml_document_deinit(&r.document);
    }
    if (diagnostics->n_errors == errors)
        return config;
    truss_config_free(config);
    return NULL;
}

void truss_config_free(struct truss_config *config)
{
    if (!config)
        return;
    json_decref(config->document);
    arena_deinit(&config->arena);
    mem_free(config);
}

/* --- a folder */

static bool folder_has(void *ctx, const char *path, enum truss_entry what)
{
    const int *folder = ctx;
    struct stat about;

    if (fstatat(*folder, path, &about, 0))
        return false;
    return what == TRUSS_FILE ? S_ISREG(about.st_mode) : S_ISDIR(about.st_mode);
}

static struct truss_config *load_text(const char *folder, const char *file, str text,
                                      struct diagnostics *diagnostics)
{
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct truss_source source = {
        .file = str_of(file), .text = text, .has = folder_has, .ctx = &fd};
    struct truss_config *config;

    if (fd < 0) {
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""), "%s: %s", folder,
                        strerror(errno));
        return NULL;
    }
    config = truss_config_check(&source, diagnostics);
    close(fd);
    return config;
}

struct truss_config *truss_config_load(const char *folder, struct diagnostics *diagnostics)
{
    struct truss_config *config = NULL;
    struct buf file, text;
    int e;

    buf_init(&file, 0);
    buf_init(&text, TRUSS_CONFIG_MAX_BYTES + 1);
    buf_printf(&file, "%s/config.yaml", folder);
    buf_put_char(&file, 0);
    e = file_read(file.p, &text);
    if (e && e != -EFBIG) {
        diagnostics_set_file(diagnostics, str_of(file.p));
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""),
                        "%s; a Truss package is a folder with a config.yaml (not .yml)",
                        strerror(-e));
    } else if (e) {
        diagnostics_set_file(diagnostics, str_of(file.p));
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""),
                        "more than %d bytes; is it a config.yaml?", TRUSS_CONFIG_MAX_BYTES);
    } else {
        config = load_text(folder, file.p, buf_str(&text), diagnostics);
    }
    buf_deinit(&text);
    buf_deinit(&file);
    return config;
}

str truss_transport_name(enum truss_transport transport)
{
    static const str names[] = {STR_INIT("http"), STR_INIT("websocket"), STR_INIT("grpc")};

    return names[transport];
}
