/*
 * A server of streams and plain answers that knows the truth: when it wrote each event, by its own clock.
 *
 *   truth_server [--ttft MS] [--gap MS] [--events N] [--freeze-after S --freeze S]
 *
 * It prints its port and serves on loopback with one epoll loop and no thread.
 *   POST /v1/chat/completions   N events as server-sent events: the first after --ttft, the others --gap apart
 *   POST /predict               a small JSON answer at once
 *   GET  /v1/models, /health    for detection
 *   GET  /truth                 what it counted since the last POST /reset, times in milliseconds
 * The time to first token runs from the read that completed the request to the write of the first event, a gap from
 * write to write. With --freeze it does nothing at all for S seconds, once, S seconds after the first POST.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 16384, MAX_REQUEST = 65536, MAX_READY = 512, MAX_TURNS = 64 };

/* ---- time -------------------------------------------------------------------------------------------------- */

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- a histogram of microseconds: exact up to 100 ms, 0.1 % above -------------------------------------------- */

enum { FINE = 100000, COARSE = 20000 };

typedef struct {
    uint64_t count;
    double sum;
    int64_t max;
    uint32_t fine[FINE];
    uint32_t coarse[COARSE]; /* buckets of 1 ms from 100 ms on */
} Histogram;

static void record(Histogram *h, int64_t ns) {
    int64_t us = ns / 1000;
    h->count++;
    h->sum += ns;
    if (ns > h->max) h->max = ns;
    if (us < FINE) {
        h->fine[us < 0 ? 0 : us]++;
        return;
    }
    int64_t bucket = (us - FINE) / 1000;
    h->coarse[bucket < COARSE ? bucket : COARSE - 1]++;
}

static double quantile_ms(const Histogram *h, double q) {
    uint64_t rank = (uint64_t)(q * h->count), seen = 0;
    for (int i = 0; i < FINE; i++) {
        seen += h->fine[i];
        if (seen > rank) return (i + 0.5) / 1000.0;
    }
    for (int i = 0; i < COARSE; i++) {
        seen += h->coarse[i];
        if (seen > rank) return FINE / 1000.0 + i + 0.5;
    }
    return h->max / 1e6;
}

/* ---- connections and their timers ---------------------------------------------------------------------------- */

typedef struct {
    int fd, length, events_sent, heap_place;
    int64_t asked_at, due, last_write;
    char *waiting; /* what the socket did not take yet */
    size_t waiting_size;
    char request[MAX_REQUEST];
} Connection;

static Connection *heap[MAX_CONNECTIONS + 1];
static int heap_size;

static void place(int i, Connection *c) {
    heap[i] = c;
    c->heap_place = i;
}

static void sift_up(int i) {
    Connection *c = heap[i];
    for (; i > 1 && heap[i / 2]->due > c->due; i /= 2) place(i, heap[i / 2]);
    place(i, c);
}

static void sift_down(int i) {
    Connection *c = heap[i];
    for (int child; (child = 2 * i) <= heap_size; i = child) {
        if (child < heap_size && heap[child + 1]->due < heap[child]->due) child++;
        if (heap[child]->due >= c->due) break;
        place(i, heap[child]);
    }
    place(i, c);
}

static void add_timer(Connection *c, int64_t due) {
    c->due = due;
    place(++heap_size, c);
    sift_up(heap_size);
}

static void remove_timer(Connection *c) {
    int i = c->heap_place;
    c->heap_place = 0;
    Connection *last = heap[heap_size--];
    if (last == c) return;
    place(i, last);
    sift_up(i);
    sift_down(last->heap_place);
}

/* ---- settings, counts, fixed bytes --------------------------------------------------------------------------- */

static double ttft_ms = 20, gap_ms = 5, freeze_after = 0, freeze_seconds = 0;
static int events_per_stream = 64;
static int64_t first_request;
static uint64_t requests, events, aborted, frozen;
static Histogram ttft, gap, lateness;
static int poll_fd;
static char event_bytes[512], end_bytes[1024];
static int event_size, end_size;

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char CHUNK[] =
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"truth\",\"choices\":[{\"index\":0,"
    "\"delta\":%s,\"finish_reason\":%s}]}\n\n";

