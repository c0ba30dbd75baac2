#include "base/buf.h"
#include "base/mem.h"
#include "package/json_schema.h"
#include "package/tree.h"
#include "package/truss_config.h"
#include "unit/test.h"

#include <stdlib.h>
#include <sys/stat.h>

static struct buf said;

static bool has(void *ctx, const char *path, enum truss_entry what)
{
    if (what == TRUSS_FOLDER)
        return strcmp(path, "none") != 0;
    return !strcmp(path, ctx ? ctx : "model/model.py");
}

/* What is said about a file, a line each as "2:1: error: path: message"; the view in *ret. */
static str checked_with(const char *text, const char *file, struct truss_config **ret)
{
    struct truss_source source = {.text = str_of(text), .has = has, .ctx = (void *)(uintptr_t)file};
    struct truss_config *config;
    struct diagnostics diagnostics;

    buf_clear(&said);
    diagnostics_init(&diagnostics);
    config = truss_config_check(&source, &diagnostics);
    for (size_t i = 0; i < diagnostics.n; i++) {
        if (i)
            buf_put_char(&said, '\n');
        diagnostic_print(&diagnostics.list[i], &said);
    }
    CHECK((config == NULL) == (diagnostics.n_errors > 0));
    diagnostics_deinit(&diagnostics);
    if (ret)
        *ret = config;
    else
        truss_config_free(config);
    return said.n ? buf_str(&said) : STR("");
}

static str checked(const char *text)
{
    return checked_with(text, NULL, NULL);
}

static void test_the_schema_is_understood(void)
{
    struct json_schema *schema;
    struct buf why;

    buf_init(&why, 0);
    schema = json_schema_new(truss_config_schema(), &why);
    CHECK_STR(why.n ? buf_str(&why) : STR(""), "");
    CHECK(schema);
    json_schema_free(schema);
    buf_deinit(&why);
}

static void test_defaults(void)
{
    struct truss_config *c;

    CHECK_STR(checked_with("", NULL, &c), "");
    CHECK_INT(c->kind, TRUSS_KIND_MODEL);
    CHECK_STR(c->model_name, "");
    CHECK_STR(c->python_version, "py313");
    CHECK_STR(c->model_module_dir, "model");
    CHECK_STR(c->model_class_filename, "model.py");
    CHECK_STR(c->model_class_name, "Model");
    CHECK_STR(c->data_dir, "data");
    CHECK_STR(c->bundled_packages_dir, "packages");
    CHECK_STR(c->requirements_file, "");
    CHECK_STR(c->instance_type, "");
    CHECK_INT(c->n_requirements + c->n_secrets + c->n_environment_variables, 0);
    CHECK_INT(c->predict_concurrency, 1);
    CHECK_INT(c->streaming_read_timeout_s, 60);
    CHECK_INT(c->transport, TRUSS_TRANSPORT_HTTP);
    CHECK_INT(c->health_checks.startup_threshold_s, 1800);
    CHECK_INT(c->health_checks.stop_traffic_threshold_s, 1800);
    CHECK_INT(c->health_checks.restart_threshold_s, 1800);
    CHECK_INT(c->cpu_milli, 1000);
    CHECK_INT(c->memory_bytes, 2LL << 30);
    CHECK_INT(json_object_size(c->document), 0);
    truss_config_free(c);
}

