// SPDX-License-Identifier: Apache-2.0
#include "app/printer.hpp"

#include <cstdio>

#include "app/follow.hpp"
#include "sink/findings.hpp"
#include "sink/line_facts.hpp"

namespace nstrail {

void Printer::event(const Event& event, const Change& change) {
    if (nstrail::wanted(filter_, besides_, event, change)) {
        besides_.append(out_, event, change, json_);
    }
}

template <class T>
bool Printer::shows(const T& found, const Wanted& wanted) {
    return (!wanted || wanted(found.task, found.ns_inum)) &&
           nstrail::wanted(filter_, besides_, found);
}

void Printer::news(const Event& event, const Wanted& wanted) {
    if (synthesized(event)) {
        return;  // the event that proved it has had its news
    }
    for (const Remark& remark : checker_.lookout().news()) {
        if (shows(remark, wanted)) {
            out_.append(json_ ? remark_json(remark) + "\n" : remark_text(remark));
        }
    }
    if (event.kind() == NST_KIND_mark || event.kind() == NST_KIND_gap) {
        findings(wanted);
    }
}

void Printer::findings(const Wanted& wanted) {
    for (const Finding& finding : checker_.news()) {
        if (shows(finding, wanted)) {
            out_.append(json_ ? finding_json(finding) + "\n" : finding_text(finding));
        }
    }
}

void Printer::flush() {
    if (out_.size() != 0) {
        std::fwrite(out_.data(), 1, out_.size(), stdout);
        std::fflush(stdout);
        out_.clear();
    }
}

}  // namespace nstrail
