// SPDX-License-Identifier: Apache-2.0
// What the rules found, written for programs and for people.
#pragma once

#include <string>

#include "model/account.hpp"
#include "rules/finding.hpp"
#include "rules/notable.hpp"

namespace nstrail {

/// One finding as a JSON object without a newline, for a stream of events: kind is "finding".
[[nodiscard]] std::string finding_json(const Finding& finding);
/// The same for a terminal: what was broken, and below it the events that show it.
[[nodiscard]] std::string finding_text(const Finding& finding);

/// What was noticed, in the same two forms; kind is "notable".
[[nodiscard]] std::string remark_json(const Remark& remark);
[[nodiscard]] std::string remark_text(const Remark& remark);

/// The document nstrail.findings/1: what each rule checked and found, the findings, and what was
/// noticed. Ends without a newline.
[[nodiscard]] std::string findings_json(const Findings& findings, const Notices& notices);

/// The document nstrail.check/1: the same for a whole stream, with its final account.
/// `namespaces_alive`: at its end.
[[nodiscard]] std::string check_json(const Findings& findings, const Notices& notices,
                                     const Account& account, std::size_t namespaces_alive);
/// The same for a terminal, ending in one line that sums up.
[[nodiscard]] std::string check_text(const Findings& findings, const Notices& notices,
                                     const Account& account, std::size_t namespaces_alive);

/// docs/RULES.md, from the rules themselves.
[[nodiscard]] std::string rules_markdown();

}  // namespace nstrail