static void test_everything_of_a_model(void)
{
    struct truss_config *c;

    CHECK_STR(checked_with("model_name: Echo\n"
                           "python_version: py311\n"
                           "requirements: [torch==2.1, numpy]\n"
                           "environment_variables: {A: one, B_2: ''}\n"
                           "secrets: {hf_access_token: null, other.key-1: null}\n"
                           "model_metadata: {tags: [a], anything: {goes: 1}}\n"
                           "resources: {cpu: 500m, memory: 512Mi, instance_type: 1x2}\n"
                           "runtime:\n"
                           "  predict_concurrency: 32\n"
                           "  transport: {kind: websocket, ping_interval_seconds: 20}\n"
                           "  health_checks:\n"
                           "    startup_threshold_seconds: 10\n"
                           "    stop_traffic_threshold_seconds: 3000\n"
                           "    restart_threshold_seconds: null\n",
                           NULL, &c),
              "");
    CHECK_STR(c->model_name, "Echo");
    CHECK_STR(c->python_version, "py311");
    CHECK_INT(c->n_requirements, 2);
    CHECK_STR(c->requirements[0], "torch==2.1");
    CHECK_INT(c->n_environment_variables, 2);
    CHECK_STR(c->environment_variables[0].name, "A");
    CHECK_STR(c->environment_variables[0].value, "one");
    CHECK_STR(c->environment_variables[1].value, "");
    CHECK_INT(c->n_secrets, 2);
    CHECK_STR(c->secrets[1], "other.key-1");
    CHECK_STR(c->instance_type, "1x2");
    CHECK_INT(c->cpu_milli, 500);
    CHECK_INT(c->memory_bytes, 512LL << 20);
    CHECK_INT(c->predict_concurrency, 32);
    CHECK_STR(truss_transport_name(c->transport), "websocket");
    CHECK_INT(c->health_checks.startup_threshold_s, 10);
    CHECK_INT(c->health_checks.stop_traffic_threshold_s, 3000);
    CHECK_INT(c->health_checks.restart_threshold_s, 1800);
    CHECK_STR(str_of(json_string_value(json_object_get(c->document, "model_name"))), "Echo");
    truss_config_free(c);
}

#define SERVER                                                                                     \
    "docker_server:\n  start_command: ./serve --port 8000\n  server_port: 8000\n"                  \
    "  predict_endpoint: /v1/completions\n  readiness_endpoint: /health\n"                         \
    "  liveness_endpoint: /live\n"

static void test_everything_of_a_docker_server(void)
{
    struct truss_config *c;

    CHECK_STR(checked_with(SERVER, "none", &c), "");
    CHECK_INT(c->kind, TRUSS_KIND_DOCKER_SERVER);
    CHECK_STR(c->docker_server.start_command, "./serve --port 8000");
    CHECK_INT(c->docker_server.server_port, 8000);
    CHECK_STR(c->docker_server.predict_endpoint, "/v1/completions");
    CHECK_STR(c->docker_server.readiness_endpoint, "/health");
    CHECK_STR(c->docker_server.liveness_endpoint, "/live");
    CHECK_INT(c->docker_server.paths, TRUSS_PATHS_MAPPED);
    truss_config_free(c);
    CHECK_STR(
        checked_with(SERVER "  no_build: true\nruntime: {transport: {kind: grpc}}", "none", &c),
        "");
    CHECK_INT(c->docker_server.paths, TRUSS_PATHS_AS_IS);
    CHECK_INT(c->transport, TRUSS_TRANSPORT_GRPC);
    truss_config_free(c);
}

struct row {
    const char *text, *said;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_STR(checked(rows[i].text), rows[i].said);
}

