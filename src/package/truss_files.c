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

static bool is_there(const struct truss_reader *r, str path)
{
    return r->source->has_file(r->source->ctx, path.p);
}

void truss_check_files(const struct truss_reader *r)
{
    str folder = truss_text(r, "model_module_dir", STR("model"));
    str file = truss_text(r, "model_class_filename", STR("model.py"));
    str requirements = truss_text(r, "requirements_file", STR(""));
    str model;

    if (!check_names(r) || !r->source->has_file)
        return;
    model = arena_printf(&r->config->arena, "%.*s/%.*s", STR_ARG(folder), STR_ARG(file));
    if (!truss_value(r, "docker_server") && !is_there(r, model))
        truss_report(r, DIAGNOSTIC_ERROR, "",
                     "the package has no %.*s; a package is served by a model class there, or by "
                     "docker_server.start_command",
                     STR_ARG(model));
    if (requirements.n && !is_there(r, requirements))
        truss_report(r, DIAGNOSTIC_ERROR, "requirements_file", "the package has no %.*s",
                     STR_ARG(truss_quoted(r, requirements)));
}
