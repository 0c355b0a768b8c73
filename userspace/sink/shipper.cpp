// SPDX-License-Identifier: Apache-2.0
#include "sink/shipper.hpp"

#include <algorithm>
#include <utility>

#include "record/spool.hpp"

namespace nstrail {

namespace {

using std::chrono::milliseconds;

// A message is sent when it has this size, or there is no more. Servers take 1 MiB by default.
constexpr std::size_t enough_bytes = std::size_t{64} << 10;
constexpr std::size_t most_bytes = std::size_t{256} << 10;
constexpr std::size_t header_room = 1024;
constexpr milliseconds look_every{250};
constexpr milliseconds first_retry{100};
constexpr milliseconds longest_retry{30'000};
constexpr std::chrono::seconds mark_every{1};

std::optional<Uuid> this_boot() {
    std::string text = read_text("/proc/sys/kernel/random/boot_id", 64).value_or("");
    std::erase(text, '\n');
    return parse_uuid(text);
}

}  // namespace

Shipper::Shipper(ShipOptions options)
    : options_(std::move(options)),
      this_boot_(this_boot()),
      random_(std::random_device()()),
      thread_([this] { work(); }) {}

Shipper::~Shipper() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

ShipFigures Shipper::figures() const {
    const std::lock_guard lock(mutex_);
    ShipFigures figures = figures_;
    if (!figures.fault.empty()) {
        figures.stuck =
            std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - fault_since_);
    }
    return figures;
}

bool Shipper::finish(milliseconds patience) {
    std::unique_lock lock(mutex_);
    finishing_ = true;
    finished_ = false;
    return idle_.wait_for(lock, patience, [this] { return finished_; });
}

// --- the thread

void Shipper::work() {
    while (true) {
        {
            const std::lock_guard lock(mutex_);
            if (ending_) {
                break;
            }
            hurries_ = finishing_;
        }
        const auto done = step();
        note(done);
        if (!done) {
            link_.reset();
            const auto most = std::min<Clock::duration>(first_retry * (1 << std::min(failed_, 12)),
                                                        longest_retry);
            failed_++;
            // Not all hosts at once, when what they ship to comes back.
            pause(most * (500 + (random_() % 501)) / 1000);
            continue;
        }
        failed_ = 0;
        if (Clock::now() - marks_kept_ >= mark_every || !*done) {
            keep_marks();
        }
        if (!*done) {
            {
                const std::lock_guard lock(mutex_);
                finished_ = hurries_;
            }
            idle_.notify_all();
            pause(look_every);
        }
    }
    keep_marks();
}

void Shipper::pause(Clock::duration time) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, time, [this] { return ending_; });
}

/// True = something was shipped, false = there is nothing.
Result<bool> Shipper::step() {
    if (link_ && !link_->alive()) {
        link_.reset();
    }
    if (!link_) {
        auto opened = StreamLink::open(options_.url);
        if (!opened) {
            return std::unexpected(opened.error());
        }
        link_ = std::move(*opened);
        // What the chunk is may have gone with the stream: tells it again, once.
        headed_.reset();
    }
    if (!pending_) {
        if (auto found = find_work(); !found) {
            return std::unexpected(found.error());
        }
    }
    if (!pending_) {
        return false;
    }
    if (auto sent = send(); !sent) {
        return std::unexpected(sent.error());
    }
    return true;
}

Result<void> Shipper::find_work() {
    const auto shelved = list_boots(options_.path);
    if (!shelved) {
        return {};  // nothing is recorded yet; if it cannot be, the recorder says why
    }
    for (const ShelvedBoot& one : *shelved) {
        const auto name = std::string_view(one.path).substr(one.path.rfind('/') + 1);
        const auto uuid = name.starts_with(boot_prefix)
                              ? parse_uuid(name.substr(boot_prefix.size()))
                              : std::nullopt;
        if (!uuid) {
            return fail("ship " + one.path, "its folder is not named boot-<boot id>",
                        "give it the name that `nstrail record` gave it");
        }
        Boot& boot = boots_[one.path];
        if (boot.done || (!hurries_ && Clock::now() < boot.rests_until && boot.packets &&
                          boot.packets->waiting_bytes() < most_bytes)) {
            continue;
        }
        if (!boot.packets) {
            boot.name = {.cluster = options_.cluster, .host = options_.host, .boot = *uuid};
            boot.packets = std::make_unique<UnshippedPackets>(one.path, *uuid);
        }
        if (auto gathered = gather(boot); !gathered || pending_) {
            at_ = &boot;
            return gathered;
        }
        // Whatever another boot's recorder left in memory is gone, so this is all of it.
        if (this_boot_ && uuid != this_boot_ && !recorder_at_work(one.open_path())) {
            boot.done = true;
            lost_before_ += boot.packets->lost();
            [[maybe_unused]] const auto kept = boot.packets->keep_mark(true);
            boot.packets.reset();
        }
    }
    return {};
}