static void test_what_is_wrong_is_an_error(void)
{
    static const struct row rows[] = {
        {"a: [", "2:1: error: not YAML: while parsing a flow node did not find expected node "
                 "content"},
        {"[]", "error: expected a mapping, found a list"},
        {"model_name: 3", "1:1: error: model_name: expected a text or null, found the number 3; "
                          "write it in quotes"},
        {"model_name: ' '", "1:1: error: model_name: expected a text of 1 to 253 bytes, found 0"},
        {"resources: {cpu: 1}", "1:13: error: resources.cpu: expected a text, found the number 1; "
                                "write it in quotes"},
        {"resources: {cpu: lots}", "1:13: error: resources.cpu: expected processors above none, "
                                   "such as \"4\" or \"500m\", found \"lots\""},
        {"resources: {memory: 2GB}",
         "1:13: error: resources.memory: expected a number above none with a unit (k, M, G, T, Ki, "
         "Mi, Gi, Ti), such as \"2Gi\", found \"2GB\""},
        {"resources: {node_count: 0}", "1:13: error: resources.node_count: expected a whole number "
                                       "of at least 1, found the number 0"},
        {"requirements:\n- a\n- 7\n", "3:3: error: requirements[1]: expected a text, found the "
                                      "number 7; write it in quotes"},
        {"requirements: [\"a\\nb\"]",
         "1:16: error: requirements[0]: expected one requirement in pip's format, found \"a\\nb\""},
        {"requirements: [a]\nrequirements_file: model/model.py",
         "1:1: error: requirements: \"requirements\" and \"requirements_file\" exclude each other"},
        {"requirements_file: none.txt",
         "1:1: error: requirements_file: the package has no \"none.txt\""},
        {"requirements_file: ../a.txt", "1:1: error: requirements_file: expected a path inside of "
                                        "the package, found \"../a.txt\""},
        {"requirements_file: ''", "1:1: error: requirements_file: expected a path inside of the "
                                  "package, found \"\""},
        {"requirements_file: uv.lock", "1:1: error: requirements_file: expected a file in pip's "
                                       "format (requirements.txt), found \"uv.lock\""},
        {"external_package_dirs: [shared, ../b, none]",
         "1:33: error: external_package_dirs[1]: expected a folder inside of the package, found "
         "\"../b\"; copy it to there\n"
         "1:39: error: external_package_dirs[2]: expected a folder inside of the package, found "
         "\"none\"; copy it to there"},
        {"python_version: '3.11'",
         "1:1: error: python_version: expected a text such as \"py313\", found \"3.11\""},
        {"python_version: py311x",
         "1:1: error: python_version: expected a text such as \"py313\", found \"py311x\""},
        {"runtime: {transport: {kind: websocket, ping_interval_seconds: 0}}",
         "1:40: error: runtime.transport.ping_interval_seconds: expected a number of at least "
         "0.001, found 0"},
        {"model_module_dir: /etc", "1:1: error: model_module_dir: expected a path inside of the "
                                   "package, found \"/etc\""},
        {"model_class_filename: main.py",
         "error: the package has no model/main.py; a package is served by a model class there, or "
         "by docker_server.start_command"},
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_what_is_wrong_further_inside(void)
{
    static const struct row rows[] = {
        {"runtime: {predict_concurrency: 0}",
         "1:11: error: runtime.predict_concurrency: expected a "
         "whole number from 1 to 2147483647, found 0"},
        {"runtime: {health_checks: {startup_threshold_seconds: 9}}",
         "1:27: error: runtime.health_checks.startup_threshold_seconds: expected a whole number "
         "from 10 to 3000, found 9"},
        {"runtime: {health_checks: {restart_threshold_seconds: 3001}}",
         "1:27: error: runtime.health_checks.restart_threshold_seconds: expected a whole number "
         "from 10 to 3000, found 3001"},
        {"runtime: {transport: {kind: gprc}}",
         "1:23: error: runtime.transport.kind: expected one of \"grpc\", \"http\", \"websocket\", "
         "found the text \"gprc\"; did you mean \"grpc\"?"},
        {"runtime: {transport: {kin: http}}",
         "1:11: error: runtime.transport: \"kind\" is missing; expected one of \"grpc\", \"http\", "
         "\"websocket\""},
        {"runtime: {transport: {kind: websocket, ping_timeout_seconds: soon}}",
         "1:40: error: runtime.transport.ping_timeout_seconds: expected a number or null, found "
         "the text \"soon\""},
        {"environment_variables: {A=B: x}",
         "1:25: error: environment_variables: \"A=B\" is no name of a variable; expected letters, "
         "digits, _, - and ., no digit first"},
        {"environment_variables: {2A: x}",
         "1:25: error: environment_variables: \"2A\" is no name of a variable; expected letters, "
         "digits, _, - and ., no digit first"},
        {"environment_variables: {A: [12345]}",
         "1:25: error: environment_variables.A: expected a text, found a list"},
        {"secrets: {../x: null}", "1:11: error: secrets: \"../x\" is no name of a secret; expected "
                                  "letters, digits, _, - and ."},
        {"secrets: {..: null}", "1:11: error: secrets: \"..\" is no name of a secret; expected "
                                "letters, digits, _, - and ."},
        {"secrets: {a: 4711}", "1:11: error: secrets.a: expected a text or null, found a number; "
                               "write it in quotes"},
        {"secrets: [a]", "1:1: error: secrets: expected a mapping, found a list"},
        {"model_cache:\n- {repo_id: '', use_volume: true}",
         "1:1: warning: model_cache: it has no effect here: nothing is downloaded for a model; "
         "load() can\n2:4: error: model_cache[0].repo_id: expected a text of at least 1 character, "
         "found 0"},
        {"build: {model_server: TRT_LLM}",
         "1:9: error: build.model_server: only \"TrussServer\" can be served here, found "
         "\"TRT_LLM\""},
        {"bis_llm: {}", "1:1: error: bis_llm: this engine is Baseten's own and cannot be served "
                        "here; start a server with docker_server.start_command instead"},
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_what_is_wrong_with_a_docker_server(void)
{
    static const struct row rows[] = {
        {"docker_server: {}",
         "1:1: error: docker_server: \"liveness_endpoint\" is missing; expected a text\n"
         "1:1: error: docker_server: \"predict_endpoint\" is missing; expected a text\n"
         "1:1: error: docker_server: \"readiness_endpoint\" is missing; expected a text\n"
         "1:1: error: docker_server: \"server_port\" is missing; expected a whole number\n"
         "1:1: error: docker_server: \"start_command\" is missing; it is what is started, since no "
         "image is run"},
        {"docker_server: {start_command: a, server_port: 8080, predict_endpoint: v1, "
         "readiness_endpoint: '/a b', liveness_endpoint: '/'}",
         "1:35: error: docker_server.server_port: 8080 is reserved: it is the port of the server "
         "in "
         "front of a package's own\n"
         "1:54: error: docker_server.predict_endpoint: expected a path such as \"/v1/completions\" "
         "(it begins with a slash, without blanks), found \"v1\"\n"
         "1:76: error: docker_server.readiness_endpoint: expected a path such as "
         "\"/v1/completions\" (it begins with a slash, without blanks), found \"/a b\""},
        {SERVER "  run_as_user_id: 0",
         "7:3: error: docker_server.run_as_user_id: expected a whole number from 1 to 4294967294, "
         "found 0\n"
         "7:3: warning: docker_server.run_as_user_id: it has no effect here: a replica runs as the "
         "user of the plane that it runs on"},
        {SERVER "  run_as_user_id: 60000",
         "7:3: error: docker_server.run_as_user_id: 60000 is reserved: it is the user of the "
         "server "
         "in front of a package's own\n"
         "7:3: warning: docker_server.run_as_user_id: it has no effect here: a replica runs as the "
         "user of the plane that it runs on"},
        {SERVER "  sever_port: 1", "7:3: warning: docker_server.sever_port: unknown member (it has "
                                   "no effect)"},
        {"docker_server: yes",
         "1:1: error: docker_server: expected a mapping or null, found the text \"yes\""},
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_what_has_no_effect_is_a_warning(void)
{
    static const struct row rows[] = {
        {"model_nam: a",
         "1:1: warning: model_nam: unknown member; did you mean \"model_name\"? (it "
         "has no effect)"},
        {"base_image: {image: 'a:1'}", "1:1: warning: base_image: it has no effect here: replicas "
                                       "are processes, not containers: no image is used"},
        {"resources: {accelerator: 'L4:2'}",
         "1:13: warning: resources.accelerator: it has no effect here: a replica sees the "
         "accelerators of its machine; none is set aside for it"},
        {"resources: {accelerator: null, node_count: 1}", ""},
        {"resources: {node_count: 2}",
         "1:13: warning: resources.node_count: it has no effect here: "
         "a replica is one process on one machine"},
        {"build_commands: []\nweights: []\nlive_reload: false\nexternal_data: null", ""},
        {"weights: [{source: 'hf://a/b', mount_location: /a}]",
         "1:1: warning: weights: it has no effect here: nothing is downloaded for a model; load() "
         "can"},
        {"runtime: {egress_restrictions: {}}",
         "1:11: warning: runtime.egress_restrictions: it has no effect here: what a replica may "
         "connect to is not restricted here; the plane's network has to"},
        {"runtime: {remote_ssh: {enabled: true}}",
         "1:24: warning: runtime.remote_ssh.enabled: it "
         "has no effect here: no way in by ssh is opened"},
        {"runtime: {remote_ssh: {enabled: false}, enable_tracing_data: false}", ""},
        {"runtime: {is_websocket_endpoint: true}", "1:11: warning: runtime.is_websocket_endpoint: "
                                                   "it is deprecated; write \"transport: {kind: "
                                                   "websocket}\""},
        {"secrets: {a: hunter2}", "1:11: warning: secrets: the value of \"a\" has no effect; write "
                                  "null here, and keep the value as a secret of that name"},
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_the_old_way_to_say_websocket(void)
{
    struct truss_config *c;

    (void)checked_with("runtime: {is_websocket_endpoint: true}", NULL, &c);
    CHECK_INT(c->transport, TRUSS_TRANSPORT_WEBSOCKET);
    truss_config_free(c);
    (void)checked_with("runtime: {is_websocket_endpoint: true, transport: {kind: http}}", NULL, &c);
    CHECK_INT(c->transport, TRUSS_TRANSPORT_WEBSOCKET);
    truss_config_free(c);
}

static void test_what_truss_mends_is_mended(void)
{
    struct truss_config *c;
    char *json;

    CHECK_STR(checked_with("environment_variables: {A: 1, B: true, C: 0.1, D: 2.0, E: null, F-g.h: "
                           "x}\nrequirements: [a, '', ' ']\nresources: {use_gpu: false}\n"
                           "runtime: {transport: {}}\n",
                           NULL, &c),
              "1:56: warning: environment_variables: \"E\" is not set, since its value is null");
    json = json_dumps(c->document, JSON_COMPACT);
    CHECK_STR(str_of(json),
              "{\"environment_variables\":{\"A\":\"1\",\"B\":\"true\",\"C\":\"0.1\",\"D\":\"2.0\","
              "\"F-g.h\":\"x\"},\"requirements\":[\"a\",\"\",\" \"],\"resources\":{},\"runtime\":{"
              "\"transport\":{\"kind\":\"http\"}}}");
    free(json);
    CHECK_INT(c->n_environment_variables, 5);
    CHECK_STR(c->environment_variables[2].value, "0.1");
    CHECK_INT(c->n_requirements, 1);
    truss_config_free(c);
    CHECK_STR(
        checked("weights: [{source: 'hf://a', mount_location: /a, auth: {auth_method: "
                "aws_oidc}}]\nbase_image: {docker_auth: {auth_method: aws_iam}}"),
        "1:1: warning: weights: it has no effect here: nothing is downloaded for a model; "
        "load() can\n2:1: warning: base_image: it has no effect here: replicas are processes, "
        "not containers: no image is used");
}

/* As Truss writes them, which is how Python does. */
static void test_numbers_become_the_texts_that_truss_makes_of_them(void)
{
    static const struct {
        const char *written, *text;
    } rows[] = {
        {"1000.0", "1000.0"},
        {"100.50", "100.5"},
        {"0.0001", "0.0001"},
        {"-250.0", "-250.0"},
        {"1234567.25", "1234567.25"},
        {"3.14159265358979", "3.14159265358979"},
        {"-0.0", "-0.0"},
        {"0.1", "0.1"},
        {"0.00001", "1e-05"},
        {"1234567890123456.0", "1234567890123456.0"},
        {"10000000000000000.0", "1e+16"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct truss_config *c;
        char yaml[64];

        (void)snprintf(yaml, sizeof(yaml), "environment_variables: {A: %s}\n", rows[i].written);
        CHECK_STR(checked_with(yaml, NULL, &c), "");
        CHECK_STR(c->environment_variables[0].value, rows[i].text);
        truss_config_free(c);
    }
}

static void test_engines_are_checked_against_their_own_kind(void)
{
    static const struct row rows[] = {
        {"trt_llm: {build: {max_num_tokens: 64}}",
         "1:1: error: trt_llm: this engine is Baseten's own and cannot be served here; start a "
         "server with docker_server.start_command instead\n"
         "1:19: error: trt_llm.build.max_num_tokens: expected a whole number above 64 up to "
         "1048576, found the number 64"},
        {"trt_llm: {inference_stack: v2, runtime: {max_seq_len: 0}}",
         "1:1: error: trt_llm: \"build\" is missing; expected a mapping\n"
         "1:1: error: trt_llm: this engine is Baseten's own and cannot be served here; start a "
         "server with docker_server.start_command instead\n"
         "1:42: error: trt_llm.runtime.max_seq_len: expected a whole number of at least 1 up to "
         "1048576, found the number 0"},
    };

    check_rows(rows, COUNT_OF(rows));
}

static void test_every_problem_is_reported_in_the_order_of_the_file(void)
{
    CHECK_STR(
        checked("runtime: {predict_concurrency: none}\n"
                "resources: {cpu: 2}\n"
                "requirments: [a]\n"
                "secrets: {'': null}\n"
                "system_packages: [ffmpeg]\n"),
        "1:11: error: runtime.predict_concurrency: expected a whole number, found the text "
        "\"none\"\n"
        "2:13: error: resources.cpu: expected a text, found the number 2; write it in quotes\n"
        "3:1: warning: requirments: unknown member; did you mean \"requirements\"? (it has no "
        "effect)\n"
        "4:11: error: secrets: \"\" is no name of a secret; expected letters, digits, _, - and "
        ".\n"
        "5:1: warning: system_packages: it has no effect here: no image is built; install "
        "them on the machines that replicas run on");
}

static void test_secret_values_are_never_told(void)
{
    static const char *const texts[] = {
        "secrets: {a: {b: hunter2}}",
        "secrets: hunter2x",
        "environment_variables: {A: [hunter2]}",
        "secrets: {a: hunter2}",
        "environment_variables: [hunter2]",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        CHECK(str_search(checked(texts[i]), STR("hunter2")) == said.n);
}

static void test_a_large_file_is_refused(void)
{
    char *text = mem_alloc(TRUSS_CONFIG_MAX_BYTES + 2);

    memset(text, '#', TRUSS_CONFIG_MAX_BYTES + 1);
    text[TRUSS_CONFIG_MAX_BYTES + 1] = 0;
    CHECK_STR(checked(text), "error: more than 1048576 bytes; is it a config.yaml?");
    text[TRUSS_CONFIG_MAX_BYTES] = 0;
    CHECK_STR(checked(text), "");
    mem_free(text);
}

static void test_nothing_is_looked_for_without_a_package(void)
{
    struct truss_source source = {
        .text = STR("model_class_filename: other.py\nrequirements_file: a.txt")};
    struct truss_config *config;
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics);
    config = truss_config_check(&source, &diagnostics);
    CHECK(config && diagnostics.n == 0);
    truss_config_free(config);
    diagnostics_deinit(&diagnostics);
}

static void put_file(const char *folder, const char *name, const char *content)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    CHECK(file);
    fputs(content, file);
    fclose(file);
}

/* What is said about a folder, without its name. */
static str loaded(const char *folder, struct truss_config **ret)
{
    struct diagnostics diagnostics;
    str text;

    buf_clear(&said);
    diagnostics_init(&diagnostics);
    *ret = truss_config_load(folder, &diagnostics);
    for (size_t i = 0; i < diagnostics.n; i++)
        diagnostic_print(&diagnostics.list[i], &said);
    diagnostics_deinit(&diagnostics);
    text = said.n ? buf_str(&said) : STR("");
    return str_starts(text, str_of(folder)) ? str_from(text, strlen(folder)) : text;
}

static void test_a_folder(void)
{
    char folder[] = "/tmp/test_truss_config.XXXXXX", model[64];
    struct truss_config *config;

    CHECK(mkdtemp(folder));
    (void)snprintf(model, sizeof(model), "%s/model", folder);
    CHECK_STR(loaded(folder, &config), "/config.yaml: error: No such file or directory; a Truss "
                                       "package is a folder with a config.yaml (not .yml)");
    CHECK(!config);
    put_file(folder, "config.yaml", "model_name: a\n");
    CHECK_STR(loaded(folder, &config),
              "/config.yaml: error: the package has no model/model.py; a package is served by a "
              "model class there, or by docker_server.start_command");
    CHECK(!config);
    CHECK(mkdir(model, 0700) == 0);
    put_file(folder, "model/model.py", "");
    put_file(folder, "config.yaml", "model_name: a\nexternal_package_dirs: [model]\n");
    CHECK_STR(loaded(folder, &config), "");
    CHECK(config);
    CHECK_STR(config->model_name, "a");
    truss_config_free(config);
    CHECK_INT(tree_remove(folder), 0);
}

int main(void)
{
    buf_init(&said, 0);
    RUN(test_the_schema_is_understood);
    RUN(test_defaults);
    RUN(test_everything_of_a_model);
    RUN(test_everything_of_a_docker_server);
    RUN(test_what_is_wrong_is_an_error);
    RUN(test_what_is_wrong_further_inside);
    RUN(test_what_is_wrong_with_a_docker_server);
    RUN(test_what_has_no_effect_is_a_warning);
    RUN(test_the_old_way_to_say_websocket);
    RUN(test_what_truss_mends_is_mended);
    RUN(test_numbers_become_the_texts_that_truss_makes_of_them);
    RUN(test_engines_are_checked_against_their_own_kind);
    RUN(test_every_problem_is_reported_in_the_order_of_the_file);
    RUN(test_secret_values_are_never_told);
    RUN(test_a_large_file_is_refused);
    RUN(test_a_folder);
    RUN(test_nothing_is_looked_for_without_a_package);
    buf_deinit(&said);
    return test_end();
}
