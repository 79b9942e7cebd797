/* The floor of a comparison: everybody hears every whole line, and nothing else is done.
 *
 *     floor PORT
 *
 * One thread. A round takes what is there from everybody, joins its whole lines, and sends them to
 * each connection, those who have talked among them, in one send that does not block. What a full
 * socket does not take waits in memory, without a bound. Who comes in is told READY.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 2048, PIECE = 1 << 16, MOST = 1 << 16 };

typedef struct { char *bytes; size_t size, room; } Buffer;
typedef struct { int fd, place; Buffer begun, waiting; } Person; /* begun: a line without its end */

static Person *person_of[MOST], *people[MOST]; /* by descriptor; in the order of the walk */
static int number, poller;
static Buffer heard; /* the whole lines of this round */

static void need(Buffer *buffer, size_t more) {
    if (buffer->size + more <= buffer->room) return;
    buffer->room = 2 * (buffer->size + more);
    if (!(buffer->bytes = realloc(buffer->bytes, buffer->room))) abort();
}

static void append(Buffer *buffer, const char *bytes, size_t size) {
    need(buffer, size);
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

static void watch(Person *person, int how, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = person->fd};
    epoll_ctl(poller, how, person->fd, &event);
}

/* Send at once what the socket takes. An error shows at the next recv. */
static size_t send_now(Person *person, const char *bytes, size_t size) {
    ssize_t sent = send(person->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

static void offer(Person *person, const char *bytes, size_t size) {
    size_t sent = person->waiting.size ? 0 : send_now(person, bytes, size);
    if (sent == size) return;
    if (!person->waiting.size) watch(person, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    append(&person->waiting, bytes + sent, size - sent);
}

static void catch_up(Person *person) {
    Buffer *waiting = &person->waiting;
    size_t sent = send_now(person, waiting->bytes, waiting->size);
    waiting->size -= sent;
    memmove(waiting->bytes, waiting->bytes + sent, waiting->size);
    if (!waiting->size) watch(person, EPOLL_CTL_MOD, EPOLLIN);
}

static void let_in(int listener) {
    for (int fd, yes = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        Person *person = fd < MOST ? calloc(1, sizeof *person) : NULL;
        if (!person) abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        person->fd = fd;
        person->place = number;
        person_of[fd] = people[number++] = person;
        watch(person, EPOLL_CTL_ADD, EPOLLIN);
        offer(person, "READY\n", 6);
    }
}

static void let_go(Person *person) {
    people[person->place] = people[--number];
    people[person->place]->place = person->place;
    person_of[person->fd] = NULL;
    close(person->fd);
    free(person->begun.bytes);
    free(person->waiting.bytes);
    free(person);
}

/* Add somebody's whole lines to what is heard in this round. */
static void hear(Person *person) {
    need(&heard, person->begun.size + PIECE);
    char *start = heard.bytes + heard.size, *end = start + person->begun.size;
    if (person->begun.size) memcpy(start, person->begun.bytes, person->begun.size);
    ssize_t size = recv(person->fd, end, PIECE, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0 || person->begun.size > PIECE) {
        let_go(person);
        return;
    }
    end += size;
    char *last = memrchr(start, '\n', end - start), *rest = last ? last + 1 : start;
    heard.size += rest - start;
    person->begun.size = 0;
    if (rest < end) append(&person->begun, rest, end - rest);
}

int main(int count, char **words) {
    static struct epoll_event events[EVENTS];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    Person door = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    int yes = 1;
    address.sin_port = htons(count > 1 ? atoi(words[1]) : 0);
    setsockopt(door.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door.fd, (void *)&address, sizeof address) || listen(door.fd, 4096)) {
        perror("floor");
        return 1;
    }
    poller = epoll_create1(0);
    watch(&door, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        heard.size = 0;
        for (int at = 0; at < ready; at++) {
            Person *person = person_of[events[at].data.fd];
            if (!person) let_in(door.fd);
            else {
                if (events[at].events & EPOLLOUT) catch_up(person);
                if (events[at].events & ~EPOLLOUT) hear(person);
            }
        }
        for (int at = 0; heard.size && at < number; at++)
            offer(people[at], heard.bytes, heard.size);
    }
}
