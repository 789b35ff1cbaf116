// SPDX-License-Identifier: Apache-2.0
#include "observe/sqlite_file.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace quiesce::observe {
namespace {
constexpr u64 lock_byte = 0x4000'0000; ///< the page with it holds nothing
constexpr std::size_t leaf_head = 8, inner_head = 12, child_bytes = 4, least_cell = 4, longest_varint = 9;

template <std::unsigned_integral N> void put_big(u8* to, N n) {
    for (std::size_t i = sizeof n; i-- > 0; n = static_cast<N>(static_cast<u64>(n) >> 8)) to[i] = static_cast<u8>(n);
}
u32 read_big(const u8* from, std::size_t bytes) {
    u32 n = 0;
    for (std::size_t i = 0; i < bytes; ++i) n = n << 8 | from[i];
    return n;
}

std::size_t varint_size(u64 n) {
    std::size_t size = 1;
    for (; size < longest_varint && n >= 0x80; n >>= 7) ++size;
    return size;
}
u8* put_varint(u8* to, u64 n) {
    const std::size_t size = varint_size(n);
    std::size_t i = size;
    if (size == longest_varint) { // the last of nine has eight bits
        to[--i] = static_cast<u8>(n);
        n >>= 8;
    }
    while (i-- > 0) {
        to[i] = static_cast<u8>((n & 0x7f) | (i + 1 == size ? 0 : 0x80));
        n >>= 7;
    }
    return to + size;
}
} // namespace

// ---- records --------------------------------------------------------------------------------------------------------

void SqliteRecord::type(u64 serial) {
    if (columns_ + varint_size(serial) > types_.size()) throw std::runtime_error("events.sqlite: too many columns");
    columns_ = static_cast<std::size_t>(put_varint(types_.data() + columns_, serial) - types_.data());
}

void SqliteRecord::number(i64 v) {
    struct Width {
        u8 serial, bytes;
    };
    static constexpr Width widths[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 6}, {5, 6}, {6, 8}, {6, 8}};
    if (v == 0 || v == 1) return type(v == 0 ? 8 : 9);
    const auto bits = 65 - static_cast<unsigned>(std::countl_zero(static_cast<u64>(v < 0 ? ~v : v))); // with its sign
    const Width w = widths[(bits - 1) / 8];
    type(w.serial);
    u8 big[8];
    put_big(big, static_cast<u64>(v));
    body_.append(reinterpret_cast<const char*>(big) + 8 - w.bytes, w.bytes);
}

void SqliteRecord::text(std::string_view v) {
    type(13 + 2 * v.size());
    body_ += v;
}

void SqliteRecord::write(u8* to) const {
    to[0] = static_cast<u8>(1 + columns_);
    std::memcpy(to + 1, types_.data(), columns_);
    std::memcpy(to + 1 + columns_, body_.data(), body_.size());
}

// ---- pages ----------------------------------------------------------------------------------------------------------

SqliteFile::SqliteFile(const std::filesystem::path& file) : file_(file, std::ios::in | std::ios::out | std::ios::binary) {
    u8 head[100]{};
    if (!file_.read(reinterpret_cast<char*>(head), sizeof head)) throw std::runtime_error(file.string() + ": cannot be read again");
    page_size_ = read_big(head + 16, 2);
    if (page_size_ == 1) page_size_ = 65536;
    pages_ = read_big(head + 28, 4);
}

u32 SqliteFile::take() {
    if (++pages_ == lock_byte / page_size_ + 1) ++pages_;
    return pages_;
}

