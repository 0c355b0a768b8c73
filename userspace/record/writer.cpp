// SPDX-License-Identifier: Apache-2.0
#include "record/writer.hpp"

#include <algorithm>
#include <utility>

namespace nstrail {

namespace {

constexpr std::uint64_t largest_chunk = 32ULL << 20;
constexpr std::uint64_t smallest_chunk = 512ULL << 10;
// A recording of the last N minutes is that and at most a tenth more.
constexpr int chunks_per_age = 10;
constexpr std::chrono::seconds retry{10};
// A disk that is too slow gets no more keyframes than this.
constexpr std::chrono::seconds shortest_chunk{1};

std::uint64_t chunk_bytes_of(const WriterOptions& options) {
    return options.chunk_bytes != 0
               ? options.chunk_bytes
               : std::clamp(options.store.max_bytes / 16, smallest_chunk, largest_chunk);
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::open(WriterOptions options, const nst_session& session) {
    auto store = Store::open(options.store, session);
    if (!store) {
        return std::unexpected(store.error());
    }
    auto spool = Spool::create((*store)->take_lock(), (*store)->open_path());
    if (!spool) {
        return std::unexpected(spool.error());
    }
    return std::unique_ptr<Writer>(
        new Writer(std::move(options), std::move(*store), std::move(*spool)));
}

Writer::Writer(WriterOptions options, std::unique_ptr<Store> store, std::unique_ptr<Spool> spool)
    : options_(std::move(options)),
      store_(std::move(store)),
      spool_(std::move(spool)),
      discarded_(store_->recovered().events_discarded),
      chunk_(store_->recovered().last_chunk + 1),
      session_(store_->recovered().last_session + 1),
      bytes_(store_->bytes()),
      room_(packet_room / sizeof(std::uint64_t)) {
    options_.chunk_bytes = chunk_bytes_of(options_);
    for (std::size_t slot = 0; slot < Spool::slots; slot++) {
        free_.push_back(slot);
    }
    worker_ = std::thread([this] { work(); });
}

Writer::~Writer() {
    seal();
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    worker_.join();
    // What could not be written stays in memory for whoever comes next, if they can find it.
    if (fault_.empty() || !spool_->named()) {
        spool_->remove();
    }
}

PacketHeader Writer::header() const {
    PacketHeader made;
    made.uuid = store_->uuid();
    made.timestamp_begin = made.timestamp_end = timestamp_;
    made.first_event = place_;
    made.chunk = chunk_;
    made.session = session_;
    made.events_discarded = discarded_;
    return made;
}

bool Writer::begin_packet() {
    {
        const std::lock_guard lock(mutex_);
        if (free_.empty()) {
            return false;
        }
        slot_ = free_.front();
        free_.pop_front();
    }
    packet_.begin(spool_->slot(slot_), header());
    begun_ = Clock::now();
    return true;
}

void Writer::append(const Event& event) {
    timestamp_ = std::max(timestamp_, event.boot_ns());
    packet_.append(event, timestamp_);
    chunk_bytes_ += record_prefix + event.bytes().size();
    if (event.kind() == NST_KIND_gap) {
        discarded_ += event.as<nst_gap>().lost;
    }
    place_++;
    events_++;
}

void Writer::write(const Event& event) {
    if (packet_.started() && !packet_.fits(event)) {
        seal();
    }
    if (!packet_.started()) {
        if (!begin_packet()) {
            unrecorded_++;
            lost_++;
            return;
        }
        // Of packets that could not be written the numbers of the next one tell; whoever does not
        // read those goes by what was discarded.
        const std::uint64_t dropped = dropped_.load();
        if (const std::uint64_t more = dropped - std::exchange(dropped_seen_, dropped); more != 0) {
            discarded_ += more;
            broken_ = true;
        }
    }
    if (unrecorded_ != 0) {
        nst_gap gap{};
        gap.header.kind = NST_KIND_gap;
        gap.header.boot_ns = std::max(timestamp_, event.boot_ns());
        gap.lost = std::exchange(unrecorded_, 0);
        gap.cause = NST_gap_cause_record;
        append(*EventBuffer::make(gap).event());
        broken_ = true;
    }
    append(event);
}

void Writer::seal() {
    if (!packet_.started()) {
        return;
    }
    packet_.seal(discarded_);
    push({.slot = slot_, .keyframe = {}, .header = {}});
}

void Writer::tick() {
    if (packet_.started() && !packet_.empty() && Clock::now() - begun_ >= options_.seal) {
        seal();
    }
}

bool Writer::wants_keyframe() const {
    const auto age = Clock::now() - chunk_begun_;
    {
        const std::lock_guard lock(mutex_);
        if (!fault_.empty()) {
            return Clock::now() - fault_at_ >= retry;
        }
    }
    const auto& max_age = options_.store.max_age;
    return rotate_ || (broken_ && age >= shortest_chunk) ||
           chunk_bytes_ >=
               std::max(options_.chunk_bytes, keyframe_bytes_ * options_.keyframe_share) ||
           (max_age.count() != 0 && chunk_bytes_ != 0 && age >= max_age / chunks_per_age);
}

void Writer::keyframe(Keyframe tell) {
    seal();
    chunk_++;
    chunk_bytes_ = 0;
    chunk_begun_ = Clock::now();
    broken_ = false;
    rotate_ = false;
    push({.keyframe = std::move(tell), .header = header()});
}

void Writer::push(Job job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
}

void Writer::flush() {
    seal();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return jobs_.empty() && !working_; });
}

WriterFigures Writer::figures() const {
    const std::lock_guard lock(mutex_);
    return {.events = events_ - std::min(events_, dropped_.load()),
            .lost = lost_ + dropped_,
            .limit_bytes = options_.store.max_bytes,
            .bytes = bytes_,
            .chunks_dropped = chunks_dropped_,
            .fault = fault_};
}

// --- the worker

void Writer::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        if (jobs_.empty()) {
            idle_.notify_all();
            if (ending_) {
                break;
            }
            lock.unlock();
            const bool more = store_->compress_step();
            lock.lock();
            if (!more) {
                wake_.wait(lock, [this] { return !jobs_.empty() || ending_; });
            }
            continue;
        }
        const Job job = std::move(jobs_.front());
        jobs_.pop_front();
        working_ = true;
        lock.unlock();
        if (job.keyframe) {
            write_keyframe(job);
        } else {
            write_slot(job.slot);
        }
        bytes_ = store_->bytes();
        chunks_dropped_ = store_->chunks_dropped();
        lock.lock();
        if (!job.keyframe) {
            free_.push_back(job.slot);
        }
        working_ = false;
    }
    lock.unlock();
    store_->end_chunk();
    while (store_->compress_step()) {
    }
}

