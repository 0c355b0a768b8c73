// SPDX-License-Identifier: Apache-2.0
#include "sink/web_routes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sink/findings.hpp"
#include "sink/page.hpp"
#include "sink/tree.hpp"
#include "sink/web_events.hpp"
#include "sink/web_query.hpp"
#include "sink/web_words.hpp"
#include "sink/why.hpp"

namespace nstrail {

namespace {

using httplib::Request;
using httplib::Response;
using Part = WebSource::Part;
using Words = std::initializer_list<std::string_view>;

constexpr std::uint64_t most_last = 1000;
constexpr const char* json_type = "application/json";

std::string about_json(const WebAbout& about, const WebSource& source, const std::string& version) {
    const auto number = [](const std::optional<std::uint64_t>& value) {
        return value ? std::to_string(*value) : "null";
    };
    const auto text = [](const std::string& value) {
        return value.empty() ? "null" : json_quote(value);
    };
    const auto time = [&](const std::optional<std::uint64_t>& value) {
        return value ? text(rfc3339(about.wall_offset_ns + *value)) : "null";
    };
    return fmt::format(
        R"({{"schema":"nstrail.about/1","version":{},"mode":"{}","host_boot_id":{},)"
        R"("begin_boot_ns":{},"end_boot_ns":{},"begin":{},"end":{},"recording":{},"boots":{}}})",
        text(version), source.recorded() ? "recording" : "live", text(about.boot_id),
        number(about.begin_boot_ns), number(about.end_boot_ns), time(about.begin_boot_ns),
        time(about.end_boot_ns), text(about.recording), number(about.boots));
}

void answer_refusal(Response& response, const Refusal& refusal) {
    response.status = refusal.status;
    response.set_content(error_json(refusal.line), json_type);
}

/// The number in an address; 0 if it is none that a task or a namespace can have.
std::uint32_t number_of(const Request& request) {
    const std::string text = request.matches[1];
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

/// What the answers are made from.
struct Desk {
    WebSource& source;
    const WebOptions& options;
    WebCounts& counts;

    /// Answers with what make(query, publication) says; it returns an Answer<std::string>.
    template <class F>
    void tell(const Request& request, Response& response, const char* type, Words known, Part part,
              F&& make) const {
        const auto query = Query::parse(request.target, known);
        if (!query) {
            return answer_refusal(response, query.error());
        }
        const auto now = source.publication(query->text("at"), part);
        if (!now) {
            return answer_refusal(response, now.error());
        }
        const Answer<std::string> made = make(*query, **now);
        made ? response.set_content(*made, type) : answer_refusal(response, made.error());
    }
};

/// A file of the page, or that the one the client has is still right.
void get_page(const Desk& /*desk*/, const Request& request, Response& response) {
    const auto file = std::ranges::find(page_files(), request.path, &PageFile::path);
    if (file == page_files().end()) {
        response.status = 404;
        return;
    }
    response.set_header("ETag", std::string(file->etag));
    response.headers.erase("Cache-Control");  // the default; a header that is set comes on top
    response.set_header("Cache-Control", "no-cache");
    if (request.get_header_value("If-None-Match") == file->etag) {
        response.status = 304;
        return;
    }
    response.set_content(file->bytes.data(), file->bytes.size(), std::string(file->type));
}

void get_metrics(const Desk& desk, const Request& request, Response& response) {
    desk.tell(request, response, "text/plain; version=0.0.4; charset=utf-8", {"at"}, Part::account,
              [&](const Query&, const Publication& now) -> Answer<std::string> {
                  return metrics_text(now.view, now.source, now.findings, now.notices,
                                      desk.source.followers(), desk.counts.figures(),
                                      desk.options.version);
              });
}

void get_about(const Desk& desk, const Request& request, Response& response) {
    const auto query = Query::parse(request.target, {});
    if (!query) {
        return answer_refusal(response, query.error());
    }
    const auto about = desk.source.about();
    about ? response.set_content(about_json(*about, desk.source, desk.options.version) + "\n",
                                 json_type)
          : answer_refusal(response, about.error());
}

void get_tree(const Desk& desk, const Request& request, Response& response) {
    desk.tell(request, response, json_type, {"tasks", "at"}, Part::state,
              [](const Query& query, const Publication& now) -> Answer<std::string> {
                  return tree_json(now.view,
                                   {.tasks = query.flag("tasks"), .types = {}, .note = now.note}) +
                         "\n";
              });
}

void get_task(const Desk& desk, const Request& request, Response& response) {
    desk.tell(request, response, json_type, {"at"}, Part::state,
              [&](const Query&, const Publication& now) -> Answer<std::string> {
                  const std::uint32_t tid = number_of(request);
                  const auto task = now.view.task(tid);
                  if (!task) {
                      return refuse(404, fmt::format("no task {} is known at that time",
                                                     std::string(request.matches[1])));
                  }
                  const auto story = desk.source.story({.task = true, .number = tid});
                  if (!story) {
                      return std::unexpected(story.error());
                  }
                  return task_card_json(now.view, *task, *story) + "\n";
              });
}

/// What make(publication, namespace) says of the one in the address.
template <class F>
void tell_of_namespace(const Desk& desk, const Request& request, Response& response, F&& make) {
    desk.tell(request, response, json_type, {"at"}, Part::state,
              [&](const Query&, const Publication& now) -> Answer<std::string> {
                  const auto ns = now.view.ns(number_of(request));
                  if (!ns) {
                      return refuse(404, fmt::format("no namespace {} is known at that time",
                                                     std::string(request.matches[1])));
                  }
                  return make(now, *ns);
              });
}

void get_namespace(const Desk& desk, const Request& request, Response& response) {
    tell_of_namespace(desk, request, response,
                      [&](const Publication& now, const Namespace& ns) -> Answer<std::string> {
                          const auto story =
                              desk.source.story({.task = false, .number = ns.inum()});
                          if (!story) {
                              return std::unexpected(story.error());
                          }
                          return namespace_card_json(now.view, ns, *story) + "\n";
                      });
}

void get_why(const Desk& desk, const Request& request, Response& response) {
    tell_of_namespace(desk, request, response,
                      [](const Publication& now, const Namespace& ns) -> Answer<std::string> {
                          return why_json(now.view, ns, now.note) + "\n";
                      });
}

void get_findings(const Desk& desk, const Request& request, Response& response) {
    desk.tell(request, response, json_type, {"at"}, Part::account,
              [](const Query&, const Publication& now) -> Answer<std::string> {
                  return findings_json(now.findings, now.notices) + "\n";
              });
}

void get_events(const Desk& desk, const Request& request, Response& response) {
    static constexpr std::string_view live[] = {"filter"};
    static constexpr std::string_view recorded[] = {"filter", "begin", "end", "last"};
    const auto query = desk.source.recorded() ? Query::parse(request.target, recorded)
                                              : Query::parse(request.target, live);
    if (!query) {
        return answer_refusal(response, query.error());
    }
    const auto last = query->number("last", most_last);
    if (!last) {
        return answer_refusal(response, last.error());
    }
    EventsWanted wanted{
        .filter = {}, .begin = query->text("begin"), .end = query->text("end"), .last = *last};
    if (const auto text = query->text("filter")) {
        auto parsed = parse_filter(*text);
        if (!parsed) {
            return answer_refusal(response, {.status = 400, .line = parsed.error().line()});
        }
        wanted.filter = std::move(*parsed);
    }
    auto lines = desk.source.events(std::move(wanted));
    if (!lines) {
        return answer_refusal(response, lines.error());
    }
    tell_events(response, std::move(*lines), desk.options.heartbeat);
}

void tell_document(const std::string& document, Response& response) {
    if (document.empty()) {
        return answer_refusal(
            response, {.status = 404,
                       .line = "this is of the host that traces; a recording does not have it"});
    }
    response.set_content(document + "\n", json_type);
}

void get_doctor(const Desk& desk, const Request&, Response& response) {
    tell_document(desk.options.doctor, response);
}

void get_rules(const Desk& desk, const Request&, Response& response) {
    tell_document(desk.options.rules, response);
}

void get_healthz(const Desk&, const Request&, Response& response) {
    response.set_content("alive\n", "text/plain");
}

void get_readyz(const Desk& desk, const Request&, Response& response) {
    const auto now = desk.source.publication({}, Part::state);
    const std::string unready = now ? (*now)->unready : now.error().line;
    if (unready.empty()) {
        response.set_content("ready\n", "text/plain");
        return;
    }
    response.status = 503;
    response.set_content("not ready: " + unready + "\n", "text/plain");
}

struct Route {
    std::string_view path;  ///< as docs/openapi.json writes it
    const char* pattern;
    void (*answer)(const Desk&, const Request&, Response&);
};

constexpr Route routes[] = {
    {"/", "/", get_page},
    {"/assets/{file}", R"(/assets/[a-zA-Z.]+)", get_page},
    {"/metrics", "/metrics", get_metrics},
    {"/api/v1/about", "/api/v1/about", get_about},
    {"/api/v1/tree", "/api/v1/tree", get_tree},
    {"/api/v1/task/{tid}", R"(/api/v1/task/(\d{1,10}))", get_task},
    {"/api/v1/namespace/{inum}", R"(/api/v1/namespace/(\d{1,10}))", get_namespace},
    {"/api/v1/why/{inum}", R"(/api/v1/why/(\d{1,10}))", get_why},
    {"/api/v1/findings", "/api/v1/findings", get_findings},
    {"/api/v1/events", "/api/v1/events", get_events},
    {"/api/v1/rules", "/api/v1/rules", get_rules},
    {"/api/v1/doctor", "/api/v1/doctor", get_doctor},
    {"/healthz", "/healthz", get_healthz},
    {"/readyz", "/readyz", get_readyz},
};

}  // namespace

std::vector<std::string_view> web_paths() {
    std::vector<std::string_view> paths;
    for (const Route& route : routes) {
        paths.push_back(route.path);
    }
    return paths;
}

void add_routes(httplib::Server& server, WebSource& source, const WebOptions& options,
                WebCounts& counts) {
    static_assert(std::size(routes) < WebFigures::most_routes);
    for (std::size_t i = 0; i < std::size(routes); i++) {
        server.Get(routes[i].pattern,
                   [desk = Desk{.source = source, .options = options, .counts = counts}, i](
                       const Request& request, Response& response) {
                       desk.counts.requests[i]++;
                       routes[i].answer(desk, request, response);
                   });
    }
    server.set_error_handler([&counts](const Request&, Response& response) {
        if (response.body.empty()) {
            counts.requests[std::size(routes)]++;
            answer_refusal(
                response, {.status = response.status,
                           .line = response.status == 404 ? "there is nothing here; see docs/API.md"
                                                          : "this request cannot be understood"});
        }
    });
}

}  // namespace nstrail
