#include "package/archive.h"
#include "plane/builder.h"
#include "unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What a build has on the disk, and when: this program's own fsync and syncfs take notes and do the
 * real thing.
 */

static char folder[64], notes[512];

static void note(const char *what)
{
    size_t n = strlen(notes);

    snprintf(notes + n, sizeof(notes) - n, "%s;", what);
}

static bool is_there(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/dep/%s", folder, name);
    return access(path, F_OK) == 0;
}

int syncfs(int fd)
{
    /* One that comes before the package is at its place is that of its unpacking. */
    if (is_there("package/config.yaml"))
        note(is_there("built") || is_there("built.new") ? "all, too late" : "all");
    return (int)syscall(SYS_syncfs, fd);
}

int fsync(int fd)
{
    struct stat about;

    CHECK_INT(fstat(fd, &about), 0);
    if (S_ISREG(about.st_mode))
        note(is_there("built") ? "mark, too late" : "mark");
    else
        note(is_there("built") ? "folder" : "folder, too early");
    return (int)syscall(SYS_fsync, fd);
}

static void make_archive(const char *archive)
{
    char source[96], file[128];
    struct package_error error;
    struct package_about about;

    snprintf(source, sizeof(source), "%s/source", folder);
    snprintf(file, sizeof(file), "%s/config.yaml", source);
    CHECK_INT(mkdir(source, 0700), 0);
    FILE *to = fopen(file, "w");
    fputs("model_name: m\n", to);
    fclose(to);
    int fd = open(archive, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_INT(package_pack(source, fd, NULL, &about, &error), PACKAGE_FINE);
    close(fd);
}

static void remove_all(void)
{
    pid_t pid = fork();

    if (pid == 0)
        execl("/bin/rm", "rm", "-rf", folder, NULL);
    waitpid(pid, NULL, 0);
}

static void what_is_said_to_be_built_is_on_the_disk(void)
{
    char deployment[96], archive[96];
    const struct builder_options options = {.folder = deployment, .archive = archive, .runner = ""};

    snprintf(folder, sizeof(folder), "/tmp/test-builder-XXXXXX");
    CHECK(mkdtemp(folder));
    snprintf(deployment, sizeof(deployment), "%s/dep", folder);
    snprintf(archive, sizeof(archive), "%s/package.tar.gz", folder);
    CHECK_INT(mkdir(deployment, 0700), 0);
    make_archive(archive);
    notes[0] = '\0';
    CHECK_INT(builder_main(&options), EXIT_SUCCESS);
    CHECK_STR(str_of(notes), "all;mark;folder;");
    remove_all();
}

int main(void)
{
    RUN(what_is_said_to_be_built_is_on_the_disk);
    return test_end();
}
