// SPDX-License-Identifier: Apache-2.0
// The mutator of recipes.
#include <algorithm>
#include <cstring>
#include <string>

#include "fuzz/fuzz.hpp"
#include "fuzz/mutate.hpp"
#include "fuzz/recipe.hpp"
#include "record/chunk.hpp"

using namespace nstrail;
using fuzz::Chance;
using fuzz::Piece;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

template <class T>
void mutate_struct(T& value) {
    LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(&value), sizeof(value), sizeof(value));
}

void mutate_contents(Piece& piece, Chance& chance) {
    std::vector<std::uint64_t> timestamps;
    std::vector<EventBuffer> records;
    fuzz::each_record(piece.bytes(), [&](std::uint64_t timestamp, const Event& event) {
        timestamps.push_back(timestamp);
        EventBuffer& copy = records.emplace_back(event.bytes().size());
        std::ranges::copy(event.bytes(), copy.bytes().begin());
    });
    fuzz::mutate_records(records, chance);
    timestamps.resize(records.size(), timestamps.empty() ? 1'000'000'000 : timestamps.back());
    piece.words.clear();
    for (std::size_t i = 0; i < records.size(); i++) {
        const auto bytes = records[i].bytes();
        piece.words.push_back(timestamps[i]);
        const std::size_t at = piece.words.size();
        piece.words.resize(at + ((bytes.size() + 7) / 8));
        std::memcpy(piece.words.data() + at, bytes.data(), bytes.size());
    }
}

void mutate_bytes(Piece& piece) {
    std::vector<std::uint64_t>& words = piece.words;
    const std::size_t size = words.size() * 8;
    words.resize(words.size() + 8);
    const std::size_t now =
        LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(words.data()), size, words.size() * 8);
    words.resize((now + 7) / 8);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    Chance chance(seed);
    if (chance() % 16 == 0) {
        return LLVMFuzzerMutate(data, size, most);
    }
    fuzz::Recipe recipe = fuzz::recipe_of(fuzz::as_bytes(data, size));
    auto& pieces = recipe.pieces;
    if (pieces.empty()) {
        pieces.emplace_back();
    }
    const auto place = [&] {
        return pieces.begin() + static_cast<std::ptrdiff_t>(chance() % pieces.size());
    };
    switch (chance() % 10) {
        case 0:
            mutate_struct(recipe.setup);
            break;
        case 1:
            recipe.setup.mode ^= static_cast<std::uint8_t>(1U << (chance() % 5));
            break;
        case 2:
            mutate_struct(place()->step);
            break;
        case 3: {
            fuzz::Step& step = place()->step;
            step.what = static_cast<fuzz::What>(chance() % 4);
            step.damage = static_cast<std::uint8_t>(1U << (chance() % 8));
            step.damage_at = chance() % 2 == 0 ? chance() % sizeof(PacketHeader) : chance() % 8192;
            break;
        }
        case 4: {
            Piece copy = *place();
            pieces.insert(place(), std::move(copy));
            break;
        }
        case 5:
            if (pieces.size() > 1) {
                pieces.erase(place());
            }
            break;
        case 6:
            std::iter_swap(place(), place());
            break;
        case 7:
            mutate_bytes(*place());
            break;
        default:
            mutate_contents(*place(), chance);
            break;
    }
    const std::string bytes = fuzz::bytes_of(recipe);
    const std::size_t used = std::min(bytes.size(), most);
    std::memcpy(data, bytes.data(), used);
    return used;
}
