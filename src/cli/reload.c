/* `ambit reload`: the running server reads its configuration again. */

#include "base/mem.h"
#include "cli/client.h"
#include "cli/words.h"

#include <stdio.h>

int cli_reload(int argc, char **argv)
{
    int allow_widening = 0, as_json = 0;
    const struct cli_option options[] = {
        {"allow-widening", CLI_OPTION_FLAG, &allow_widening, NULL,
         "let the file remove or widen region rules", 0},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit reload [--allow-widening]",
        .about = "Has the server at AMBIT_URL read its configuration again. A file with errors "
                 "changes nothing, and one\nthat would remove or widen a region rule is refused "
                 "unless that is allowed.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    json_t *answer = NULL;
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    json_t *body = json_pack("{s:b}", "allow_widening", allow_widening);
    status = client_call(argv[0], "POST", "/v1/reload", body, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        printf("%s, revision %lld\n", json_string_value(json_object_get(answer, "status")),
               (long long)json_integer_value(json_object_get(answer, "revision")));
    client_warn_if_pending(argv[0], answer);
    json_decref(answer);
    json_decref(body);
    return status;
}
