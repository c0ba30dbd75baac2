#include "plane/process_tree.h"

#include "base/buf.h"
#include "base/mem.h"
#include "plane/files.h"
#include "plane/user.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAT_MAX = 4096, ENVIRON_MAX = 1 << 20, LISTENERS_MAX = 64 };

struct process {
    pid_t pid, parent;
    bool ours;
};

struct processes {
    struct process *items;
    size_t n, capacity;
};

static void processes_deinit(struct processes *all)
{
    mem_free(all->items);
}

/* Field 4 of /proc/PID/stat. The name in field 2 may contain anything, so fields are counted from
 * its last parenthesis. 0: the process is gone. */
static pid_t parent_of(int proc, const char *pid)
{
    char path[64];
    struct buf text CLEANUP(buf_deinit);
    uint64_t parent = 0;

    buf_init(&text, 0);
    snprintf(path, sizeof(path), "%s/stat", pid);
    if (files_read(proc, path, STAT_MAX, &text) < 0)
        return 0;
    str rest = buf_str(&text);
    while (rest.n && rest.p[rest.n - 1] != ')')
        rest.n--;
    rest = str_from(buf_str(&text), rest.n + 3); /* ") S " less its parenthesis */
    return str_parse_u64(str_cut(&rest, ' '), &parent) && parent <= INT_MAX ? (pid_t)parent : 0;
}

typedef void (*process_fn)(void *ctx, int proc, const char *name, pid_t pid);

static void each_process(process_fn visit, void *ctx)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    uint64_t pid;

    if (!proc)
        return;
    while ((entry = readdir(proc)) != NULL) {
        if (str_parse_u64(str_of(entry->d_name), &pid) && pid > 1 && pid <= INT_MAX)
            visit(ctx, dirfd(proc), entry->d_name, (pid_t)pid);
    }
    closedir(proc);
}

static void collect(void *ctx, int proc, const char *name, pid_t pid)
{
    struct processes *all = ctx;

    if (all->n == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 128;
        all->items = mem_realloc(all->items, all->capacity * sizeof(*all->items));
    }
    all->items[all->n++] = (struct process){.pid = pid, .parent = parent_of(proc, name)};
}

static bool is_ours(const struct processes *all, pid_t pid)
{
    if (pid == getpid())
        return true;
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].pid == pid)
            return all->items[i].ours;
    }
    return false;
}

static void find_descendants(struct processes *all)
{
    bool found = true;

    each_process(collect, all);
    while (found) {
        found = false;
        for (size_t i = 0; i < all->n; i++) {
            struct process *p = &all->items[i];

            if (!p->ours && p->parent > 1 && is_ours(all, p->parent))
                p->ours = found = true;
        }
    }
}

size_t process_tree_kill(void)
{
    struct processes all CLEANUP(processes_deinit) = {0};
    size_t killed = 0;

    find_descendants(&all);
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].ours)
            killed += kill(all.items[i].pid, SIGKILL) == 0;
    }
    return killed;
}

/* What a process of another user has is shown to that user, and to who may trace it. False: it is
 * this one's own, and there is nothing to look back from. Never as root: no package runs as it
 * beside a process that is not root, and coming back from it takes capabilities along
 * (capabilities(7)). */
static bool look_as_owner(struct plane_user_look *look, int proc, const char *name)
{
    struct stat about;

    if (fstatat(proc, name, &about, 0) < 0 || about.st_uid == geteuid() || about.st_uid == 0)
        return false;
    plane_user_look_as(look, about.st_uid, about.st_gid);
    return true;
}

static int read_environ(int proc, const char *name, struct buf *to)
{
    char path[64];
    struct plane_user_look look;

    snprintf(path, sizeof(path), "%s/environ", name);
    bool looks = look_as_owner(&look, proc, name);
    int r = files_read(proc, path, ENVIRON_MAX, to);
    if (looks)
        plane_user_look_back(&look);
    return r;
}

struct marked {
    str variable;
    size_t killed;
};

