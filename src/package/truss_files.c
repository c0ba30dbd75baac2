#include "package/truss_internal.h"

#include "base/mem.h"
#include "package/entry_name.h"

/* What names something inside of the package. */
static const struct {
    const char *path;
    const char *otherwise;
} names[] = {
    {"bundled_packages_dir", "packages"},   {"data_dir", "data"},
    {"examples_filename", "examples.yaml"}, {"model_class_filename", "model.py"},
    {"model_module_dir", "model"},          {"requirements_file", "requirements.txt"},
};

/* False, and reported, for a name that leads elsewhere. */
static bool check_names(const struct truss_reader *r)
{
    bool fine = true;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        str name = truss_text(r, names[i].path, str_of(names[i].otherwise));
        char inside[ENTRY_NAME_BYTES];

        if (entry_name_read(name, inside) == ENTRY_NAME_FINE)
            continue;
        fine = false;
        truss_report(r, DIAGNOSTIC_ERROR, names[i].path,
                     "expected a path inside of the package, found %.*s",
                     STR_ARG(truss_quoted(r, name)));
    }
    return fine;
}

static bool is_there(const struct truss_reader *r, str path, enum truss_entry what)
{
    return !r->source->has || r->source->has(r->source->ctx, path.p, what);
}

static void check_model(const struct truss_reader *r)
{
    str folder = truss_text(r, "model_module_dir", STR("model"));
    str file = truss_text(r, "model_class_filename", STR("model.py"));
    str path = arena_printf(&r->config->arena, "%.*s/%.*s", STR_ARG(folder), STR_ARG(file));

    if (!truss_value(r, "docker_server") && !is_there(r, path, TRUSS_FILE))
        truss_report(r, DIAGNOSTIC_ERROR, "",
                     "the package has no %.*s; a package is served by a model class there, or by "
                     "docker_server.start_command",
                     STR_ARG(path));
}

static void check_requirements_file(const struct truss_reader *r)
{
    str path = truss_text(r, "requirements_file", STR(""));

    if (str_ends(path, STR(".toml")) || str_ends(path, STR(".lock")))
        truss_report(r, DIAGNOSTIC_ERROR, "requirements_file",
                     "expected a file in pip's format (requirements.txt), found %.*s",
                     STR_ARG(truss_quoted(r, path)));
    else if (path.n && !is_there(r, path, TRUSS_FILE))
        truss_report(r, DIAGNOSTIC_ERROR, "requirements_file", "the package has no %.*s",
                     STR_ARG(truss_quoted(r, path)));
}

/* Truss gathers folders from elsewhere into the package when it packs; here they are in it. */
static void check_package_folders(const struct truss_reader *r)
{
    const json_t *list = truss_value(r, "external_package_dirs");
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        str name = json_is_string(item) ? str_of(json_string_value(item)) : STR(".");
        struct yaml_place place = yaml_item_place(&r->document, list, index);
        char inside[ENTRY_NAME_BYTES];

        if (entry_name_read(name, inside) != ENTRY_NAME_FINE || !is_there(r, name, TRUSS_FOLDER))
            diagnostics_add(r->diagnostics, DIAGNOSTIC_ERROR, place.line, place.column,
                            arena_printf(&r->config->arena, "external_package_dirs[%zu]", index),
                            "expected a folder inside of the package, found %.*s; copy it to there",
                            STR_ARG(truss_quoted(r, name)));
    }
}

void truss_check_files(const struct truss_reader *r)
{
    check_package_folders(r);
    if (!check_names(r))
        return;
    check_model(r);
    check_requirements_file(r);
}
