/* embed_file NAME INPUT OUTPUT: writes C that holds a file's bytes as `const char NAME[]` and their
 * number as `const unsigned long NAME_bytes`. Runs while building, on the machine that builds. */

#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *in, *out;
    unsigned long n = 0;
    int c, failed;

    if (argc != 4) {
        fputs("usage: embed_file NAME INPUT OUTPUT\n", stderr);
        return 2;
    }
    in = fopen(argv[2], "rb");
    out = in ? fopen(argv[3], "wb") : NULL;
    if (!out) {
        perror(in ? argv[3] : argv[2]);
        return 1;
    }
    fprintf(out, "extern const char %s[];\nextern const unsigned long %s_bytes;\n", argv[1],
            argv[1]);
    fprintf(out, "const char %s[] = {", argv[1]);
    for (; (c = getc(in)) != EOF; n++)
        fprintf(out, "%s%d,", n % 24 ? "" : "\n", c < 128 ? c : c - 256);
    fprintf(out, "\n};\nconst unsigned long %s_bytes = %lu;\n", argv[1], n);
    failed = ferror(in) | ferror(out);
    failed |= fclose(out);
    fclose(in);
    if (failed)
        perror("embed_file");
    return failed != 0;
}
