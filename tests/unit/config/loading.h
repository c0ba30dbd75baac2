#pragma once

/* Loading a configuration from a text, with an environment of the test's own, and looking at what
 * was said about it. */

#include "base/buf.h"
#include "config/config.h"
#include "unit/test.h"

struct loading {
    struct config *config; /* NULL: refused */
    struct diagnostics diagnostics;
    struct buf said; /* every diagnostic, a line each */
};

static inline const char *loading_env(void *ctx, const char *name)
{
    static const char *const variables[][2] = {
        {"EU_BASE", "https://eu.example.com/v1"},
        {"EU_KEY", "sk-eu"},
        {"RPM", "600"},
        {"EMPTY", ""},
        {"AZURE_EUROPE_API_KEY", "az-eu"},
        {"AZURE_API_KEY", "az-default"},
        {"OPENAI_API_KEY", "sk-openai"},
        {"LITELLM_MASTER_KEY", "sk-litellm"},
    };

    (void)ctx;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (strcmp(name, variables[i][0]) == 0)
            return variables[i][1];
    }
    return NULL;
}

static inline void loading_begin(struct loading *l, const char *yaml)
{
    struct config_source source = {.file = "t.yaml", .text = str_of(yaml), .env = loading_env};

    diagnostics_init(&l->diagnostics);
    buf_init(&l->said, 0);
    l->config = config_load(&source, &l->diagnostics);
    diagnostics_print(&l->diagnostics, &l->said);
}

static inline void loading_end(struct loading *l)
{
    config_free(l->config);
    buf_deinit(&l->said);
    diagnostics_deinit(&l->diagnostics);
}

/* Whether a line of what was said is exactly this (without "t.yaml:"). */
static inline bool loading_said(const struct loading *l, const char *line)
{
    str rest = buf_str(&l->said);

    while (rest.n) {
        if (str_eq(str_from(str_cut(&rest, '\n'), 7), str_of(line)))
            return true;
    }
    printf("  not said: %s\n%.*s", line, STR_ARG(buf_str(&l->said)));
    return false;
}

/* Loads, expects a refusal and this line. */
#define REFUSES(yaml, line)                                                                        \
    do {                                                                                           \
        struct loading l_;                                                                         \
                                                                                                   \
        loading_begin(&l_, yaml);                                                                  \
        bool refused_ = !l_.config && loading_said(&l_, line);                                     \
        if (l_.config)                                                                             \
            printf("  accepted\n%.*s", STR_ARG(buf_str(&l_.said)));                                \
        loading_end(&l_);                                                                          \
        CHECK(refused_);                                                                           \
    } while (0)

/* Loads, expects success and this line among the warnings and notes. */
#define ACCEPTS(yaml, line)                                                                        \
    do {                                                                                           \
        struct loading l_;                                                                         \
                                                                                                   \
        loading_begin(&l_, yaml);                                                                  \
        if (!l_.config)                                                                            \
            printf("  refused\n%.*s", STR_ARG(buf_str(&l_.said)));                                 \
        bool accepted_ = l_.config && loading_said(&l_, line);                                     \
        loading_end(&l_);                                                                          \
        CHECK(accepted_);                                                                          \
    } while (0)