void Writer::note_fault(const Error& error) {
    store_->end_chunk();
    const std::lock_guard lock(mutex_);
    fault_ = error.line();
    fault_at_ = Clock::now();
}

void Writer::write_slot(std::size_t slot) {
    auto* packet = spool_->slot(slot).data();
    auto& header = *reinterpret_cast<PacketHeader*>(packet);
    const std::uint32_t events = header.events;
    const auto begun = [&]() -> Result<void> {
        if (store_->chunk() == header.chunk) {
            return {};
        }
        // Chunks begin by a keyframe, but for the first one of a session. After a fault nothing is
        // written until there is one.
        {
            const std::lock_guard lock(mutex_);
            if (!fault_.empty()) {
                return fail("", fault_);
            }
        }
        return store_->begin_chunk(header.chunk);
    }();
    const auto written = begun ? store_->append(packet) : begun;
    if (!written) {
        dropped_ += events;
        bool known = false;
        {
            const std::lock_guard lock(mutex_);
            known = !fault_.empty();
        }
        if (!known) {
            note_fault(written.error());
        }
        return;
    }
    // In the file now: whoever finds the slot must not take it for unwritten.
    header.magic = 0;
    store_->retain();
}

void Writer::write_keyframe(const Job& job) {
    auto* room = reinterpret_cast<std::byte*>(room_.data());
    Result<void> done = store_->begin_chunk(job.header.chunk);
    PacketBuilder builder;
    std::uint64_t bytes = 0;
    PacketHeader header = job.header;
    const auto put = [&](PacketKind kind) {
        bytes += builder.bytes();
        builder.seal(header.events_discarded).kind = kind;
        done = done ? store_->append(room) : done;
    };
    const auto begin = [&] { builder.begin({room, packet_room}, header); };
    begin();
    job.keyframe([&](const EventBuffer& buffer) {
        const auto event = buffer.event();
        if (!event || !done) {
            return;
        }
        if (!builder.fits(*event)) {
            put(PacketKind::keyframe);
            begin();
        }
        builder.append(*event, header.timestamp_begin);
    });
    put(PacketKind::keyframe_end);
    if (!done) {
        note_fault(done.error());
        return;
    }
    keyframe_bytes_ = bytes;
    spool_->announce();
    store_->retain();
    const std::lock_guard lock(mutex_);
    fault_.clear();
}

}  // namespace nstrail
