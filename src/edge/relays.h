#pragma once

struct relays;

struct relays *relays_new(void);
void relays_free(struct relays *relays);
