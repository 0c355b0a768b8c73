// SPDX-License-Identifier: Apache-2.0
#include "source/loss.hpp"

#include <algorithm>
#include <atomic>

namespace nstrail {

LossTracker::Cpu& LossTracker::cpu_at(std::uint32_t cpu) {
    if (cpu >= cpus_.size()) {
        cpus_.resize(cpu + 1);
    }
    return cpus_[cpu];
}

void LossTracker::keep_in(std::span<std::uint32_t> next) {
    kept_ = next;
    for (std::uint32_t cpu = 0; cpu < next.size(); cpu++) {
        cpu_at(cpu).next = next[cpu];
    }
}

void LossTracker::expect(std::uint32_t cpu, std::uint32_t next) {
    cpus_[cpu].next = next;
    if (cpu < kept_.size()) {
        // Whoever is killed here leaves it to the next agent.
        std::atomic_ref(kept_[cpu]).store(next, std::memory_order_relaxed);
    }
}

/// A number that was missed comes after all.
void LossTracker::late(Cpu& state, std::uint32_t seq) {
    for (std::size_t i = 0; i < state.holes.size(); i++) {
        Hole& hole = state.holes[i];
        const std::uint32_t offset = seq - hole.first;
        if (offset >= hole.count) {
            continue;
        }
        const Hole after{seq + 1, hole.count - offset - 1, hole.decided_at};
        hole.count = offset;
        if (hole.count == 0) {
            hole = after;
        } else if (after.count != 0) {
            state.holes.insert(state.holes.begin() + static_cast<std::ptrdiff_t>(i) + 1, after);
            holes_++;
        }
        if (state.holes[i].count == 0) {
            state.holes.erase(state.holes.begin() + static_cast<std::ptrdiff_t>(i));
            holes_--;
        }
        return;
    }
}

std::vector<LossTracker::Loss> LossTracker::settle(std::uint64_t consumed) {
    std::vector<Loss> losses;
    if (holes_ == 0) {
        return losses;
    }
    for (std::uint32_t cpu = 0; cpu < cpus_.size(); cpu++) {
        std::uint64_t lost = 0;
        holes_ -= std::erase_if(cpus_[cpu].holes, [&](const Hole& hole) {
            const bool decided = hole.decided_at <= consumed;
            lost += decided ? hole.count : 0;
            return decided;
        });
        if (lost != 0) {
            losses.push_back({cpu, lost});
        }
    }
    return losses;
}

std::uint64_t LossTracker::settle_tail(std::uint32_t cpu, std::uint64_t emitted) {
    Cpu& state = cpu_at(cpu);
    const auto missing =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(emitted) - state.next);
    if (missing <= 0) {
        return 0;
    }
    expect(cpu, state.next + static_cast<std::uint32_t>(missing));
    return static_cast<std::uint64_t>(missing);
}

}  // namespace nstrail
