#include "base/buf.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/push_words.h"
#include "package/truss_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, READ_BYTES = 64 << 10 };

/* --- config.yaml */

static struct truss_config *check(const struct push_words *w)
{
    struct diagnostics diagnostics;
    struct truss_config *config;
    struct buf text;

    diagnostics_init(&diagnostics);
    buf_init(&text, 0);
    config = truss_config_load(w->folder, &diagnostics);
    diagnostics_print(&diagnostics, &text);
    if (text.n)
        (void)fwrite(text.p, 1, text.n, stderr);
    if (!config)
        fprintf(stderr, "ambit %s: %s is no package that can be deployed: %zu errors\n", w->command,
                w->folder, diagnostics.n_errors);
    buf_deinit(&text);
    diagnostics_deinit(&diagnostics);
    return config;
}

/* The text that was checked a moment ago. */
static char *read_config(const struct push_words *w)
{
    char path[PATH_BYTES];
    struct buf text;
    ssize_t got = -1;

    snprintf(path, sizeof(path), "%s/config.yaml", w->folder);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    buf_init(&text, 0);
    if (file >= 0) {
        do {
            got = read(file, buf_reserve(&text, READ_BYTES), READ_BYTES);
            text.n += got > 0 ? (size_t)got : 0;
        } while (got > 0 && text.n <= TRUSS_CONFIG_MAX_BYTES);
        close(file);
    }
    if (got != 0) {
        fprintf(stderr, "ambit %s: %s could not be read\n", w->command, path);
        buf_deinit(&text);
        return NULL;
    }
    buf_put_char(&text, '\0');
    return text.p;
}

/* --- the archive */

static int open_temporary(const struct push_words *w)
{
    const char *folder = getenv("TMPDIR");
    int file = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (file < 0)
        fprintf(stderr, "ambit %s: no temporary file can be made: %s\n", w->command,
                strerror(errno));
    return file;
}

static int pack(const struct push_words *w, struct push_package *p)
{
    struct package_error error = {""};

    p->archive = open_temporary(w);
    if (p->archive < 0)
        return CLI_FAILED;
    int result = package_pack(w->folder, p->archive, NULL, &p->about, &error);
    if (result != PACKAGE_FINE) {
        fprintf(stderr, "ambit %s: %s\n", w->command, error.message);
        return CLI_FAILED;
    }
    return lseek(p->archive, 0, SEEK_SET) == 0 ? CLI_OK : CLI_FAILED;
}

/* --- both */

static int name_model(const struct push_words *w, str own, struct push_package *p)
{
    struct buf name;

    buf_init(&name, 0);
    buf_put_str(&name, w->model_name ? str_of(w->model_name) : own);
    buf_put_char(&name, '\0');
    p->model_name = name.p;
    if (*p->model_name)
        return CLI_OK;
    fprintf(stderr, "ambit %s: config.yaml has no model_name; say it with --model-name\n",
            w->command);
    return CLI_FAILED;
}

int push_package_make(const struct push_words *w, struct push_package *ret_package)
{
    struct truss_config *config = check(w);
    int status = CLI_FAILED;

    *ret_package = (struct push_package){.archive = -1};
    if (!config)
        return CLI_FAILED;
    ret_package->config = json_incref(config->document);
    ret_package->raw_config = read_config(w);
    if (ret_package->raw_config)
        status = name_model(w, config->model_name, ret_package);
    truss_config_free(config);
    return status == CLI_OK ? pack(w, ret_package) : status;
}

void push_package_deinit(struct push_package *p)
{
    json_decref(p->config);
    mem_free(p->raw_config);
    mem_free(p->model_name);
    if (p->archive >= 0)
        close(p->archive);
}