void SqliteFile::write(u32 page, std::span<const u8> bytes) {
    if (page != behind_) file_.seekp(static_cast<std::streamoff>((page - 1) * u64{page_size_}));
    behind_ = page + 1;
    if (!file_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
        throw std::runtime_error("events.sqlite: cannot be written");
}

void SqliteFile::close() {
    u8 pages[4];
    put_big(pages, pages_);
    file_.seekp(28);
    file_.write(reinterpret_cast<const char*>(pages), sizeof pages);
    file_.close();
    if (!file_) throw std::runtime_error("events.sqlite: cannot be written");
}

void SqlitePage::clear(Kind kind) {
    std::fill(bytes_.begin(), bytes_.end(), u8{0});
    bytes_[0] = kind;
    cells_ = 0;
    front_ = kind == InnerIndex || kind == InnerTable ? inner_head : leaf_head;
    back_ = bytes_.size();
}

u8* SqlitePage::add(std::size_t cell) {
    back_ -= cell;
    put_big(bytes_.data() + front_, static_cast<u16>(back_));
    front_ += 2;
    ++cells_;
    return bytes_.data() + back_;
}

void SqlitePage::last_child(u32 page) { put_big(bytes_.data() + leaf_head, page); }

std::span<const u8> SqlitePage::bytes() {
    put_big(bytes_.data() + 3, static_cast<u16>(cells_));
    put_big(bytes_.data() + 5, static_cast<u16>(back_)); // 65536 is 0
    return bytes_;
}

// ---- tables ---------------------------------------------------------------------------------------------------------

void SqliteTable::add(i64 rowid, const SqliteRecord& row) {
    const std::size_t size = row.size(), usable = file_.page_size(), most = usable - 35;
    const std::size_t head = varint_size(size) + varint_size(static_cast<u64>(rowid));
    std::size_t here = size;
    if (size > most) { // the rest is in pages of its own
        const std::size_t least = (usable - 12) * 32 / 255 - 23, even = least + (size - least) % (usable - 4);
        here = even <= most ? even : least;
    }
    const std::size_t cell = std::max(least_cell, head + here + (here < size ? child_bytes : 0));
    if (!leaf_.has_room(cell)) end_leaf();
    last_ = rowid;
    u8* to = put_varint(put_varint(leaf_.add(cell), size), static_cast<u64>(rowid));
    if (here == size) return row.write(to);
    payload_.resize(size);
    row.write(payload_.data());
    std::memcpy(to, payload_.data(), here);
    put_big(to + here, write_rest(std::span<const u8>{payload_}.subspan(here)));
}

/// The number of its first page.
u32 SqliteTable::write_rest(std::span<const u8> bytes) {
    const u32 first = file_.take();
    std::vector<u8> page(file_.page_size());
    for (u32 now = first, next = 0; now != 0; now = next) {
        const std::size_t here = std::min(bytes.size(), page.size() - child_bytes);
        next = here < bytes.size() ? file_.take() : 0;
        put_big(page.data(), next);
        std::memcpy(page.data() + child_bytes, bytes.data(), here);
        std::fill(page.begin() + static_cast<std::ptrdiff_t>(child_bytes + here), page.end(), u8{0});
        file_.write(now, page);
        bytes = bytes.subspan(here);
    }
    return first;
}

void SqliteTable::end_leaf() {
    const u32 page = file_.take();
    file_.write(page, leaf_.bytes());
    children_.push_back({page, last_});
    leaf_.clear(SqlitePage::LeafTable);
}

std::span<const u8> SqliteTable::parent(std::span<const Child> of) {
    leaf_.clear(SqlitePage::InnerTable);
    for (const Child& c : of.first(of.size() - 1)) {
        u8* const to = leaf_.add(child_bytes + varint_size(static_cast<u64>(c.last)));
        put_big(to, c.page);
        put_varint(to + child_bytes, static_cast<u64>(c.last));
    }
    leaf_.last_child(of.back().page);
    return leaf_.bytes();
}

void SqliteTable::close() {
    if (children_.empty()) return file_.write(root_, leaf_.bytes());
    if (!leaf_.empty()) end_leaf();
    const std::size_t most = (file_.page_size() - inner_head) / (2 + child_bytes + longest_varint);
    while (children_.size() > most) { // level by level, evenly
        const std::size_t parents = (children_.size() + most - 1) / most;
        std::vector<Child> above;
        for (std::size_t n = 0; n < parents; ++n) {
            const std::size_t from = children_.size() * n / parents, to = children_.size() * (n + 1) / parents;
            const u32 page = file_.take();
            file_.write(page, parent(std::span<const Child>{children_}.subspan(from, to - from)));
            above.push_back({page, children_[to - 1].last});
        }
        children_ = std::move(above);
    }
    file_.write(root_, parent(children_));
}

// ---- indices --------------------------------------------------------------------------------------------------------

void SqliteIndex::add(const SqliteRecord& entry) {
    const std::size_t size = entry.size(), most = (file_.page_size() - 12) * 64 / 255 - 23, at = bytes_.size();
    if (size > most) throw std::runtime_error("events.sqlite: too long for an index");
    bytes_.resize(at + std::max(least_cell, varint_size(size) + size));
    entry.write(put_varint(bytes_.data() + at, size));
    cells_.push_back({at, static_cast<u32>(bytes_.size() - at), 0});
}

void SqliteIndex::write_cell(SqlitePage& page, const Cell& cell, bool inner) const {
    u8* to = page.add(cell.size + (inner ? child_bytes : 0));
    if (inner) {
        put_big(to, cell.child);
        to += child_bytes;
    }
    std::memcpy(to, bytes_.data() + cell.at, cell.size);
}

/// Between two pages of a level stands an entry that is in neither, but in the level above.
void SqliteIndex::close() {
    u32 last_child = 0;
    for (bool inner = false;; inner = true) {
        const SqlitePage::Kind kind = inner ? SqlitePage::InnerIndex : SqlitePage::LeafIndex;
        const std::size_t extra = inner ? child_bytes : 0, room = file_.page_size() - (inner ? inner_head : leaf_head);
        SqlitePage page(kind, file_.page_size());
        std::vector<Cell> above;
        for (std::size_t first = 0; first <= cells_.size();) {
            std::size_t end = first, used = 0;
            while (end < cells_.size() && used + 2 + cells_[end].size + extra <= room) used += 2 + cells_[end++].size + extra;
            const bool last = end == cells_.size();
            if (end + 1 == cells_.size()) --end; // so that there is one for the last page
            page.clear(kind);
            for (std::size_t n = first; n < end; ++n) write_cell(page, cells_[n], inner);
            if (inner) page.last_child(last ? last_child : cells_[end].child);
            const u32 number = last && above.empty() ? root_ : file_.take();
            file_.write(number, page.bytes());
            if (number == root_) return;
            if (last) {
                last_child = number;
                break;
            }
            above.push_back({cells_[end].at, cells_[end].size, number});
            first = end + 1;
        }
        cells_ = std::move(above);
    }
}

} // namespace quiesce::observe
