/* SPDX-License-Identifier: Apache-2.0 */
/* server: the control socket as the daemon serves it, on one loop.
 *
 *   one line a request, then:   {"item": …}*   one a line, as many as it has
 *                               {"ok": true, …}  or  {"ok": false, "error": …}
 *
 * 1. Whatever comes in is answered in words, logged, and harmless: lines,
 *    clients and time are bounded.
 * 2. A client that does not read stops its own answer only: a handler that
 *    says much asks ctl_is_full() and goes on when it is told.
 * 3. Who may connect is a matter of the socket's mode; who did is asked of the
 *    kernel (SO_PEERCRED) and logged.
 * 4. Requests are rows that anybody may add; see request.h. */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include "ctl/request.h"
#include "net/loop.h"

struct ctl_server;

/* Serves at `path` (see socket.h). NULL with -errno in `*error`. */
struct ctl_server *ctl_server_new(struct loop *loop, const char *path,
    const char *group, int *error);
/* `n` more requests; the rows outlive the server. */
void ctl_server_add(struct ctl_server *server, const struct ctl_request *row,
    size_t n, void *arg);
/* No new requests, and whoever works on one is told that its client has gone.
 * The socket's name goes. */
void ctl_server_stop(struct ctl_server *server);
void ctl_server_free(struct ctl_server *server);
/* For the loop's turn: sends what is gathered. */
void ctl_server_flush(struct ctl_server *server);

/* --- a request under way. It begins with the row's run() and is over with
 * ctl_end() or ctl_refuse(), now or later, or when on_gone has been called. */

const json_t *ctl_request_of(const struct ctl_call *call);
/* For those who go on after run(). Both may be NULL. */
void ctl_later(struct ctl_call *call, void (*on_gone)(void *arg),
    void (*on_room)(void *arg), void *arg);
/* An item, ready as JSON without a line's end. */
void ctl_item(struct ctl_call *call, struct span json);
/* The same; takes `item` over. */
void ctl_item_json(struct ctl_call *call, json_t *item);
/* So much waits for the client that one should stop until on_room. */
bool ctl_is_full(const struct ctl_call *call);
/* Well done; `result` (taken over, may be NULL) gets its "ok". */
void ctl_end(struct ctl_call *call, json_t *result);
__attribute__((format(printf, 2, 3)))
void ctl_refuse(struct ctl_call *call, const char *format, ...);
/* The loop that serves. */
struct loop *ctl_loop(const struct ctl_call *call);

#endif
