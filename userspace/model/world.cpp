// SPDX-License-Identifier: Apache-2.0
#include "model/world.hpp"

#include "model/engine.hpp"

namespace nstrail {

World::World() : engine_(std::make_unique<Engine>()) {}
World::~World() = default;

Change World::apply(const Event& event) {
    return engine_->apply(event);
}

View World::view() const {
    return View(std::make_shared<const WorldState>(engine_->state()));
}

const Account& World::account() const {
    return engine_->state().account;
}

const nst_session& World::session() const {
    return engine_->state().session;
}

bool World::certain() const {
    return engine_->state().certain;
}

bool World::synchronized() const {
    return engine_->state().synchronized;
}

bool World::wants_snapshot() const {
    return engine_->wants_snapshot();
}

bool World::in_round() const {
    return engine_->in_round();
}

std::size_t World::task_count() const {
    return engine_->state().tasks.size();
}

const TaskRecord* World::find_task(std::uint32_t tid) const {
    return engine_->state().find_task(tid);
}

const TaskRecord* World::find_key(std::uint64_t key) const {
    return std::as_const(*engine_).find_key(key);
}

Population World::population(std::uint32_t inum) const {
    return engine_->population(inum);
}

const NsSet& World::set_of(const TaskRecord& task) const {
    return engine_->state().set_of(task).ns;
}

const NsRecord* World::find_namespace(std::uint32_t inum) const {
    return engine_->find_namespace(inum);
}

const NsTable& World::namespaces() const {
    return engine_->state().namespaces;
}

std::optional<std::string> World::cgroup_of(const TaskRecord& task) const {
    return engine_->state().cgroup_of(task);
}

std::optional<std::string> World::cgroup_at(std::uint32_t index) const {
    return cgroup_path(engine_->state().cgroups, index);
}

std::string_view World::exe_of(const TaskRecord& task) const {
    return engine_->state().exe_of(task);
}

}  // namespace nstrail
