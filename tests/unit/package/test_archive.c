#include "base/buf.h"
#include "base/mem.h"
#include "package/archive.h"
#include "package/tree.h"
#include "unit/test.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A scratch folder for every test; what is in it is named by p(). */
static char scratch[64];
static struct package_about about;
static struct package_error error;

static const char *p(const char *name)
{
    static char paths[4][1024];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
    return path;
}

static void put_file(const char *name, const char *content, mode_t mode)
{
    int fd = open(p(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    CHECK(fd >= 0);
    CHECK_INT(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

static str content_of(const char *name)
{
    static char text[4096];
    int fd = open(p(name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

    if (fd >= 0)
        close(fd);
    return fd < 0 ? STR("(none)") : str_make(text, (size_t)n);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    CHECK(lstat(p(name), &st) == 0);
    return st.st_mode & 07777;
}

static bool is_there(const char *name)
{
    struct stat st;

    return lstat(p(name), &st) == 0;
}

/* How many names are in the scratch folder itself. */
static size_t count_names(void)
{
    DIR *folder = opendir(scratch);
    size_t n = 0;

    CHECK(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n - 2;
}

/* --- archives made by hand */

enum what { END, FOLDER, TEXT, PROGRAM, LINK, HARD, PIPE, DEVICE, HOLE_BEFORE, HOLE_BEHIND };

struct item {
    enum what what;
    const char *name;
    const char *content; /* or what is linked to */
};

enum { HOLE_BYTES = 1 << 20 };

static void put_item(struct archive *a, const struct item *item)
{
    static const mode_t types[] = {
        [FOLDER] = AE_IFDIR, [TEXT] = AE_IFREG,        [PROGRAM] = AE_IFREG,
        [LINK] = AE_IFLNK,   [HARD] = AE_IFREG,        [PIPE] = AE_IFIFO,
        [DEVICE] = AE_IFCHR, [HOLE_BEFORE] = AE_IFREG, [HOLE_BEHIND] = AE_IFREG};
    static char zeros[HOLE_BYTES];
    struct archive_entry *entry = archive_entry_new();
    bool holes = item->what == HOLE_BEFORE || item->what == HOLE_BEHIND;
    bool text = item->what == TEXT || item->what == PROGRAM;
    size_t n = text ? strlen(item->content) : holes ? HOLE_BYTES : 0;

    archive_entry_copy_pathname(entry, item->name);
    archive_entry_set_mode(entry, types[item->what] | (item->what == PROGRAM ? 04755 : 0644));
    archive_entry_set_size(entry, (la_int64_t)n);
    archive_entry_set_uid(entry, 12345);
    if (item->what == LINK)
        archive_entry_copy_symlink(entry, item->content);
    if (item->what == HARD)
        archive_entry_copy_hardlink(entry, item->content);
    if (holes)
        archive_entry_sparse_add_entry(entry, item->what == HOLE_BEFORE ? HOLE_BYTES - 4 : 0, 4);
    CHECK(archive_write_header(a, entry) >= ARCHIVE_WARN);
    if (n)
        CHECK(archive_write_data(a, holes ? zeros : item->content, n) > 0);
    archive_entry_free(entry);
}

/* A descriptor in memory; items end with END. */
static int archive_of(const struct item *items)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    struct archive *a = archive_write_new();

    CHECK(fd >= 0 && archive_write_set_format_pax(a) == ARCHIVE_OK);
    CHECK(archive_write_set_format_option(a, NULL, "hdrcharset", "BINARY") == ARCHIVE_OK);
    CHECK(archive_write_add_filter_gzip(a) == ARCHIVE_OK);
    CHECK(archive_write_open_fd(a, fd) == ARCHIVE_OK);
    for (; items->what != END; items++)
        put_item(a, items);
    CHECK(archive_write_close(a) == ARCHIVE_OK);
    archive_write_free(a);
    return fd;
}

static int unpack_limited(const struct item *items, const struct package_limits *limits)
{
    int fd = archive_of(items), result;

    result = package_unpack(fd, p("out"), limits, &about, &error);
    close(fd);
    return result;
}

#define UNPACK(...)                                                                                \
    unpack_limited((const struct item[]){__VA_ARGS__, {.what = END}}, &package_limits_default)

static void begin(void)
{
    (void)snprintf(scratch, sizeof(scratch), "/tmp/test_archive.XXXXXX");
    CHECK(mkdtemp(scratch));
    error.message[0] = 0;
}

static void finish(void)
{
    CHECK_INT(tree_remove(scratch), 0);
    CHECK(!is_there(""));
}

/* --- there and back */

static void test_there_and_back(void)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    char sha256[PACKAGE_SHA256_BYTES];
    uint64_t bytes;

    begin();
    CHECK(mkdir(p("in"), 0755) == 0 && mkdir(p("in/model"), 0755) == 0 &&
          mkdir(p("in/empty"), 0755) == 0 && mkdir(p("in/.git"), 0755) == 0);
    put_file("in/config.yaml", "model_name: a\n", 0666);
    put_file("in/model/model.py", "class Model: pass\n", 0644);
    put_file("in/model/größe.txt", "ü", 0644);
    put_file("in/run.sh", "#!/bin/sh\n", 0755);
    put_file("in/model/model.pyc", "bytes", 0644);
    put_file("in/.git/config", "[core]", 0644);
    put_file("in/big.bin", "big", 0644);
    put_file("in/.truss_ignore", "*.bin\n", 0644);
    CHECK(symlink("../run.sh", p("in/model/link")) == 0);
    CHECK_INT(package_pack(p("in"), fd, NULL, &about, &error), PACKAGE_FINE);
    CHECK_INT(about.files, 5);
    CHECK_INT(about.entries, 8);
    CHECK_INT(about.content_bytes, 14 + 18 + 2 + 10 + 6);
    CHECK_INT(package_digest(fd, sha256, &bytes), 0);
    CHECK_STR(str_of(about.sha256), sha256);
    CHECK_INT(about.archive_bytes, bytes);
    CHECK_INT(package_unpack(fd, p("out"), NULL, &about, &error), PACKAGE_FINE);
    CHECK_STR(str_of(about.sha256), sha256);
    CHECK_INT(about.files, 5);
    CHECK_INT(about.entries, 8);
    CHECK_INT(about.content_bytes, 50);
    CHECK_STR(content_of("out/config.yaml"), "model_name: a\n");
    CHECK_STR(content_of("out/model/größe.txt"), "ü");
    CHECK_STR(content_of("out/model/link"), "#!/bin/sh\n");
    CHECK_INT(mode_of("out"), 0700);
    CHECK_INT(mode_of("out/model"), 0700);
    CHECK_INT(mode_of("out/empty"), 0700);
    CHECK_INT(mode_of("out/config.yaml"), 0600);
    CHECK_INT(mode_of("out/run.sh"), 0700);
    CHECK(!is_there("out/.git") && !is_there("out/model/model.pyc") && !is_there("out/big.bin"));
    CHECK_INT(count_names(), 2);
    close(fd);
    finish();
}

static void test_equal_folders_make_equal_archives(void)
{
    static const char *const orders[2][3] = {{"a", "b", "c"}, {"c", "a", "b"}};
    char first[PACKAGE_SHA256_BYTES] = "";

    for (size_t i = 0; i < 2; i++) {
        int fd = memfd_create("archive", MFD_CLOEXEC);

        begin();
        for (size_t j = 0; j < 3; j++) {
            struct timespec times[2] = {{.tv_sec = (time_t)(i * 1000)}, {.tv_sec = (time_t)j}};

            put_file(orders[i][j], orders[i][j], i ? 0600 : 0664);
            CHECK(utimensat(AT_FDCWD, p(orders[i][j]), times, 0) == 0);
        }
        CHECK_INT(package_pack(scratch, fd, NULL, &about, &error), PACKAGE_FINE);
        if (i)
            CHECK_STR(str_of(about.sha256), first);
        memcpy(first, about.sha256, sizeof(first));
        close(fd);
        finish();
    }
}

/* What makes archives equal: order, no times, no owners, two modes. */
static void test_what_an_archive_says(void)
{
    static const char *const names[] = {"p", "c", "x", "a", "m", "b", "k", "z"};
    int fd = memfd_create("archive", MFD_CLOEXEC);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    char last[8] = "";
    uint8_t head[8];
    size_t n = 0;

    begin();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        put_file(names[i], names[i], i % 2 ? 0400 : 0755);
    CHECK_INT(package_pack(scratch, fd, NULL, &about, &error), PACKAGE_FINE);
    CHECK(pread(fd, head, sizeof(head), 0) == sizeof(head) && !memcmp(head + 4, "\0\0\0\0", 4));
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
          archive_read_support_format_tar(a) == ARCHIVE_OK &&
          archive_read_open_fd(a, fd, 4096) == ARCHIVE_OK);
    for (; archive_read_next_header(a, &entry) == ARCHIVE_OK; n++) {
        const char *name = archive_entry_pathname(entry);

        CHECK(strcmp(last, name) < 0);
        (void)snprintf(last, sizeof(last), "%s", name);
        CHECK_INT(archive_entry_mtime(entry), 0);
        CHECK_INT(archive_entry_uid(entry) + archive_entry_gid(entry), 0);
        CHECK(archive_entry_perm(entry) == (strchr("pxmk", *name) ? 0755 : 0644));
    }
    CHECK_INT(n, COUNT_OF(names));
    archive_read_free(a);
    close(fd);
    finish();
}

/* --- packing what cannot be packed */

static int pack_result(void)
{
    int fd = memfd_create("archive", MFD_CLOEXEC), result;

    result = package_pack(scratch, fd, NULL, &about, &error);
    close(fd);
    return result;
}

static void test_what_cannot_be_packed(void)
{
    begin();
    CHECK_INT(pack_result(), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the folder has no files");
    put_file("a", "a", 0600);
    CHECK(symlink("../../etc/passwd", p("out")) == 0);
    CHECK_INT(pack_result(), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message),
              "the symbolic link \"out\" leads out of the package, to \"../../etc/passwd\"");
    CHECK(unlink(p("out")) == 0 && mkfifo(p("pipe"), 0600) == 0);
    CHECK_INT(pack_result(), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "\"pipe\" is neither file, folder nor link");
    CHECK(unlink(p("pipe")) == 0);
    put_file("a\nb", "a", 0600);
    CHECK_INT(pack_result(), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the name \"a?b\" has control characters, or is not UTF-8");
    put_file(".truss_ignore", "a?b", 0600);
    CHECK_INT(pack_result(), PACKAGE_FINE);
    finish();
    CHECK_INT(pack_result(), -ENOENT);
}

static void test_packing_is_bounded(void)
{
    struct package_limits limits = {1 << 20, 4, 2};
    int fd = memfd_create("archive", MFD_CLOEXEC);

    begin();
    put_file("a", "aa", 0600);
    put_file("b", "bb", 0600);
    CHECK_INT(package_pack(scratch, fd, &limits, &about, &error), PACKAGE_FINE);
    limits.content_bytes = 3;
    CHECK_INT(package_pack(scratch, fd, &limits, &about, &error), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the files of the folder have more than 3 bytes");
    limits = (struct package_limits){1 << 20, 4, 1};
    CHECK_INT(package_pack(scratch, fd, &limits, &about, &error), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the folder has more than 1 entries");
    limits = (struct package_limits){10, 4, 2};
    CHECK_INT(package_pack(scratch, fd, &limits, &about, &error), PACKAGE_REFUSED);
    CHECK(str_starts(str_of(error.message), STR("the archive has ")));
    close(fd);
    finish();
}

/* --- hostile archives */

static void test_what_is_refused(void)
{
    static const struct {
        struct item items[4];
        const char *why;
    } rows[] = {
        {{{TEXT, "/etc/a", "x"}}, "the entry \"/etc/a\" is absolute"},
        {{{TEXT, "../a", "x"}}, "the entry \"../a\" leads out of the package with \"..\""},
        {{{TEXT, "a/../../b", "x"}},
         "the entry \"a/../../b\" leads out of the package with \"..\""},
        {{{FOLDER, "..", NULL}}, "the entry \"../\" leads out of the package with \"..\""},
        {{{TEXT, "a\033[2J", "x"}}, "the entry \"a?[2J\" has control characters, or is not UTF-8"},
        {{{TEXT, "a\xff", "x"}}, "the entry \"a?\" has control characters, or is not UTF-8"},
        {{{TEXT, "a", "x"}, {TEXT, "a", "y"}}, "the entry \"a\" is there twice"},
        {{{TEXT, "a", "x"}, {TEXT, "./a", "y"}}, "the entry \"a\" is there twice"},
        {{{TEXT, "a", "x"}, {TEXT, "a/b", "y"}},
         "the entry \"a\" is used as a folder, and is none"},
        {{{FOLDER, "a", NULL}, {TEXT, "a", "y"}}, "the entry \"a\" is there twice"},
        {{{LINK, "a", "/etc"}}, "the entry \"a\" is a symbolic link that leads out of the package"},
        {{{LINK, "a", ".."}}, "the entry \"a\" is a symbolic link that leads out of the package"},
        {{{LINK, "a/b", "../../c"}},
         "the entry \"a/b\" is a symbolic link that leads out of the package"},
        {{{LINK, "a/b", "c/../../../d"}},
         "the entry \"a/b\" is a symbolic link that leads out of the package"},
        {{{LINK, "a", "b"}, {TEXT, "a/c", "x"}}, "the entry \"a\" is there twice"},
        {{{FOLDER, "b", NULL}, {LINK, "a", "b"}, {TEXT, "a", "x"}},
         "the entry \"a\" is there twice"},
        {{{HARD, "a", "/etc/passwd"}},
         "the entry \"a\" is a hard link to something outside of the package"},
        {{{HARD, "a", "../b"}},
         "the entry \"a\" is a hard link to something outside of the package"},
        {{{HARD, "a", "b"}}, "the entry \"a\" is a hard link to a file that is not before it"},
        {{{LINK, "b", "c"}, {HARD, "a", "b"}},
         "the entry \"a\" is a hard link to a file that is not before it"},
        {{{FOLDER, "b", NULL}, {HARD, "a", "b"}},
         "the entry \"a\" is a hard link to a file that is not before it"},
        {{{PIPE, "a", NULL}}, "the entry \"a\" is neither file, folder nor link"},
        {{{DEVICE, "a", NULL}}, "the entry \"a\" is neither file, folder nor link"},
        {{{HOLE_BEFORE, "a", NULL}}, "the entry \"a\" has holes"},
        {{{HOLE_BEHIND, "a", NULL}}, "the entry \"a\" has holes"},
        {{{FOLDER, "d", NULL}, {LINK, "a/b", "c"}, {LINK, "a", "d"}},
         "the entry \"a\" is used as a folder, and is none"},
        {{{FOLDER, "a", NULL}}, "the archive has no files"},
        {{{TEXT, ".", "x"}}, "the entry \".\" is the package's own folder"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        CHECK_INT(unpack_limited(rows[i].items, NULL), PACKAGE_REFUSED);
        CHECK_STR(str_of(error.message), rows[i].why);
        CHECK_INT(count_names(), 0);
        finish();
    }
}

static void test_links_inside(void)
{
    begin();
    CHECK_INT(UNPACK({LINK, "a/link", "../b/file"}, {TEXT, "b/file", "content"},
                     {HARD, "c/same", "./b/file"}, {LINK, "dangling", "nowhere"},
                     {PROGRAM, "d/e/f", "run"}),
              PACKAGE_FINE);
    CHECK_STR(content_of("out/a/link"), "content");
    CHECK_STR(content_of("out/c/same"), "content");
    CHECK_INT(mode_of("out/d/e/f"), 0700);
    CHECK(is_there("out/dangling"));
    CHECK_INT(about.content_bytes, 10);
    CHECK_INT(about.files, 2);
    CHECK_INT(about.entries, 10);
    finish();
}

static void test_unpacking_is_bounded(void)
{
    static const struct item items[] = {
        {TEXT, "a/b", "0123456789"}, {TEXT, "c", "0123456789"}, {.what = END}};
    struct package_limits limits = {1 << 20, 20, 3};

    begin();
    CHECK_INT(unpack_limited(items, &limits), PACKAGE_FINE);
    finish();
    begin();
    limits.content_bytes = 19;
    CHECK_INT(unpack_limited(items, &limits), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the files of the archive have more than 19 bytes");
    limits = (struct package_limits){1 << 20, 20, 2};
    CHECK_INT(unpack_limited(items, &limits), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the archive has more than 2 entries");
    limits = (struct package_limits){50, 20, 3};
    CHECK_INT(unpack_limited(items, &limits), PACKAGE_REFUSED);
    CHECK(str_ends(str_of(error.message), STR(" bytes; at most 50")));
    CHECK_INT(count_names(), 0);
    finish();
}

/* --- archives that no library would write */

struct raw {
    const char *name, *target;
    size_t bytes; /* of content */
    char type;    /* as in tar's header; 0: the end */
};

enum {
    BLOCK = 512,
    CHECKSUM = 148,
    CHECKSUM_BYTES = 8,
    REMARK_BYTES = sizeof("524288 comment=\n") - 1
};

static void put_raw(struct buf *tar, const struct raw *raw)
{
    static const char zeros[BLOCK];
    char head[BLOCK] = {0};
    unsigned sum = CHECKSUM_BYTES * ' ';

    (void)snprintf(head, 100, "%s", raw->name);
    (void)snprintf(head + 100, 8, "0000644");
    (void)snprintf(head + 124, 12, "%011zo", raw->bytes);
    head[156] = raw->type;
    (void)snprintf(head + 157, 100, "%s", raw->target ? raw->target : "");
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)head[i];
    (void)snprintf(head + CHECKSUM, CHECKSUM_BYTES, "%06o", sum);
    buf_put(tar, head, BLOCK);
    if (raw->type == 'x')
        buf_printf(tar, "%zu comment=%0*d\n", raw->bytes, (int)raw->bytes - REMARK_BYTES, 0);
    else
        for (size_t n = 0; n < raw->bytes; n += BLOCK)
            buf_put(tar, zeros, BLOCK);
}

static int unpack_raw(const struct raw *items, const struct package_limits *limits)
{
    int fd = memfd_create("archive", MFD_CLOEXEC), result;
    struct archive_entry *entry = archive_entry_new();
    struct archive *a = archive_write_new();
    struct buf tar;

    buf_init(&tar, 0);
    for (; items->type; items++)
        put_raw(&tar, items);
    for (size_t i = 0; i < 2 * BLOCK; i++)
        buf_put_char(&tar, 0);
    archive_entry_copy_pathname(entry, "tar");
    archive_entry_set_filetype(entry, AE_IFREG);
    CHECK(archive_write_set_format_raw(a) == ARCHIVE_OK &&
          archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
          archive_write_open_fd(a, fd) == ARCHIVE_OK &&
          archive_write_header(a, entry) == ARCHIVE_OK &&
          archive_write_data(a, tar.p, tar.n) == (la_ssize_t)tar.n &&
          archive_write_close(a) == ARCHIVE_OK);
    archive_write_free(a);
    archive_entry_free(entry);
    buf_deinit(&tar);
    result = package_unpack(fd, p("out"), limits, &about, &error);
    close(fd);
    return result;
}

/* What is read and thrown away costs time as well. */
static void test_content_that_is_not_of_a_file(void)
{
    static const struct {
        struct raw items[4];
        const char *why;
    } rows[] = {
        {{{"a", NULL, 0, '0'}, {"d/", NULL, 1 << 20, '0'}},
         "the entry \"d/\" has content, and is no file"},
        {{{"a", NULL, 0, '0'}, {"r", NULL, 1 << 19, 'x'}, {"h", "a", 1 << 20, '1'}},
         "the entry \"h\" has content, and is no file"},
        {{{"a", NULL, 0, '0'}, {"./", "a", 0, '1'}},
         "the entry \"./\" is the package's own folder"},
    };
    const struct package_limits limits = {1 << 20, 1 << 20, 20};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        CHECK_INT(unpack_raw(rows[i].items, &limits), PACKAGE_REFUSED);
        CHECK_STR(str_of(error.message), rows[i].why);
        CHECK_INT(count_names(), 0);
        finish();
    }
}

/* Each entry with half a megabyte of remarks, which shrinks to nothing in the archive. */
static void test_what_is_said_about_entries_is_bounded(void)
{
    static struct raw items[34];
    struct package_limits limits = {1 << 20, 20, 20};

    items[0] = (struct raw){"a", NULL, 0, '0'};
    for (size_t i = 1; i + 1 < COUNT_OF(items); i += 2) {
        items[i] = (struct raw){"remarks", NULL, 1 << 19, 'x'};
        items[i + 1] = (struct raw){"d/", NULL, 0, '5'};
    }
    begin();
    CHECK_INT(unpack_raw(items, &limits), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the archive says too much about its entries");
    CHECK_INT(count_names(), 0);
    limits.content_bytes = 16 << 20;
    CHECK_INT(unpack_raw(items, &limits), PACKAGE_FINE);
    finish();
}

/* The same folder again and again makes nothing, and must not go on for ever. */
static void test_entries_that_make_nothing_are_bounded(void)
{
    static const struct item items[] = {{FOLDER, "a", NULL}, {FOLDER, "a", NULL},
                                        {FOLDER, ".", NULL}, {FOLDER, "a", NULL},
                                        {FOLDER, "a", NULL}, {.what = END}};
    const struct package_limits limits = {1 << 20, 20, 2};

    begin();
    CHECK_INT(unpack_limited(items, &limits), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the archive has more than 2 entries");
    finish();
}

static void test_a_folder_that_is_there_stays(void)
{
    begin();
    CHECK(mkdir(p("out"), 0755) == 0);
    CHECK_INT(UNPACK({TEXT, "a", "x"}), -EEXIST);
    CHECK_INT(count_names(), 1);
    CHECK(!is_there("out/a"));
    finish();
    CHECK_INT(UNPACK({TEXT, "a", "x"}), -ENOENT);
}

static void test_damage(void)
{
    static const struct item items[] = {{TEXT, "a", "0123456789"}, {.what = END}};
    int fd = archive_of(items);
    struct stat st;

    begin();
    CHECK(fstat(fd, &st) == 0);
    for (off_t n = st.st_size - 9; n >= 0; n -= 7) {
        CHECK(ftruncate(fd, n) == 0);
        CHECK_INT(package_unpack(fd, p("out"), NULL, &about, &error), PACKAGE_REFUSED);
        CHECK(str_starts(str_of(error.message),
                         n < 3 ? STR("the archive is not a .tar.gz") : STR("the archive cannot")));
        CHECK_INT(count_names(), 0);
    }
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, "PK\3\4", 4, 0) == 4);
    CHECK_INT(package_unpack(fd, p("out"), NULL, &about, &error), PACKAGE_REFUSED);
    CHECK_STR(str_of(error.message), "the archive is not a .tar.gz file");
    close(fd);
    finish();
}

static void test_removing(void)
{
    begin();
    CHECK(mkdir(p("a"), 0755) == 0 && mkdir(p("a/b"), 0755) == 0 && mkdir(p("keep"), 0755) == 0);
    put_file("keep/file", "x", 0600);
    put_file("a/b/c", "x", 0400);
    CHECK(symlink("../keep", p("a/link")) == 0);
    CHECK_INT(tree_remove(p("a")), 0);
    CHECK(!is_there("a"));
    CHECK_STR(content_of("keep/file"), "x");
    CHECK_INT(tree_remove(p("a")), 0);
    finish();
}

int main(void)
{
    RUN(test_there_and_back);
    RUN(test_equal_folders_make_equal_archives);
    RUN(test_what_an_archive_says);
    RUN(test_what_cannot_be_packed);
    RUN(test_packing_is_bounded);
    RUN(test_what_is_refused);
    RUN(test_links_inside);
    RUN(test_unpacking_is_bounded);
    RUN(test_entries_that_make_nothing_are_bounded);
    RUN(test_content_that_is_not_of_a_file);
    RUN(test_what_is_said_about_entries_is_bounded);
    RUN(test_a_folder_that_is_there_stays);
    RUN(test_damage);
    RUN(test_removing);
    return test_end();
}