static int frame(char *out, const char *data) {
    return sprintf(out, "%zx\r\n%s\r\n", strlen(data), data);
}

static void prepare_bytes(void) {
    char data[400];
    sprintf(data, CHUNK, "{\"content\":\" tok\"}", "null");
    event_size = frame(event_bytes, data);
    sprintf(data, CHUNK, "{}", "\"stop\"");
    end_size = frame(end_bytes, data);
    sprintf(data,
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"truth\",\"choices\":[],"
            "\"usage\":{\"prompt_tokens\":16,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
            events_per_stream, events_per_stream + 16);
    end_size += frame(end_bytes + end_size, data);
    end_size += frame(end_bytes + end_size, "data: [DONE]\n\n");
    end_size += sprintf(end_bytes + end_size, "0\r\n\r\n");
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void watch(Connection *c, uint32_t what) {
    struct epoll_event event = {what, {.ptr = c}};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void send_bytes(Connection *c, const char *bytes, size_t size) {
    if (!c->waiting_size) {
        ssize_t sent = send(c->fd, bytes, size, MSG_NOSIGNAL);
        if (sent == (ssize_t)size) return;
        if (sent < 0 && errno != EAGAIN) return; /* the read that follows says that it ended */
        if (sent > 0) bytes += sent, size -= sent;
        watch(c, EPOLLIN | EPOLLOUT);
    }
    c->waiting = realloc(c->waiting, c->waiting_size + size);
    memcpy(c->waiting + c->waiting_size, bytes, size);
    c->waiting_size += size;
}

static void send_waiting(Connection *c) {
    ssize_t sent = send(c->fd, c->waiting, c->waiting_size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    c->waiting_size -= sent;
    memmove(c->waiting, c->waiting + sent, c->waiting_size);
    if (!c->waiting_size) watch(c, EPOLLIN);
}

static void send_json(Connection *c, const char *status, const char *body) {
    char answer[4096];
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
                        strlen(body), body);
    send_bytes(c, answer, size);
}

static int describe(char *out, const char *name, const Histogram *h) {
    double mean = h->count ? h->sum / h->count / 1e6 : 0;
    return sprintf(out, ",\"%s\":{\"n\":%lu,\"mean\":%.4f,\"p10\":%.4f,\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,\"max\":%.4f}",
                   name, h->count, mean, quantile_ms(h, .1), quantile_ms(h, .5), quantile_ms(h, .9),
                   quantile_ms(h, .99), h->max / 1e6);
}

static void send_truth(Connection *c) {
    char body[2048];
    int size = sprintf(body, "{\"requests\":%lu,\"events\":%lu,\"aborted\":%lu,\"in_flight\":%d", requests, events,
                       aborted, heap_size);
    size += describe(body + size, "ttft", &ttft);
    size += describe(body + size, "gap", &gap);
    size += describe(body + size, "lateness", &lateness);
    sprintf(body + size, "}");
    send_json(c, "200 OK", body);
}

static void reset_counts(void) {
    requests = events = aborted = frozen = 0;
    first_request = 0;
    memset(&ttft, 0, sizeof ttft);
    memset(&gap, 0, sizeof gap);
    memset(&lateness, 0, sizeof lateness);
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static void send_next_event(Connection *c, int64_t t) {
    record(&lateness, t - c->due);
    record(c->events_sent ? &gap : &ttft, t - (c->events_sent ? c->last_write : c->asked_at));
    c->last_write = t;
    events++;
    if (++c->events_sent < events_per_stream) {
        send_bytes(c, event_bytes, event_size);
        add_timer(c, c->due + (int64_t)(gap_ms * 1e6));
        return;
    }
    char last[sizeof event_bytes + sizeof end_bytes];
    memcpy(last, event_bytes, event_size);
    memcpy(last + event_size, end_bytes, end_size);
    send_bytes(c, last, event_size + end_size);
}

static int begins(const Connection *c, const char *line) {
    return !strncmp(c->request, line, strlen(line));
}

static void answer(Connection *c) {
    int64_t t = now_ns();
    if (begins(c, "GET /truth")) return send_truth(c);
    if (begins(c, "POST /reset")) return reset_counts(), send_json(c, "200 OK", "{}");
    if (begins(c, "GET /health")) return send_json(c, "200 OK", "{}");
    if (begins(c, "GET /v1/models"))
        return send_json(c, "200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"truth\",\"object\":\"model\"}]}");
    if (!begins(c, "POST /predict") && !begins(c, "POST /v1/chat/completions"))
        return send_json(c, "404 Not Found", "{}");
    requests++;
    if (!first_request) first_request = t;
    if (begins(c, "POST /predict")) return send_json(c, "200 OK", "{\"predictions\": [[0.25, 0.75]]}");
    send_bytes(c, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    c->asked_at = t;
    c->events_sent = 0;
    add_timer(c, t + (int64_t)(ttft_ms * 1e6));
}

/* Answers a request that is whole; 0 if there is none. */
static int take_request(Connection *c) {
    c->request[c->length] = 0;
    char *head_end = strstr(c->request, "\r\n\r\n");
    if (!head_end || c->heap_place) return 0;
    char *header = strcasestr(c->request, "\r\ncontent-length:");
    int body = header && header < head_end ? atoi(header + 17) : 0;
    int size = head_end + 4 - c->request + body;
    if (c->length < size) return 0;
    answer(c);
    c->length -= size;
    memmove(c->request, c->request + size, c->length);
    return 1;
}

static void close_connection(Connection *c) {
    if (c->heap_place) {
        remove_timer(c);
        aborted++;
    }
    close(c->fd);
    free(c->waiting);
    free(c);
}

static void read_requests(Connection *c) {
    ssize_t size = recv(c->fd, c->request + c->length, MAX_REQUEST - 1 - c->length, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return close_connection(c);
    c->length += size;
    while (take_request(c)) {
    }
}

static void accept_all(int listener) {
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        Connection *c = malloc(sizeof *c);
        memset(c, 0, offsetof(Connection, request));
        c->fd = fd;
        struct epoll_event event = {EPOLLIN, {.ptr = c}};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

/* ---- the loop ------------------------------------------------------------------------------------------------ */

static void freeze_once(int64_t t) {
    if (freeze_seconds <= 0 || frozen || !first_request || t - first_request < freeze_after * 1e9) return;
    frozen = 1;
    usleep((useconds_t)(freeze_seconds * 1e6));
}

/* How long to sleep: until the next timer, or until it is time to freeze. */
static struct timespec choose_sleep(int64_t t) {
    int64_t longest = freeze_seconds > 0 && !frozen ? 5000000 : 1000000000;
    int64_t left = heap_size ? heap[1]->due - t : longest;
    if (left < 0) left = 0;
    if (left > longest) left = longest;
    return (struct timespec){left / 1000000000, left % 1000000000};
}

static void run_timers(void) {
    int64_t t = now_ns();
    for (int turn = 0; turn < MAX_TURNS && heap_size && heap[1]->due <= t; turn++) {
        Connection *c = heap[1];
        remove_timer(c);
        send_next_event(c, t);
        if (!c->heap_place)
            while (take_request(c)) {
            }
        t = now_ns();
    }
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1); /* nanosecond: sleeps end in time */
    for (int i = 1; i + 1 < count; i += 2) {
        double value = atof(words[i + 1]);
        if (!strcmp(words[i], "--ttft")) ttft_ms = value;
        else if (!strcmp(words[i], "--gap")) gap_ms = value;
        else if (!strcmp(words[i], "--events")) events_per_stream = (int)value;
        else if (!strcmp(words[i], "--freeze-after")) freeze_after = value;
        else if (!strcmp(words[i], "--freeze")) freeze_seconds = value;
        else return fprintf(stderr, "%s is not a valid option\n", words[i]), 2;
    }
    prepare_bytes();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    poll_fd = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.ptr = NULL}}, ready[MAX_READY];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        freeze_once(now_ns());
        run_timers();
        struct timespec sleep = choose_sleep(now_ns());
        int n = epoll_pwait2(poll_fd, ready, MAX_READY, &sleep, NULL);
        for (int i = 0; i < n; i++) {
            Connection *c = ready[i].data.ptr;
            if (!c) {
                accept_all(listener);
                continue;
            }
            if (ready[i].events & EPOLLOUT) send_waiting(c);
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_requests(c);
        }
    }
}
