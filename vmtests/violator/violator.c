// SPDX-License-Identifier: GPL-2.0-only
/*
 * Breaks, on a running kernel, what the rules say of namespaces and tasks, so that tests can show
 * that nstrail finds it. For the test machines only: never installed, and of no use elsewhere.
 *
 * /dev/violator takes one command for each write:
 *   foreign_switch TID   the caller gives its own nsproxy to another task
 *   switch_after_null    the caller, exiting, gets its nsproxy back after it has let go of it
 *   unheld               the caller has an nsproxy for a moment that nobody holds
 *   pid_ns_field TID     the task's active pid namespace becomes the initial one, until `restore`
 *   undead TID           the task, a zombie, gets its struct pid back after its release
 *   restore              ends what the two above began
 *
 * One at a time on each open file, whose end restores as well. Every breach keeps the reference
 * counts right, so the machine lives on: what is broken is the promise, not the memory.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define set_references(nsproxy, n) refcount_set(&(nsproxy)->count, n)
#else
#define set_references(nsproxy, n) atomic_set(&(nsproxy)->count, n)
#endif

/* What is broken through one open file, and not mended yet. Each pointer holds a reference. */
struct breach {
    struct nsproxy *after_null;
    struct pid *moved;
    struct pid_namespace *moved_from; /* held by `moved`, once that is restored */
    struct task_struct *undead;
};

static DEFINE_MUTEX(lock);
/* One at a time, for the probes. */
static struct task_struct *undead;
static struct pid *undead_pid;
static bool is_raised;
static DECLARE_COMPLETION(freed);

/* Not exported. A kprobe knows its address: past an ENDBR where the function begins with one. */
static void (*switch_nsproxy)(struct task_struct *task, struct nsproxy *nsproxy);

static int find_function(const char *name, void *to)
{
    struct kprobe probe = {.symbol_name = name};
    int error = register_kprobe(&probe);

    if (error)
        return error;
    *(void **)to = probe.addr;
    unregister_kprobe(&probe);
    return 0;
}

static struct task_struct *find_task(const char *tid)
{
    struct task_struct *task;
    struct pid *pid;
    int nr;

    if (!tid || kstrtoint(tid, 10, &nr))
        return NULL;
    pid = find_get_pid(nr);
    task = get_pid_task(pid, PIDTYPE_PID);
    put_pid(pid);
    return task;
}

/* NSP1: switch_task_namespaces() is for current alone. The other task holds what it got, and lets
 * go of what it had, so it differs from setns() in the caller only. */
static int foreign_switch(struct task_struct *task)
{
    if (task == current || !task->nsproxy)
        return -EINVAL;
    get_nsproxy(current->nsproxy);
    switch_nsproxy(task, current->nsproxy);
    return 0;
}

/* NSP3: do_exit() closes files only by task work, which it runs after exit_task_namespaces(). So
 * the last user of this file sees its end when its nsproxy is NULL. */
static void switch_after_null(struct nsproxy *nsproxy)
{
    bool was_null = !current->nsproxy;

    switch_nsproxy(current, nsproxy);
    if (was_null)
        switch_nsproxy(current, NULL); /* or it would stay held, and break REL2 as well */
}

/* NSP7: an nsproxy with no references. Nothing puts it meanwhile: a task's nsproxy is only put by
 * the task itself. */
static void unheld(void)
{
    static struct nsproxy nobodys;
    struct nsproxy *own = current->nsproxy;

    nobodys = *own;
    set_references(&nobodys, 0);
    get_nsproxy(own); /* the switch puts it, and the one back takes it */
    switch_nsproxy(current, &nobodys);
    set_references(&nobodys, 2); /* one for the switch to put, one so that nobody frees it */
    switch_nsproxy(current, own);
}

/* NSP4: the active pid namespace is what the struct pid has at its own level, which nothing writes
 * after alloc_pid(). The initial one is above any other, so what the task has for children is still
 * right (NSP6), and its number there is told at level 0 as before. */
static int pid_ns_field(struct breach *breach, struct task_struct *task)
{
    struct pid *pid = get_task_pid(task, PIDTYPE_PID);

    if (!pid || pid->level == 0) {
        put_pid(pid);
        return -EINVAL;
    }
    breach->moved = pid;
    breach->moved_from = pid->numbers[pid->level].ns;
    WRITE_ONCE(pid->numbers[pid->level].ns, &init_pid_ns);
    return 0;
}

/* In release_task(), after __exit_signal() took its struct pid and before call_rcu(). */
static int raise_undead(struct kprobe *probe, struct pt_regs *regs)
{
    struct task_struct *task = (struct task_struct *)regs->di;

    if (task == READ_ONCE(undead) && !task->thread_pid) {
        WRITE_ONCE(task->thread_pid, undead_pid);
        WRITE_ONCE(is_raised, true);
    }
    return 0;
}

static struct kprobe release_probe;

/* sched_process_free, behind all that have the usual priority: the breach was to be seen. */
static void bury_undead(void *data, struct task_struct *task)
{
    if (task == READ_ONCE(undead) && READ_ONCE(is_raised)) {
        WRITE_ONCE(task->thread_pid, NULL);
        complete(&freed);
    }
}

static struct tracepoint *free_tracepoint;

static void find_free_tracepoint(struct tracepoint *tracepoint, void *data)
{
    if (strcmp(tracepoint->name, "sched_process_free") == 0)
        free_tracepoint = tracepoint;
}

