#include "plane/process_internal.h"

#include "base/random.h"
#include "net/address.h"

#include <errno.h>
#include <unistd.h>

void process_ports_init(struct process_ports *ports, uint16_t first, uint16_t last)
{
    size_t n = (size_t)(last - first) + 1;
    uint16_t random;

    random_bytes(&random, sizeof(random));
    *ports = (struct process_ports){.first = first, .last = last};
    /* Not always the same one first: a plane that starts anew knows of no quarantine. */
    ports->next = (uint16_t)(random % n);
    ports->free_at_ns = mem_zalloc(n * sizeof(*ports->free_at_ns));
}

void process_ports_deinit(struct process_ports *ports)
{
    mem_free(TAKE(ports->free_at_ns));
}

/* As a replica's shim will bind it. */
static bool can_be_bound(uint16_t port)
{
    struct net_address at;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fine;

    if (fd < 0)
        return false;
    fine = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           net_address_from_ip(STR("127.0.0.1"), port, &at) == 0 &&
           bind(fd, &at.any, at.length) == 0;
    close(fd);
    return fine;
}

static bool is_in_use(const struct process_plane *p, uint16_t port)
{
    struct map_entry entry;

    for (size_t cursor = 0; map_next(&p->replicas, &cursor, &entry);) {
        const struct process_replica *r = entry.value;

        if (r->port == port && r->state != REPLICA_ENDED)
            return true;
    }
    return false;
}

uint16_t process_take_port(struct plane *plane)
{
    struct process_plane *p = process_plane_of(plane);
    struct process_ports *ports = &p->ports;
    size_t n = (size_t)(ports->last - ports->first) + 1;
    int64_t now = loop_now_ns(p->loop);

    for (size_t tries = 0; tries < n; tries++) {
        size_t i = ports->next;
        uint16_t port = (uint16_t)(ports->first + i);

        ports->next = (uint16_t)((i + 1) % n);
        if (ports->free_at_ns[i] > now || is_in_use(p, port) || !can_be_bound(port))
            continue;
        /* Until a replica has it, or the one that it was taken for never came. */
        ports->free_at_ns[i] = now + PROCESS_PORT_QUARANTINE_MS * NS_PER_MS;
        return port;
    }
    return 0;
}

void process_ports_give_back(struct process_ports *ports, uint16_t port, int64_t now_ns)
{
    if (port >= ports->first && port <= ports->last)
        ports->free_at_ns[port - ports->first] = now_ns + PROCESS_PORT_QUARANTINE_MS * NS_PER_MS;
}
