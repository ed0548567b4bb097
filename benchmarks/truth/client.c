/*
 * The floor: what one C epoll loop costs that only times the events of streams and decodes none of them.
 *
 *   truth_client PORT STREAMS SECONDS [plain]
 *
 * Each connection asks again as soon as it has its answer (closed loop). Prints one line of JSON: requests, events,
 * the seconds of CPU that they cost, and the quantiles of time to first token and gap in milliseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SAMPLES = 8000000, MAX_READY = 512, MAX_READ = 262144 };

typedef struct {
    int fd, in_body, after_newline;
    int64_t asked_at, last_event;
} Stream;

typedef struct {
    int64_t *values;
    size_t count;
} Samples;

static const char CHAT[] =
    "{\"model\":\"truth\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream\":true,\"max_tokens\":64}";
static const char ROWS[] = "{\"instances\": [[1.0]]}";

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void keep(Samples *samples, int64_t value) {
    if (samples->count < MAX_SAMPLES) samples->values[samples->count++] = value;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(const Samples *samples, double q) {
    return samples->count ? samples->values[(size_t)(q * (samples->count - 1))] / 1e6 : 0;
}

/* Counts the ends of events, two newlines in a row, also where a read ends between them. */
static int count_events(Stream *stream, const char *bytes, size_t size) {
    int ends = 0;
    for (const char *at = bytes, *end = bytes + size; at < end; at++) {
        const char *newline = memchr(at, '\n', end - at);
        if (!newline) {
            stream->after_newline = 0;
            break;
        }
        if (newline > at) stream->after_newline = 0;
        ends += stream->after_newline;
        stream->after_newline = !stream->after_newline;
        at = newline;
    }
    return ends;
}

int main(int count, char **words) {
    if (count < 4) return fprintf(stderr, "usage: truth_client PORT STREAMS SECONDS [plain]\n"), 2;
    int streams = atoi(words[2]), is_plain = count > 4;
    const char *body = is_plain ? ROWS : CHAT;
    char request[1024];
    int request_size = sprintf(request,
                               "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                               is_plain ? "/predict" : "/v1/chat/completions", strlen(body), body);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    Samples ttft = {malloc(MAX_SAMPLES * sizeof(int64_t)), 0}, gap = {malloc(MAX_SAMPLES * sizeof(int64_t)), 0};
    Stream *all = calloc(streams, sizeof *all);
    static char buffer[MAX_READ];
    struct epoll_event ready[MAX_READY];
    int poll_fd = epoll_create1(0), live = streams, one = 1;
    int64_t begin = now_ns(), end = begin + (int64_t)(atof(words[3]) * 1e9);
    uint64_t requests = 0, events = 0;
    for (int i = 0; i < streams; i++) {
        Stream *stream = all + i;
        stream->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(stream->fd, (void *)&address, sizeof address)) return perror("connect"), 1;
        setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {EPOLLIN, {.ptr = stream}};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, stream->fd, &event);
        stream->asked_at = now_ns();
        send(stream->fd, request, request_size, MSG_NOSIGNAL);
    }
    while (live) {
        int n = epoll_wait(poll_fd, ready, MAX_READY, 1000);
        for (int i = 0; i < n; i++) {
            Stream *stream = ready[i].data.ptr;
            ssize_t size = recv(stream->fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (size <= 0) continue;
            int64_t t = now_ns();
            char *bytes = buffer;
            if (!stream->in_body) {
                char *head_end = memmem(bytes, size, "\r\n\r\n", 4);
                if (!head_end) continue;
                stream->in_body = 1;
                size -= head_end + 4 - bytes;
                bytes = head_end + 4;
            }
            int is_done = is_plain || (size >= 5 && !memcmp(bytes + size - 5, "0\r\n\r\n", 5));
            int ends = is_plain ? 0 : count_events(stream, bytes, size);
            if (ends && stream->last_event) keep(&gap, t - stream->last_event);
            else if (ends) keep(&ttft, t - stream->asked_at);
            if (ends) stream->last_event = t;
            events += ends;
            if (!is_done) continue;
            requests++;
            stream->in_body = stream->after_newline = 0;
            stream->last_event = 0;
            if (t < end) {
                stream->asked_at = now_ns();
                send(stream->fd, request, request_size, MSG_NOSIGNAL);
            } else {
                close(stream->fd);
                live--;
            }
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    qsort(ttft.values, ttft.count, sizeof(int64_t), compare);
    qsort(gap.values, gap.count, sizeof(int64_t), compare);
    printf("{\"seconds\":%.3f,\"cpu\":%.3f,\"requests\":%lu,\"events\":%lu,"
           "\"ttft\":{\"p50\":%.3f,\"p99\":%.3f},\"gap\":{\"p50\":%.3f,\"p99\":%.3f}}\n",
           (now_ns() - begin) / 1e9, cpu, requests, events, quantile_ms(&ttft, .5), quantile_ms(&ttft, .99),
           quantile_ms(&gap, .5), quantile_ms(&gap, .99));
}
