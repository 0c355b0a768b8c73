// SPDX-License-Identifier: Apache-2.0
#include "sink/page.hpp"

#include <array>
#include <string>

#include <xxhash.h>

#include <fmt/format.h>

// What page.S embeds.
extern "C" {
extern const char nstrail_page_html[];
extern const char nstrail_page_html_end[];
extern const char nstrail_page_script[];
extern const char nstrail_page_script_end[];
extern const char nstrail_page_style[];
extern const char nstrail_page_style_end[];
extern const char nstrail_page_licences[];
extern const char nstrail_page_licences_end[];
}

namespace nstrail {

namespace {

struct Embedded {
    std::array<std::string, 4> etags;
    std::array<PageFile, 4> files;

    Embedded()
        : files{{{.path = "/",
                  .type = "text/html; charset=utf-8",
                  .bytes = {nstrail_page_html, nstrail_page_html_end},
                  .etag = {}},
                 {.path = "/assets/page.js",
                  .type = "text/javascript; charset=utf-8",
                  .bytes = {nstrail_page_script, nstrail_page_script_end},
                  .etag = {}},
                 {.path = "/assets/page.css",
                  .type = "text/css; charset=utf-8",
                  .bytes = {nstrail_page_style, nstrail_page_style_end},
                  .etag = {}},
                 {.path = "/assets/licences.txt",
                  .type = "text/plain; charset=utf-8",
                  .bytes = {nstrail_page_licences, nstrail_page_licences_end},
                  .etag = {}}}} {
        for (std::size_t i = 0; i < files.size(); i++) {
            const std::string_view bytes = files.at(i).bytes;
            etags.at(i) = fmt::format("\"{:016x}\"", XXH3_64bits(bytes.data(), bytes.size()));
            files.at(i).etag = etags.at(i);
        }
    }
};

}  // namespace

std::span<const PageFile> page_files() {
    static const Embedded embedded;
    return embedded.files;
}

}  // namespace nstrail
