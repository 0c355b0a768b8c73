// SPDX-License-Identifier: Apache-2.0
//
// Threads that the kernel makes for io_uring: they are threads of the process, born without a clone
// of its own, and go with the ring. sched_process_fork does not see them.
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "subject.h"

struct ring {
    int fd;
    void* map[3];  // each keeps the ring alive, as the descriptor does
    size_t size[3];
    _Atomic unsigned* tail;
    _Atomic unsigned* completed;  // tail of the completion queue
    unsigned* array;
    struct io_uring_sqe* entries;
};

static bool start(struct ring* ring, unsigned flags) {
    struct io_uring_params params = {.flags = flags};
    ring->fd = (int)syscall(SYS_io_uring_setup, 4, &params);
    if (ring->fd < 0) return false;
    static const off_t offset[3] = {IORING_OFF_SQ_RING, IORING_OFF_CQ_RING, IORING_OFF_SQES};
    ring->size[0] = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    ring->size[1] = params.cq_off.cqes;
    ring->size[2] = params.sq_entries * sizeof(struct io_uring_sqe);
    for (int i = 0; i < 3; ++i) {
        ring->map[i] = mmap(NULL, ring->size[i], PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                            ring->fd, offset[i]);
        MUST(ring->map[i] != MAP_FAILED);
    }
    char* queues = ring->map[0];
    char* results = ring->map[1];
    ring->entries = ring->map[2];
    ring->tail = (_Atomic unsigned*)(queues + params.sq_off.tail);
    ring->array = (unsigned*)(queues + params.sq_off.array);
    ring->completed = (_Atomic unsigned*)(results + params.cq_off.tail);
    return true;
}

static void end(struct ring* ring) {
    for (int i = 0; i < 3; ++i)
        MUST(munmap(ring->map[i], ring->size[i]) == 0);
    close(ring->fd);
}

// An operation that a worker has to do, as it is asked to be asynchronous.
static void work(struct ring* ring) {
    ring->entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_NOP, .flags = IOSQE_ASYNC};
    ring->array[0] = 0;
    *ring->tail = *ring->tail + 1;
    MUST(syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    MUST(*ring->completed == 1);
}

// The thread of a process whose name begins so.
static int thread_named(pid_t process, const char* name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    for (int i = 0; i < 400; ++i) {
        DIR* directory = opendir(path);
        MUST(directory != NULL);
        int found = 0;
        for (struct dirent* entry = NULL; !found && (entry = readdir(directory));) {
            char file[512];
            char comm[64] = {0};
            snprintf(file, sizeof file, "%s/%s/comm", path, entry->d_name);
            int fd = open(file, O_RDONLY | O_CLOEXEC);
            if (fd < 0) continue;
            if (read(fd, comm, sizeof comm - 1) > 0 && strncmp(comm, name, strlen(name)) == 0) {
                found = atoi(entry->d_name);
            }
            close(fd);
        }
        closedir(directory);
        if (found) return found;
        usleep(5000);
    }
    FAIL("process %d has no thread %s", process, name);
}

int main(void) {
    struct {
        _Atomic int refused;  // errno
        _Atomic int ready;
    }* state = shared(sizeof *state);
    block_go();
    const unsigned pid_ns = inum_of(getpid(), "pid");
    const pid_t child = fork();
    if (child == 0) {
        struct ring worker;
        struct ring poller;
        if (!start(&worker, 0) || !start(&poller, IORING_SETUP_SQPOLL)) {
            state->refused = errno;
        } else {
            work(&worker);
        }
        state->ready = 1;
        await_go();
        end(&poller);
        pause_forever();
    }
    MUST(child > 0);
    await_nonzero(&state->ready, "io_uring");
    if (state->refused) {
        say("note io_uring_setup is refused: %s", strerror(state->refused));
        hold("without");
        kill_and_reap(child);
        return 0;
    }
    char name[32];
    snprintf(name, sizeof name, "iou-sqp-%d", child);
    const int poller = thread_named(child, name);
    snprintf(name, sizeof name, "iou-wrk-%d", child);
    const int worker = thread_named(child, name);
    expect_birth(getpid(), child, child, &pid_ns);
    expect_birth(child, poller, child, &pid_ns);
    expect_birth(child, worker, child, &pid_ns);
    say("expect {\"kind\":\"task_rename\",\"task\":{\"tid\":%d,\"tgid\":%d},\"comm\":\"%s\"}",
        worker, child, name);
    hold("threads");
    MUST(kill(child, SIGUSR1) == 0);
    await_state(child, poller, '-');
    expect_exit(poller, 0);
    expect_release(poller, child, "entry");
    kill_and_reap(child);
    expect_release(worker, child, "entry");
    expect_release(child, child, "entry");
    return 0;
}
