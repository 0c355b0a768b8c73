// SPDX-License-Identifier: Apache-2.0
//
// Attaches some of nstrail's BPF programs, or empty ones in their place, and empties the ring
// without reading it: for vmtests/cost, which wants to know what a hook takes by itself. The agent
// needs more than three hooks to follow lives, and would have to pretend.
//   attach [--empty] HOOK...
// HOOK is a name of bpf/wire/hooks.def; all: every function and tracepoint there that this kernel
// has, but sys_exit. Prints "attached" when all are. On SIGUSR1 it prints what the kernel counted
// of each program (with kernel.bpf_stats_enabled=1), in the words of the agent's /metrics, then
// "end". SIGINT and SIGTERM end it.
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <nstrail.skel.h>

#include "wire/wire.h"

enum { most_programs = 64, name_room = 64, drain_every_us = 10000 };

static const struct hook {
    const char *name, *point, *target;
} hooks[] = {
#define HOOK(number, name, point, target, help, without) {#name, #point, target},
#include "wire/hooks.def"
};

static struct {
    char name[name_room];
    int fd;
} attached[most_programs];
static size_t attached_count;

static volatile sig_atomic_t asked, ended;

static void on_signal(int number) {
    if (number == SIGUSR1)
        asked = 1;
    else
        ended = 1;
}

static _Noreturn void die(const char* what, const char* name, int code) {
    fprintf(stderr, "attach: cannot %s %s: %s\n", what, name, strerror(code));
    exit(1);
}

static void keep(const char* name, int fd) {
    if (attached_count == most_programs) die("keep", name, ENOSPC);
    snprintf(attached[attached_count].name, name_room, "%s", name);
    attached[attached_count++].fd = fd;
}

static bool is(const char* text, const char* other) {
    return strcmp(text, other) == 0;
}

/// The type behind a hook's function or tracepoint, or a negative errno.
static int type_of(const struct btf* types, const struct hook* hook) {
    if (!is(hook->point, "TRACEPOINT"))
        return btf__find_by_name_kind(types, hook->target, BTF_KIND_FUNC);
    char name[name_room];
    snprintf(name, sizeof name, "btf_trace_%s", hook->target);
    return btf__find_by_name_kind(types, name, BTF_KIND_TYPEDEF);
}

static void attach_empty(const struct btf* types, const struct hook* hook) {
    const struct bpf_insn instructions[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    const char* suffix = "tp";
    options.expected_attach_type = BPF_TRACE_RAW_TP;
    if (is(hook->point, "ENTRY")) {
        options.expected_attach_type = BPF_TRACE_FENTRY;
        suffix = "fentry";
    } else if (is(hook->point, "EXIT")) {
        options.expected_attach_type = BPF_TRACE_FEXIT;
        suffix = "fexit";
    }
    options.attach_btf_id = (__u32)type_of(types, hook);
    const int program =
        bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", instructions, 2, &options);
    if (program < 0) die("load an empty program for", hook->name, errno);
    if (bpf_raw_tracepoint_open(NULL, program) < 0) die("attach to", hook->name, errno);
    char name[name_room];
    snprintf(name, sizeof name, "%s_%s", hook->name, suffix);
    keep(name, program);
}

/// The programs that a hook may have, as bpf/wire/hooks.def says they are named.
static const char* const suffixes[] = {"_fentry", "_fexit", "_tp"};

static struct bpf_program* program_of(struct nstrail_bpf* skeleton, const struct hook* hook,
                                      const char* suffix) {
    char name[name_room];
    snprintf(name, sizeof name, "%s%s", hook->name, suffix);
    return bpf_object__find_program_by_name(skeleton->obj, name);
}

static void attach_ours(struct nstrail_bpf* skeleton, const bool* chosen) {
    skeleton->rodata->key_mul = 1;  // read-only once loaded
    for (int attaching = 0; attaching < 2; ++attaching) {
        for (size_t i = 0; i < sizeof hooks / sizeof *hooks; ++i) {
            for (size_t j = 0; chosen[i] && j < 3; ++j) {
                struct bpf_program* program = program_of(skeleton, &hooks[i], suffixes[j]);
                if (program == NULL) continue;
                if (!attaching) {
                    bpf_program__set_autoload(program, true);
                } else if (bpf_program__attach(program) == NULL) {
                    die("attach to", hooks[i].name, errno);
                } else {
                    keep(bpf_program__name(program), bpf_program__fd(program));
                }
            }
        }
        if (!attaching && nstrail_bpf__load(skeleton) != 0) die("load", "the programs", errno);
    }
    skeleton->bss->gate_open = 1;
}

static void print_counts(void) {
    for (size_t i = 0; i < attached_count; ++i) {
        struct bpf_prog_info info = {0};
        __u32 size = sizeof info;
        if (bpf_obj_get_info_by_fd(attached[i].fd, &info, &size) != 0)
            die("read the counts of", attached[i].name, errno);
        printf("nstrail_bpf_program_runs_total{program=\"%s\"} %llu\n", attached[i].name,
               (unsigned long long)info.run_cnt);
        printf("nstrail_bpf_program_seconds_total{program=\"%s\"} %.9f\n", attached[i].name,
               (double)info.run_time_ns / 1e9);
    }
    printf("end\n");
    fflush(stdout);
}

/// The agent has a secret there, to tell whole records from others; who reads none needs none.
static struct nst_ring* map_ring(struct bpf_map* map) {
    void* at = mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
                    bpf_map__fd(map), 0);
    if (at == MAP_FAILED) die("map", "the ring", errno);
    return at;
}

int main(int argc, char** argv) {
    const bool empty = argc > 1 && is(argv[1], "--empty");
    bool chosen[sizeof hooks / sizeof *hooks] = {false};
    struct btf* types = btf__load_vmlinux_btf();
    if (types == NULL) die("read", "the kernel's types", errno);
    for (int at = empty ? 2 : 1; at < argc; ++at) {
        const bool all = is(argv[at], "all");
        bool found = false;
        for (size_t i = 0; i < sizeof hooks / sizeof *hooks; ++i) {
            if (is(hooks[i].point, "ITERATOR") || is(hooks[i].name, "sys_exit")) continue;
            if (!all && !is(argv[at], hooks[i].name)) continue;
            chosen[i] = type_of(types, &hooks[i]) >= 0;
            found = found || chosen[i];
        }
        if (!found) die("find here the hook", argv[at], ENOENT);
    }
    if (argc < (empty ? 3 : 2)) {
        fprintf(stderr, "usage: attach [--empty] HOOK...\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct nst_ring* ring = NULL;
    struct nstrail_bpf* skeleton = NULL;
    if (empty) {
        for (size_t i = 0; i < sizeof hooks / sizeof *hooks; ++i)
            if (chosen[i]) attach_empty(types, &hooks[i]);
    } else {
        if ((skeleton = nstrail_bpf__open()) == NULL) die("open", "the programs", errno);
        attach_ours(skeleton, chosen);
        ring = map_ring(skeleton->maps.ring);
    }
    printf("attached\n");
    fflush(stdout);
    while (!ended) {
        // As the agent: nothing wakes it.
        usleep(drain_every_us);
        if (ring != NULL)
            __atomic_store_n(&ring->consumed, __atomic_load_n(&ring->produced, __ATOMIC_ACQUIRE),
                             __ATOMIC_RELEASE);
        if (asked) {
            asked = 0;
            print_counts();
        }
    }
    return 0;
}
