/* The backend of the comparison: one thread, epoll, HTTP/1.1 with keep-alive, answers made beforehand.
 *
 * The first part of the path picks the answer: /k2 is 2 KB of JSON, /k100 100 KB, /m10 10 MB: an object with "rows",
 * each of 16 columns; /g1 is 1 GB of the same bytes over and over. /count tells how many of these were begun.
 * It reads GET requests without bodies, which is all that the comparison sends.
 *
 * Usage: backend PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_SIZE = 16384, EVENTS = 256, ROW_ROOM = 320 };

struct answer {
    const char *path;
    size_t length;      /* of the body */
    size_t made;        /* how many bytes of it are held; they are sent again and again up to `length` */
    char *bytes;        /* head and body held */
    size_t head_length;
};

static struct answer answers[] = {
    {.path = "/k2/", .length = 2048, .made = 2048},
    {.path = "/k100/", .length = 102400, .made = 102400},
    {.path = "/m10/", .length = 10485760, .made = 10485760},
    {.path = "/g1/", .length = 1073741824, .made = 1048576},
};
enum { ANSWERS = sizeof answers / sizeof answers[0] };

struct connection {
    int fd;
    int waits_to_write;
    char head[HEAD_SIZE];
    size_t head_length;
    char small[256];    /* an answer of its own */
    const char *from;   /* what is left of the bytes held */
    size_t left;
    size_t repeats;     /* bytes that come after those */
    const struct answer *answer;
};

static int poller;
static unsigned long begun;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Fills `room` with an object that has rows; blanks at its end make up the length. */
static void write_rows(char *room, size_t length) {
    size_t at = (size_t)sprintf(room, "{\"rows\":[");
    for (int row = 0; at + ROW_ROOM < length || row == 0; row++) {
        at += (size_t)sprintf(
            room + at,
            "%s{\"id\":%d,\"name\":\"item-%d\",\"price\":%d.%02d,\"stock\":%d,\"sku\":\"sku-%06d\",\"brand\":\"Acme\","
            "\"category\":\"garden\",\"url\":\"https://shop.example/p/%d\",\"image\":\"/i/%d.jpg\",\"currency\":\"EUR\","
            "\"shipping\":4.90,\"gtin\":\"40063813%05d\",\"mpn\":\"m-%d\",\"condition\":\"new\",\"color\":\"dark \\\"red\\\"\","
            "\"size\":\"XL\"}",
            row ? "," : "", row, row * 7, row % 999, row % 100, row % 17, row, row, row, row % 100000, row);
    }
    at += (size_t)sprintf(room + at, "]}");
    memset(room + at, ' ', length - at);
}

static void make(struct answer *answer) {
    answer->bytes = malloc(answer->made + 2 * ROW_ROOM);
    if (!answer->bytes) fail("malloc");
    answer->head_length = (size_t)sprintf(
        answer->bytes,
        "HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\nCache-Control: private, max-age=0\r\n\r\n",
        answer->length);
    write_rows(answer->bytes + answer->head_length, answer->made);
}

static void watch_writes(struct connection *c, int on) {
    if (c->waits_to_write == on) return;
    c->waits_to_write = on;
    struct epoll_event event = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

/* Sends what it can; 0 when the connection is of no more use. */
static int send_some(struct connection *c) {
    while (c->left || c->repeats) {
        if (!c->left) {
            c->from = c->answer->bytes + c->answer->head_length;
            c->left = c->repeats < c->answer->made ? c->repeats : c->answer->made;
            c->repeats -= c->left;
        }
        ssize_t sent = send(c->fd, c->from, c->left, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) return 0;
            watch_writes(c, 1);
            return 1;
        }
        c->from += sent;
        c->left -= (size_t)sent;
    }
    watch_writes(c, 0);
    return 1;
}

static void say(struct connection *c, const char *status, unsigned long number) {
    char body[32];
    int length = sprintf(body, "%lu\n", number);
    c->left = (size_t)sprintf(c->small, "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, length, body);
    c->from = c->small;
    c->repeats = 0;
}

static void choose(struct connection *c) {
    const char *path = memchr(c->head, ' ', c->head_length);
    path = path ? path + 1 : "";
    for (int i = 0; i < ANSWERS; i++) {
        const struct answer *answer = &answers[i];
        if (strncmp(path, answer->path, strlen(answer->path)) != 0) continue;
        begun++;
        c->answer = answer;
        c->from = answer->bytes;
        c->left = answer->head_length + answer->made;
        c->repeats = answer->length - answer->made;
        return;
    }
    if (strncmp(path, "/count ", 7) == 0) say(c, "200 OK", begun);
    else say(c, "404 Not Found", 0);
}

/* Answers the requests that are there in full; 0 when the connection is of no more use. */
static int answer_all(struct connection *c) {
    while (!c->left && !c->repeats) {
        char *end = memmem(c->head, c->head_length, "\r\n\r\n", 4);
        if (!end) return c->head_length < HEAD_SIZE;
        choose(c);
        size_t taken = (size_t)(end + 4 - c->head);
        memmove(c->head, c->head + taken, c->head_length - taken);
        c->head_length -= taken;
        if (!send_some(c)) return 0;
    }
    return 1;
}

static int read_some(struct connection *c) {
    if (c->head_length == HEAD_SIZE) return 1;
    ssize_t got = recv(c->fd, c->head + c->head_length, HEAD_SIZE - c->head_length, 0);
    if (got == 0) return 0;
    if (got < 0) return errno == EAGAIN;
    c->head_length += (size_t)got;
    return answer_all(c);
}

static void take(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = calloc(1, sizeof *c);
        if (!c) fail("calloc");
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) fail("listen");
    return fd;
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    for (int i = 0; i < ANSWERS; i++) make(&answers[i]);
    int listener = listen_on(atoi(arguments[1]));
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                take(listener);
                continue;
            }
            int alive = 1;
            if (events[i].events & EPOLLOUT) alive = send_some(c) && answer_all(c);
            if (alive && events[i].events & ~(uint32_t)EPOLLOUT) alive = read_some(c);
            if (!alive) {
                close(c->fd);
                free(c);
            }
        }
    }
}