static void kill_if_marked(void *ctx, int proc, const char *name, pid_t pid)
{
    struct marked *m = ctx;
    struct buf text CLEANUP(buf_deinit);

    buf_init(&text, 0);
    if (pid == getpid() || read_environ(proc, name, &text) < 0)
        return;
    for (str rest = buf_str(&text); rest.n;) {
        if (!str_eq(str_cut(&rest, '\0'), m->variable))
            continue;
        m->killed += kill(pid, SIGKILL) == 0;
        return;
    }
}

size_t process_tree_kill_marked(str variable)
{
    struct marked m = {.variable = variable};

    each_process(kill_if_marked, &m);
    return m.killed;
}

/* --- ports */

struct listeners {
    uint64_t inodes[LISTENERS_MAX];
    bool found[LISTENERS_MAX];
    size_t n;
};

static str next_word(str *rest)
{
    str word;

    do
        word = str_cut(rest, ' ');
    while (word.n == 0 && rest->n);
    return word;
}

/* A line of proc_net_tcp(5): "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout
 * inode". True while it is of a socket that listens; the kernel lists these first. */
static bool read_listener(struct listeners *l, str line, const char *port_hex)
{
    str rest = str_trim(line), words[10];
    uint64_t inode;

    for (size_t i = 0; i < COUNT_OF(words); i++)
        words[i] = next_word(&rest);
    if (!str_eq(words[3], STR("0A")))
        return false;
    if (str_ends(words[1], str_of(port_hex)) && str_parse_u64(words[9], &inode) &&
        l->n < LISTENERS_MAX)
        l->inodes[l->n++] = inode;
    return true;
}

static void read_listeners(struct listeners *l, const char *table, uint16_t port)
{
    FILE *file = fopen(table, "re");
    char line[512], port_hex[8];

    snprintf(port_hex, sizeof(port_hex), ":%04X", port);
    if (!file)
        return;
    if (fgets(line, sizeof(line), file)) { /* the heading */
        while (fgets(line, sizeof(line), file) && read_listener(l, str_of(line), port_hex))
            ;
    }
    fclose(file);
}

static void note_socket(struct listeners *l, str target)
{
    uint64_t inode;

    if (!str_starts(target, STR("socket:[")) || !str_ends(target, STR("]")) ||
        !str_parse_u64(str_make(target.p + 8, target.n - 9), &inode))
        return;
    for (size_t i = 0; i < l->n; i++)
        l->found[i] |= l->inodes[i] == inode;
}

static void note_open_files(struct listeners *l, DIR *open_files)
{
    char target[64];
    struct dirent *entry;

    while ((entry = readdir(open_files)) != NULL) {
        ssize_t n = readlinkat(dirfd(open_files), entry->d_name, target, sizeof(target));

        if (n > 0)
            note_socket(l, str_make(target, (size_t)n));
    }
}

static void note_sockets_of(struct listeners *l, pid_t pid)
{
    char path[64], folder[64];
    struct plane_user_look look;

    snprintf(folder, sizeof(folder), "/proc/%d", (int)pid);
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    bool looks = look_as_owner(&look, AT_FDCWD, folder);
    DIR *open_files = opendir(path);
    if (open_files) {
        note_open_files(l, open_files);
        closedir(open_files);
    }
    if (looks)
        plane_user_look_back(&look);
}

enum process_port process_tree_port(uint16_t port)
{
    struct processes all CLEANUP(processes_deinit) = {0};
    struct listeners l = {0};

    read_listeners(&l, "/proc/self/net/tcp", port);
    read_listeners(&l, "/proc/self/net/tcp6", port);
    if (l.n == 0)
        return PORT_UNUSED;
    find_descendants(&all);
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].ours)
            note_sockets_of(&l, all.items[i].pid);
    }
    for (size_t i = 0; i < l.n; i++) {
        if (!l.found[i])
            return PORT_FOREIGN;
    }
    return PORT_OURS;
}
