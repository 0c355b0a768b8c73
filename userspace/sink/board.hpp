// SPDX-License-Identifier: Apache-2.0
// Where the one writer hangs out its state for many readers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <semaphore.h>

#include "model/view.hpp"
#include "rules/finding.hpp"
#include "rules/notable.hpp"
#include "sink/metrics.hpp"

namespace nstrail {

/// What readers see; nobody changes it.
struct Publication {
    View view;
    SourceFigures source;
    Findings findings;
    Notices notices;
    std::string unready;  ///< why /readyz must say no; empty = ready
    std::string note;     ///< for TreeOptions::note
};

/// Readers ask and wait; the writer is woken, and hands out a View between two batches of events:
/// one, however many readers wait. It never waits for a reader. Nothing is kept once all who waited
/// have it, as the writer has to copy what a View still holds.
class ViewBoard {
public:
    ViewBoard();
    ~ViewBoard();
    ViewBoard(const ViewBoard&) = delete;
    ViewBoard& operator=(const ViewBoard&) = delete;

    /// A publication made after this call. Null if the writer is stopping or does not answer in
    /// time. Any thread.
    [[nodiscard]] std::shared_ptr<const Publication> fresh(std::chrono::milliseconds patience);

    /// The writer: sleeps until a reader asks, a signal comes or the time is over. Returns whether
    /// one asks.
    bool wait(std::chrono::milliseconds pause);
    /// The writer: hands out what was asked for.
    void publish(std::shared_ptr<const Publication> made);
    /// No more publications; whoever waits gets null.
    void close();

private:
    std::mutex lock_;
    // The writer mostly waits in vain. A condition variable takes its lock again as one that others
    // wait for, which makes each such wait a second system call.
    sem_t asked_;
    std::condition_variable published_;
    std::shared_ptr<const Publication> latest_;
    std::uint64_t requests_ = 0;  // asked for so far
    std::uint64_t answered_ = 0;  // requests that the latest publication came after
    int waiting_ = 0;
    bool closed_ = false;
};

}  // namespace nstrail
