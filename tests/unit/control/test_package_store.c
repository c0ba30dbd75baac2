#include "control/package_store.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* This program's own fsync takes notes of what has become durable, and does the real thing. */

static char data_dir[64], notes[256];

static bool is(const struct stat *about, const char *path)
{
    struct stat other;

    return stat(path, &other) == 0 && other.st_dev == about->st_dev &&
           other.st_ino == about->st_ino;
}

int fsync(int fd)
{
    char packages[96];
    struct stat about;

    CHECK_INT(fstat(fd, &about), 0);
    snprintf(packages, sizeof(packages), "%s/packages", data_dir);
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof(notes) - n, "%s",
             S_ISREG(about.st_mode) ? "file;"
             : is(&about, packages) ? "packages;"
             : is(&about, data_dir) ? "data;"
                                    : "another;");
    return (int)syscall(SYS_fsync, fd);
}

static void a_package_that_is_taken_is_on_the_disk(void)
{
    char sha256[PACKAGE_NAME_BYTES], path[256];

    snprintf(data_dir, sizeof(data_dir), "/tmp/test-packages-XXXXXX");
    CHECK(mkdtemp(data_dir));
    struct package_upload *u = package_upload_new(data_dir);
    CHECK(u);
    CHECK_INT(package_upload_write(u, STR("hello")), 0);
    CHECK_INT(package_upload_finish(u, sha256), 0);
    CHECK_STR(str_of(notes), "file;packages;data;");
    package_upload_free(u);
    CHECK(package_store_has(data_dir, str_of(sha256)));
    snprintf(path, sizeof(path), "%s/packages/%s.tar.gz", data_dir, sha256);
    CHECK_INT(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/packages", data_dir);
    CHECK_INT(rmdir(path), 0);
    CHECK_INT(rmdir(data_dir), 0);
}

int main(void)
{
    RUN(a_package_that_is_taken_is_on_the_disk);
    return test_end();
}
