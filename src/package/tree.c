#include "package/tree.h"

#include "package/entry_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Twice what a package may have; what nests deeper was not made here. */
enum { MAX_DEPTH = 2 * ENTRY_MAX_DEPTH };

static int remove_in(int folder, const char *name, unsigned depth);

static bool is_dots(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static int remove_members(DIR *folder, unsigned depth)
{
    const struct dirent *entry;
    int first = 0;

    while ((entry = readdir(folder))) {
        int e = is_dots(entry->d_name) ? 0 : remove_in(dirfd(folder), entry->d_name, depth + 1);

        first = first ? first : e;
    }
    return first;
}

static int remove_in(int folder, const char *name, unsigned depth)
{
    int fd, e;
    DIR *inner;

    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth > MAX_DEPTH)
        return -ELOOP;
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    inner = fdopendir(fd);
    if (!inner) {
        e = -errno;
        close(fd);
        return e;
    }
    e = remove_members(inner, depth);
    closedir(inner);
    if (unlinkat(folder, name, AT_REMOVEDIR) && !e)
        e = -errno;
    return e;
}

int tree_remove(const char *folder)
{
    return remove_in(AT_FDCWD, folder, 0);
}
