#pragma once

/* Certificates and keys in PEM, checked when the configuration is read, so that a wrong file is an
 * error with a line number and not a failing handshake at night. */

#include "base/str.h"

/* Each returns NULL if the text is fine, else what is wrong with it. */
const char *pem_check_authorities(str pem);

/* A certificate (its chain may follow) and the private key that belongs to it. */
const char *pem_check_pair(str chain, str key);

/* Whether the first certificate is past its time. That is worth a warning only: an expired
 * certificate must not keep a server from starting. */
bool pem_has_expired(str chain);
