// SPDX-License-Identifier: Apache-2.0
// A table by small numbers whose copies cost nothing until one of them is written to.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nstrail {

/// What stands for a node that was never made: nobody owns it, nobody writes to it.
template <class Node>
inline Node empty_node{};

/// Shared ownership of a node that counts its owners itself (`references`, starting at 1).
/// Different owners may be used by different threads; one owner by one thread at a time.
template <class Node>
class Counted {
public:
    constexpr Counted() = default;
    explicit Counted(Node* made) : node_(made) {}
    Counted(const Counted& other) : node_(other.node_) {
        if (made()) {
            node_->references.fetch_add(1, std::memory_order_relaxed);
        }
    }
    Counted(Counted&& other) noexcept : node_(std::exchange(other.node_, &empty_node<Node>)) {}
    Counted& operator=(const Counted& other) {
        Counted copy(other);
        std::swap(node_, copy.node_);
        return *this;
    }
    Counted& operator=(Counted&& other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    constexpr ~Counted() {
        if (made() && node_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete node_;
        }
    }

    [[nodiscard]] constexpr bool made() const { return node_ != &empty_node<Node>; }
    /// An empty one where none was made, so that nobody need ask on his way down.
    [[nodiscard]] const Node& operator*() const { return *node_; }
    /// For writing: the owner's own from then on, a copy where it was the empty one or anybody else
    /// owns it too.
    [[nodiscard]] Node& own() {
        // Acquire: a reader that has let go has also read its last (release in ~Counted).
        if (!made() || node_->references.load(std::memory_order_acquire) != 1) {
            // Copied, not made anew, where it was empty: of `new Node()` GCC would store each of
            // thousands of elements by a line of its own, and take a minute for it.
            *this = Counted(new Node(*node_));
        }
        return *node_;
    }

private:
    Node* node_ = &empty_node<Node>;
};

/// Three levels of pages, made where an index is first written. A copy shares all pages; the first
/// write through a copy then copies the three pages on the way, a bounded piece of work however
/// large the table is. Growth moves nothing: a reference from at() stays good until the table is
/// copied.
///
/// One thread at a time per copy, which taking a copy of it counts as too; different copies in
/// different threads.
template <class T, unsigned leaf_bits, unsigned middle_bits, unsigned root_bits>
class PagedTable {
public:
    static constexpr std::uint64_t capacity = 1ULL << (leaf_bits + middle_bits + root_bits);

    PagedTable() = default;
    PagedTable(const PagedTable& other) : root_(other.root_), age_(++other.age_) {}
    PagedTable(PagedTable&& other) noexcept = default;
    PagedTable& operator=(const PagedTable& other) { return *this = PagedTable(other); }
    PagedTable& operator=(PagedTable&& other) noexcept {
        std::swap(root_, other.root_);
        std::swap(age_, other.age_);
        return *this;
    }
    ~PagedTable() = default;

    /// The element, T{} where none was ever written. Precondition: index < capacity.
    [[nodiscard]] const T& operator[](std::uint32_t index) const {
        return leaf_of(index).items[low(index)];
    }
    /// The element for writing, T{} before its first use. Precondition: index < capacity.
    [[nodiscard]] T& at(std::uint32_t index) {
        const Leaf* leaf = &leaf_of(index);
        if (leaf->age != age_) [[unlikely]] {
            leaf = &own(index);
        }
        // It is this table's alone.
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
        return const_cast<Leaf*>(leaf)->items[low(index)];
    }
    /// f(index, const T&) for each element of each page there is, by index; most may be unused.
    template <class F>
    void each(F&& f) const {
        std::uint32_t index = 0;
        for (const auto& middle : (*root_).below) {
            if (!middle.made()) {
                index += 1U << (middle_bits + leaf_bits);
                continue;
            }
            for (const auto& leaf : (*middle).below) {
                if (!leaf.made()) {
                    index += 1U << leaf_bits;
                    continue;
                }
                for (const T& one : (*leaf).items) {
                    f(index++, one);
                }
            }
        }
    }

private:
    struct Leaf {
        constexpr Leaf() = default;
        Leaf(const Leaf& other) : items(other.items) {}
        Leaf(Leaf&&) = delete;
        Leaf& operator=(const Leaf&) = delete;
        Leaf& operator=(Leaf&&) = delete;
        constexpr ~Leaf() = default;
        std::atomic<std::uint32_t> references{1};
        std::uint64_t age = 0;  // of the table that found it to be its own, from 1; see own()
        std::array<T, 1U << leaf_bits> items{};
    };
    template <class Below, unsigned bits>
    struct Inner {
        constexpr Inner() = default;
        Inner(const Inner& other) : below(other.below) {}
        Inner(Inner&&) = delete;
        Inner& operator=(const Inner&) = delete;
        Inner& operator=(Inner&&) = delete;
        constexpr ~Inner() = default;
        std::atomic<std::uint32_t> references{1};
        std::array<Counted<Below>, 1U << bits> below{};
    };
    using Middle = Inner<Leaf, middle_bits>;
    using Root = Inner<Middle, root_bits>;

    static constexpr std::uint32_t low(std::uint32_t index) {
        return index & ((1U << leaf_bits) - 1);
    }
    static constexpr std::uint32_t mid(std::uint32_t index) {
        return index >> leaf_bits & ((1U << middle_bits) - 1);
    }
    static constexpr std::uint32_t top(std::uint32_t index) {
        return index >> (leaf_bits + middle_bits);
    }

    [[nodiscard]] const Leaf& leaf_of(std::uint32_t index) const {
        return *(*(*root_).below[top(index)]).below[mid(index)];
    }
    /// The page for writing, copied on the way where it is shared. It then bears the table's age,
    /// and is the table's own while that is so: a copy makes both tables older than any page that
    /// they share, so one comparison tells what else takes a look at all three levels.
    [[nodiscard, gnu::noinline]] Leaf& own(std::uint32_t index) {
        Leaf& leaf = root_.own().below[top(index)].own().below[mid(index)].own();
        leaf.age = age_;
        return leaf;
    }

    Counted<Root> root_;
    mutable std::uint64_t age_ = 1;
};

/// Records in a PagedTable under indexes given out by the slab, from 1; 0 is nobody. A record given
/// back is reset to T{}. T has a member `next_free`, of the slab while the record is free.
template <class T, unsigned leaf_bits>
class Slab {
public:
    using Index = std::uint32_t;

    struct Made {
        Index index;
        T& record;
    };
    [[nodiscard]] Made allocate() {
        count_++;
        const Index index = free_ == 0 ? ++end_ : free_;
        T& record = records_.at(index);
        free_ = std::exchange(record.next_free, 0);
        return {index, record};
    }
    /// `record`: that of the index, which whoever gives it back has at hand.
    void release(Index index, T& record) {
        record = T{};
        record.next_free = free_;
        free_ = index;
        count_--;
    }
    /// Precondition: index is 0 or was given out once.
    [[nodiscard]] const T& operator[](Index index) const { return records_[index]; }
    [[nodiscard]] T& at(Index index) { return records_.at(index); }
    /// No index beyond this one has been given out.
    [[nodiscard]] Index last() const { return end_; }
    [[nodiscard]] std::uint32_t size() const { return count_; }
    /// What its records take; of those given back too.
    [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{end_} * sizeof(T); }

private:
    // PID_MAX_LIMIT records, and one more bit for those that outlive their number.
    PagedTable<T, leaf_bits, 8, 15 - leaf_bits> records_;
    Index free_ = 0;
    Index end_ = 0;
    std::uint32_t count_ = 0;
};

}  // namespace nstrail
