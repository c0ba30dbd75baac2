#pragma once

/*
 * What runs is bound by rules that are made while it runs. When a new policy is in force, every
 * request of a model host whose content has reached a replica is judged once more: a WebSocket
 * outside is closed (1008), an answer that passes is cut, and a request without an answer yet is
 * tried elsewhere if its body is still there. A key binds as a rule does; a WebSocket whose key
 * expires is judged then.
 */

struct exchange;
struct worker;

void recheck_calls(struct worker *w);

/* One of them; it may be over then. */
void recheck_call(struct exchange *x);