Result<void> Shipper::gather(Boot& boot) {
    const std::size_t room =
        std::min(most_bytes, std::max(link_->most_bytes(), header_room) - header_room);
    Pending made{.message = begin_shipment(boot.name, boot.packets->acknowledged()),
                 .metadata = {}};
    auto& payload = made.message.payload;
    while (payload.size() < enough_bytes) {
        const auto packet = boot.packets->next();
        if (!packet) {
            // There is less than a message: whoever gets them from many hosts wants few.
            boot.rests_until = made.packets == 0 ? boot.rests_until : Clock::now() + options_.every;
            break;
        }
        const auto frame = packer_.pack(*packet);
        if (!frame) {
            return std::unexpected(frame.error());
        }
        if (made.packets != 0 &&
            (packet->header.chunk != made.last.chunk || payload.size() + frame->size() > room)) {
            boot.packets->put_back(*packet);
            break;
        }
        if (made.packets++ == 0) {
            made.metadata = boot.packets->metadata();
        }
        add_packet(made.message, packet->header, *frame);
        made.last = packet->header;
    }
    if (made.packets != 0) {
        end_shipment(made.message, boot.name);
        pending_ = std::move(made);
    }
    return {};
}

/// The message that is pending, its chunk's head first. Until it is acknowledged it stays pending,
/// and is sent again as it is, so that the stream knows it for a double.
Result<void> Shipper::send() {
    const std::pair chunk(at_->name.boot, pending_->last.chunk);
    if (headed_ != chunk) {
        const auto frame = packer_.pack(pending_->metadata);
        if (!frame) {
            return std::unexpected(frame.error());
        }
        const auto sent = link_->publish(chunk_head(at_->name, pending_->message, *frame));
        if (!sent) {
            return std::unexpected(sent.error());
        }
        headed_ = chunk;
    }
    const auto now = Clock::now();
    pause(may_send_ - now);
    const std::uint64_t bytes = pending_->message.payload.size();
    const auto sent = link_->publish(pending_->message);
    if (!sent) {
        return std::unexpected(sent.error());
    }
    if (options_.bytes_per_second != 0) {
        may_send_ = std::max(may_send_, now) +
                    std::chrono::nanoseconds(bytes * 1'000'000'000 / options_.bytes_per_second);
    }
    at_->packets->acknowledge(pending_->last);
    const std::lock_guard lock(mutex_);
    figures_.packets += pending_->packets;
    figures_.bytes += bytes;
    figures_.messages++;
    figures_.doubles += *sent ? 1 : 0;
    pending_.reset();
    return {};
}

void Shipper::keep_marks() {
    marks_kept_ = Clock::now();
    for (auto& [path, boot] : boots_) {
        if (boot.packets) {
            // Where it cannot be written, more is shipped a second time after a restart.
            [[maybe_unused]] const auto kept = boot.packets->keep_mark(false);
        }
    }
}

void Shipper::note(const Result<bool>& done) {
    std::uint64_t lost = lost_before_;
    std::uint64_t waiting = pending_ ? pending_->message.payload.size() : 0;
    // Sums over the files are for when there is time.
    const bool busy = done && *done;
    for (const auto& [path, boot] : boots_) {
        lost += boot.packets ? boot.packets->lost() : 0;
        waiting += boot.packets && !busy ? boot.packets->waiting_bytes() : 0;
    }
    const std::lock_guard lock(mutex_);
    figures_.lost = lost;
    figures_.waiting_bytes = busy ? figures_.waiting_bytes : waiting;
    figures_.connected = link_ && done;
    figures_.failures += done ? 0 : 1;
    if (!done && figures_.fault.empty()) {
        fault_since_ = Clock::now();
    }
    figures_.fault = done ? "" : done.error().line();
}

}  // namespace nstrail
