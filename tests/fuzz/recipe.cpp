// SPDX-License-Identifier: Apache-2.0
#include "fuzz/recipe.hpp"

#include <algorithm>

namespace nstrail::fuzz {

namespace {

/// As much of it as there is.
template <class T>
T take(std::span<const std::byte>& bytes) {
    T value{};
    const std::size_t size = std::min(bytes.size(), sizeof(T));
    std::memcpy(&value, bytes.data(), size);
    bytes = bytes.subspan(size);
    return value;
}

}  // namespace

KindLayout Setup::layout() const {
    KindLayout layout;
    layout.fixed = std::max<std::uint32_t>(sizeof(nst_header) + 8, fixed_words * 8U);
    layout.element = element_words % 16 * 8U;
    layout.count_at = static_cast<std::uint32_t>(
        sizeof(nst_header) + (count_at % (layout.fixed - sizeof(nst_header) - 3)));
    return layout;
}

Recipe recipe_of(std::span<const std::byte> bytes) {
    Recipe recipe;
    if (bytes.empty()) {
        return recipe;
    }
    recipe.setup = take<Setup>(bytes);
    while (!bytes.empty()) {
        Piece piece{.step = take<Step>(bytes), .words = {}};
        const std::size_t most = packet_room - sizeof(PacketHeader);
        const std::size_t size = std::min<std::size_t>({piece.step.length, bytes.size(), most});
        piece.words.resize((size + 7) / 8);
        if (size != 0) {
            std::memcpy(piece.words.data(), bytes.data(), size);
        }
        bytes = bytes.subspan(size);
        piece.step.what = static_cast<What>(static_cast<std::uint8_t>(piece.step.what) %
                                            static_cast<std::uint8_t>(What::end));
        if (piece.step.what == What::chunk) {
            piece.words.clear();
        }
        recipe.pieces.push_back(std::move(piece));
    }
    return recipe;
}

std::string bytes_of(const Recipe& recipe) {
    const auto text_of = [](std::span<const std::byte> bytes) {
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    std::string all(text_of(std::as_bytes(std::span(&recipe.setup, 1))));
    for (const Piece& piece : recipe.pieces) {
        Step step = piece.step;
        step.length = static_cast<std::uint32_t>(piece.bytes().size());
        all += text_of(std::as_bytes(std::span(&step, 1)));
        all += text_of(piece.bytes());
    }
    return all;
}

}  // namespace nstrail::fuzz
