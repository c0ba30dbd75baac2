#pragma once

/* The control process: configuration, store, management API, and control's end of the link to the
 * edges. */

#include <stdint.h>

struct control_options {
    const char *config; /* the file; followed when it changes */
    const char *data_dir;
    const char *listen; /* "host:port" of the management API when run alone; NULL: 127.0.0.1:4001 */
    uint16_t gateway_port; /* that the gateway was given; 0: as configured */
    int listen_fd;         /* inherited instead; -1: none */
    int link_fd;           /* inherited listening Unix socket; -1: DATA_DIR/control.sock is bound */
    int ready_fd;          /* gets one byte, 'R', once requests are served; -1: nobody waits */
};

/* Serves until SIGTERM, which ends the replicas as well, or SIGUSR2, which leaves them to a
 * successor. Returns an exit status. */
int control_main(const struct control_options *options);
