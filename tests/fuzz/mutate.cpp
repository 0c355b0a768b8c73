// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mutate.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include "event/reflect.hpp"
#include "unit/any_event.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace nstrail::fuzz {

namespace {

std::size_t below(Chance& chance, std::size_t n) {
    return n == 0 ? 0 : chance() % n;
}

/// What a stream says somewhere, by what it means.
struct Pool {
    std::map<Format, std::vector<std::uint64_t>> numbers;
    std::vector<nst_task_ref> tasks;
    std::vector<nst_ns_set> sets;

    template <class T>
    void number(std::string_view /*name*/, const T& value, Format format) {
        numbers[format].push_back(static_cast<std::uint64_t>(value));
    }
    void object(std::string_view /*name*/, const nst_task_ref& task, Format /*format*/) {
        tasks.push_back(task);
        visit_fields(task, *this);
    }
    void object(std::string_view /*name*/, const nst_ns_set& set, Format /*format*/) {
        sets.push_back(set);
        visit_fields(set, *this);
    }
    void text(std::string_view /*name*/, const char* /*chars*/, std::size_t /*size*/) {}
    template <class Element>
    void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}
};

Pool pool_of(const std::vector<EventBuffer>& records) {
    Pool pool;
    for (const EventBuffer& record : records) {
        if (const auto event = record.event()) {
            with_fixed_part(*event, [&](const auto& fixed) { visit_fields(fixed, pool); });
        }
    }
    return pool;
}

std::uint64_t pick(const Pool& pool, Format format, Chance& chance) {
    const auto known = pool.numbers.find(format);
    switch (below(chance, 8)) {
        case 0:
            return below(chance, 40);
        case 1:
            return std::uint64_t{chance()} << (32 * below(chance, 2));
        case 2:
            return 0 - std::uint64_t{below(chance, 3)};
        default:
            return known == pool.numbers.end()
                       ? below(chance, 4)
                       : known->second[below(chance, known->second.size())] + below(chance, 5) / 4;
    }
}

/// Gives one field another value, or, with `all`, each.
struct Change {
    const Pool& pool;
    Chance& chance;
    std::size_t countdown;
    bool all;

    [[nodiscard]] bool meant() { return countdown-- == 0 || all; }

    template <class T>
    void number(std::string_view /*name*/, T& value, Format format) {
        if (meant()) {
            value = static_cast<T>(pick(pool, format, chance));
        }
    }
    void object(std::string_view /*name*/, nst_task_ref& task, Format /*format*/) {
        if (meant() && !pool.tasks.empty()) {
            task = pool.tasks[below(chance, pool.tasks.size())];
        } else {
            visit_fields(task, *this);
        }
    }
    void object(std::string_view /*name*/, nst_ns_set& set, Format /*format*/) {
        if (meant() && !pool.sets.empty()) {
            set = pool.sets[below(chance, pool.sets.size())];
        } else {
            visit_fields(set, *this);
        }
    }
    void text(std::string_view /*name*/, char* chars, std::size_t size) {
        if (meant()) {
            std::string text(chars, size);
            text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()),
                                         strnlen(chars, size), size));
            std::memset(chars, 0, size);
            std::memcpy(chars, text.data(), text.size());
        }
    }
    template <class Element>
    void tail(std::string_view /*name*/, std::uint32_t& /*count*/) {}
};

struct CountFields {
    std::size_t fields = 0;

    template <class T>
    void number(std::string_view /*name*/, const T& /*value*/, Format /*format*/) {
        fields++;
    }
    template <class T>
    void object(std::string_view /*name*/, const T& value, Format /*format*/) {
        fields++;
        visit_fields(value, *this);
    }
    void text(std::string_view /*name*/, const char* /*chars*/, std::size_t /*size*/) { fields++; }
    template <class Element>
    void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}
};

void change_fields(EventBuffer& record, const Pool& pool, Chance& chance, bool all) {
    const auto event = record.event();
    if (!event) {
        return;
    }
    with_fixed_part(*event, [&](const auto& fixed) {
        CountFields count;
        visit_fields(fixed, count);
        Change change{
            .pool = pool, .chance = chance, .countdown = below(chance, count.fields), .all = all};
        using Wire = std::remove_cvref_t<decltype(fixed)>;
        Wire copy = fixed;
        visit_fields(copy, change);
        std::memcpy(record.bytes().data(), &copy, sizeof(copy));
    });
}

void change_bytes(EventBuffer& record) {
    const auto behind = record.bytes().subspan(sizeof(nst_header));
    if (!behind.empty()) {
        // Never longer, and what it makes shorter stays as it was.
        LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(behind.data()), behind.size(),
                         behind.size());
    }
}

EventBuffer made_up(const Pool& pool, Chance& chance, std::uint64_t boot_ns) {
    test::Zeros zeros;
    auto all = test::every_kind(zeros);
    EventBuffer record = std::move(all[below(chance, all.size())]);
    change_fields(record, pool, chance, true);
    const auto bytes = record.bytes();
    std::memcpy(bytes.data() + offsetof(nst_header, boot_ns), &boot_ns, sizeof(boot_ns));
    return record;
}

}  // namespace

void mutate_records(std::vector<EventBuffer>& records, Chance& chance) {
    const Pool pool = pool_of(records);
    const auto place = [&] {
        return records.begin() + static_cast<std::ptrdiff_t>(below(chance, records.size()));
    };
    const auto what = records.empty() ? 0 : below(chance, 12);
    switch (what) {
        case 0: {
            const auto near = records.empty() ? std::unexpected(Error{}) : place()->event();
            const std::uint64_t boot_ns = near ? near->boot_ns() : 1'000'000'000;
            records.insert(records.empty() ? records.end() : place(),
                           made_up(pool, chance, boot_ns));
            break;
        }
        case 1:
        case 2:
            records.erase(place());
            break;
        case 3: {
            EventBuffer copy = *place();
            records.insert(place(), std::move(copy));
            break;
        }
        case 4:
            std::iter_swap(place(), place());
            break;
        case 5:
            change_bytes(*place());
            break;
        case 6: {
            // A time far from that of the others.
            const std::uint64_t boot_ns = pick(pool, Format::TIME, chance);
            std::memcpy(place()->bytes().data() + offsetof(nst_header, boot_ns), &boot_ns,
                        sizeof(boot_ns));
            break;
        }
        case 7: {
            // Some in a row, once more.
            const auto from = place();
            const std::vector<EventBuffer> some(
                from, from + std::min<std::ptrdiff_t>(8, records.end() - from));
            records.insert(place(), some.begin(), some.end());
            break;
        }
        default:
            change_fields(*place(), pool, chance, false);
            break;
    }
}

}  // namespace nstrail::fuzz
