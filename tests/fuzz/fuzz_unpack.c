/*
 * Any bytes as an uploaded package: as they are if they begin like gzip, else as what is in it, a
 * tar whose headers get the checksum that they should have. Checked is that nothing is left when it
 * is refused, and that what was unpacked is only files, folders and links that stay inside, with
 * the modes and in the numbers that were promised.
 */

#include "base/mem.h"
#include "package/archive.h"
#include "package/entry_name.h"
#include "package/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK = 512, CHECKSUM = 148, CHECKSUM_BYTES = 8, MAGIC = 257, OPEN_FOLDERS = 8 };

static const struct package_limits limits = {1 << 20, 1 << 16, 40};

static char scratch[64];
static char out[80];
static unsigned n_seen;

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void mend_checksums(uint8_t *tar, size_t n)
{
    for (size_t at = 0; at + BLOCK <= n; at += BLOCK) {
        char text[CHECKSUM_BYTES];
        unsigned sum = 0;

        if (memcmp(tar + at + MAGIC, "ustar", 5) != 0)
            continue;
        memset(tar + at + CHECKSUM, ' ', CHECKSUM_BYTES);
        for (size_t i = 0; i < BLOCK; i++)
            sum += tar[at + i];
        (void)snprintf(text, sizeof(text), "%06o", sum);
        memcpy(tar + at + CHECKSUM, text, CHECKSUM_BYTES - 1);
    }
}

static void put_all(int fd, const uint8_t *p, size_t n)
{
    must(write(fd, p, n) == (ssize_t)n);
}

/* Bytes in gzip, without compressing them: that would only take time. */
static void put_gzip(int fd, const uint8_t *p, size_t n)
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    must(archive_write_set_format_raw(a) == ARCHIVE_OK);
    must(archive_write_add_filter_gzip(a) == ARCHIVE_OK);
    must(archive_write_set_filter_option(a, "gzip", "compression-level", "0") == ARCHIVE_OK);
    must(archive_write_open_fd(a, fd) == ARCHIVE_OK);
    archive_entry_set_pathname(entry, "tar");
    archive_entry_set_filetype(entry, AE_IFREG);
    must(archive_write_header(a, entry) == ARCHIVE_OK);
    must(n == 0 || archive_write_data(a, p, n) == (la_ssize_t)n);
    must(archive_write_close(a) == ARCHIVE_OK);
    archive_write_free(a);
    archive_entry_free(entry);
}

static int put_archive(const uint8_t *data, size_t size)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    uint8_t *tar;

    must(fd >= 0);
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b) {
        put_all(fd, data, size);
        return fd;
    }
    tar = mem_alloc(size + 1);
    memcpy(tar, data, size);
    mend_checksums(tar, size);
    put_gzip(fd, tar, size);
    mem_free(tar);
    return fd;
}

/* --- what came out */

static void check_link(const char *path)
{
    char target[ENTRY_NAME_BYTES], real[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target));

    must(n > 0 && n < (ssize_t)sizeof(target) && target[0] != '/');
    /* A link may lead nowhere, or round in a circle, but not out. */
    if (realpath(path, real))
        must(strncmp(real, out, strlen(out)) == 0 &&
             (real[strlen(out)] == '/' || real[strlen(out)] == 0));
}

static int check_one(const char *path, const struct stat *about, int type, struct FTW *at)
{
    mode_t mode = about->st_mode & 07777;
    char plain[ENTRY_NAME_BYTES];

    (void)type;
    must(at->level <= ENTRY_MAX_DEPTH);
    if (at->level > 0) {
        n_seen++;
        must(entry_name_read(str_of(path + strlen(out) + 1), plain) == ENTRY_NAME_FINE);
    }
    if (S_ISLNK(about->st_mode))
        check_link(path);
    else if (S_ISREG(about->st_mode))
        must(mode == 0600 || mode == 0700);
    else
        must(S_ISDIR(about->st_mode) && mode == 0700);
    return 0;
}

static void must_be_empty(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    must(folder != NULL);
    while ((entry = readdir(folder)))
        must(entry->d_name[0] == '.');
    closedir(folder);
}

static void make_scratch(void)
{
    if (scratch[0])
        return;
    (void)snprintf(scratch, sizeof(scratch), "%s/fuzz_unpack.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(scratch) != NULL);
    (void)snprintf(out, sizeof(out), "%s/out", scratch);
}

static void remove_scratch(void)
{
    (void)tree_remove(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct package_about about;
    struct package_error error = {.message = ""};
    int fd, result;

    if (!scratch[0]) {
        make_scratch();
        atexit(remove_scratch);
    }
    fd = put_archive(data, size);
    result = package_unpack(fd, out, &limits, &about, &error);
    close(fd);
    must(result == PACKAGE_FINE || (result == PACKAGE_REFUSED && error.message[0]));
    if (result == PACKAGE_FINE) {
        n_seen = 0;
        must(nftw(out, check_one, OPEN_FOLDERS, FTW_PHYS) == 0);
        must(n_seen == about.entries && about.entries <= limits.entries);
        must(about.files > 0 && about.content_bytes <= limits.content_bytes);
        must(tree_remove(out) == 0);
    }
    must_be_empty(scratch);
    return 0;
}
