#pragma once

/*
 * Which addresses somebody may be led to who did not choose them: a text of networks, asked for the
 * address that a connection is about to be made to. A name that is harmless when it is registered
 * may stand for anything a moment later, so it is never the name that is asked about.
 *
 * The text is "" (anywhere), NETWORKS_OUTSIDE, or networks separated by blanks
 * ("10.0.0.0/8 2001:db8::/32 192.0.2.7"), which then are all that there is.
 */

#include "net/address.h"

/* Everywhere but this machine, under whichever address, and what belongs to it alone: loopback,
 * link-local, unspecified, multicast, reserved, clouds' own services, and IPv6 forms of these.
 * Private networks are somebody's halls and not among them. */
#define NETWORKS_OUTSIDE STR("outside")

/* One network, "10.0.0.0/8" or a bare address; false for anything else, and where bits are set
 * beyond the prefix. */
bool networks_is_one(str text);

/* NULL: the address may be reached. Else what it is instead, for a message, such as "loopback". A
 * Unix socket lies in no network. */
const char *networks_refuse(str networks, const struct net_address *address);