/* REL4: a task that was released has a struct pid again. It is in no list of that, so no look-up
 * by number finds it, and the references of both outlast what delayed_put_task_struct() does. */
static int raise_after_release(struct breach *breach, struct task_struct *task)
{
    int error;

    if (undead || task->exit_state != EXIT_ZOMBIE)
        return -EBUSY;
    undead_pid = get_task_pid(task, PIDTYPE_PID);
    is_raised = false;
    reinit_completion(&freed);
    WRITE_ONCE(undead, task);
    error = tracepoint_probe_register_prio(free_tracepoint, bury_undead, NULL, 0);
    if (error)
        goto no_tracepoint;
    /* Made anew: one that was unregistered stays disabled. */
    release_probe = (struct kprobe){
        .symbol_name = "release_thread",
        .pre_handler = raise_undead,
    };
    error = register_kprobe(&release_probe);
    if (error)
        goto no_kprobe;
    get_task_struct(task);
    breach->undead = task;
    return 0;

no_kprobe:
    tracepoint_probe_unregister(free_tracepoint, bury_undead, NULL);
    tracepoint_synchronize_unregister();
no_tracepoint:
    WRITE_ONCE(undead, NULL);
    put_pid(undead_pid);
    return error;
}

static int lay_undead(struct task_struct *task)
{
    int error = 0;

    unregister_kprobe(&release_probe);
    if (!is_raised) {
        error = -EAGAIN; /* it was not released, and has its struct pid by right */
    } else if (!wait_for_completion_timeout(&freed, 10 * HZ)) {
        WRITE_ONCE(task->thread_pid, NULL);
        error = -ETIMEDOUT;
    }
    tracepoint_probe_unregister(free_tracepoint, bury_undead, NULL);
    tracepoint_synchronize_unregister();
    WRITE_ONCE(undead, NULL);
    put_pid(undead_pid);
    put_task_struct(task);
    return error;
}

static int restore(struct breach *breach)
{
    int error = 0;

    if (breach->moved) {
        WRITE_ONCE(breach->moved->numbers[breach->moved->level].ns, breach->moved_from);
        put_pid(breach->moved);
        breach->moved = NULL;
    }
    if (breach->undead) {
        error = lay_undead(breach->undead);
        breach->undead = NULL;
    }
    return error;
}

static int obey(struct breach *breach, const char *command, struct task_struct *task)
{
    if (strcmp(command, "restore") == 0)
        return restore(breach);
    if (breach->after_null || breach->moved || breach->undead)
        return -EBUSY;
    if (strcmp(command, "unheld") == 0) {
        unheld();
        return 0;
    }
    if (strcmp(command, "switch_after_null") == 0) {
        get_nsproxy(current->nsproxy);
        breach->after_null = current->nsproxy;
        return 0;
    }
    if (!task)
        return -ESRCH;
    if (strcmp(command, "foreign_switch") == 0)
        return foreign_switch(task);
    if (strcmp(command, "pid_ns_field") == 0)
        return pid_ns_field(breach, task);
    if (strcmp(command, "undead") == 0)
        return raise_after_release(breach, task);
    return -EINVAL;
}

static ssize_t violator_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
    char line[64] = {};
    char *tid = line;
    struct task_struct *task;
    char *command;
    int error;

    if (size >= sizeof(line))
        return -EINVAL;
    if (copy_from_user(line, from, size))
        return -EFAULT;
    command = strsep(&tid, " ");
    task = find_task(tid);
    mutex_lock(&lock);
    error = obey(file->private_data, command, task);
    mutex_unlock(&lock);
    if (task)
        put_task_struct(task);
    return error ? error : size;
}

static int violator_open(struct inode *inode, struct file *file)
{
    file->private_data = kzalloc(sizeof(struct breach), GFP_KERNEL);
    return file->private_data ? 0 : -ENOMEM;
}

static int violator_release(struct inode *inode, struct file *file)
{
    struct breach *breach = file->private_data;

    mutex_lock(&lock);
    if (breach->after_null)
        switch_after_null(breach->after_null);
    restore(breach);
    mutex_unlock(&lock);
    kfree(breach);
    return 0;
}

static const struct file_operations violator_operations = {
    .owner = THIS_MODULE,
    .open = violator_open,
    .write = violator_write,
    .release = violator_release,
};

static struct miscdevice violator_device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "violator",
    .fops = &violator_operations,
    .mode = 0200,
};

static int __init violator_init(void)
{
    int error;

    /* With IBT, a function that nobody calls by its address cannot be called so. */
    if (boot_cpu_has(X86_FEATURE_IBT)) {
        pr_err("violator: cannot call what is not exported on a CPU with IBT; boot with ibt=off\n");
        return -EOPNOTSUPP;
    }
    error = find_function("switch_task_namespaces", &switch_nsproxy);
    if (error) {
        pr_err("violator: this kernel has no switch_task_namespaces (%d)\n", error);
        return error;
    }
    for_each_kernel_tracepoint(find_free_tracepoint, NULL);
    if (!free_tracepoint)
        return -ENOENT;
    return misc_register(&violator_device);
}

static void __exit violator_exit(void)
{
    misc_deregister(&violator_device);
}

module_init(violator_init);
module_exit(violator_exit);
MODULE_DESCRIPTION("Breaks promises of the kernel, for tests of nstrail");
MODULE_LICENSE("GPL");
