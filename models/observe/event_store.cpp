// SPDX-License-Identifier: Apache-2.0
#include "observe/event_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sqlite3.h>
#include <stdexcept>
#include <unistd.h>

namespace quiesce::observe {
namespace {
using Json = nlohmann::ordered_json;

template <class V> Json field_json(const V& v) {
    if constexpr (std::same_as<V, base::Name>) return std::string{v.text()};
    else if constexpr (std::same_as<V, bool>) return v;
    else if constexpr (std::same_as<V, sim::Time>) return v.ps();
    else if constexpr (base::NamedEnum<V>) return std::string{base::enum_text(v)};
    else if constexpr (std::is_enum_v<V>) return static_cast<u64>(v);
    else if constexpr (std::integral<V>) return v;
    else return v.value();
}
template <class V> std::optional<u64> as_number(const V& v) {
    if constexpr (std::is_enum_v<V>) return static_cast<u64>(v);
    else if constexpr (std::integral<V>) return static_cast<u64>(v);
    else if constexpr (requires { { v.value() } -> std::convertible_to<u64>; }) return static_cast<u64>(v.value());
    else return std::nullopt;
}

/// Fields by which rows are found: the column that each of them fills.
template <class E> StoredEvent row_of(sim::Time now, const E& e) {
    StoredEvent row;
    row.at = now;
    row.kind = E::event_name;
    Json fields = Json::object();
    base::for_each_field(e, [&](std::string_view name, const auto& v) {
        fields[std::string{name}] = field_json(v);
        if (name == "bond") row.bond = as_number(v);
        if (name == "mm" || name == "owner") row.mm = as_number(v);
        if (name == "page" || name == "aimed_at") row.page = as_number(v);
        if (name == "transaction") row.transaction = as_number(v);
    });
    if (row.page) *row.page = *row.page / page_size * page_size;
    row.fields = fields.dump();
    return row;
}

/// A database that is closed on every path.
class Database {
public:
    Database(const std::filesystem::path& file, int flags) {
        if (sqlite3_open_v2(file.c_str(), &db_, flags, nullptr) == SQLITE_OK) return;
        const std::string why = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
        sqlite3_close(db_);
        throw std::runtime_error(file.string() + ": " + why);
    }
    Database(const Database&) = delete;
    ~Database() { sqlite3_close(db_); }
    void run(const char* sql) {
        if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    [[noreturn]] void fail() const { throw std::runtime_error(std::string{"events.sqlite: "} + sqlite3_errmsg(db_)); }
    sqlite3* get() { return db_; }

private:
    sqlite3* db_ = nullptr;
};

class Statement {
public:
    Statement(Database& db, const char* sql) : db_(db) {
        if (sqlite3_prepare_v2(db.get(), sql, -1, &s_, nullptr) != SQLITE_OK) db.fail();
    }
    Statement(const Statement&) = delete;
    ~Statement() { sqlite3_finalize(s_); }
    void bind(int n, std::optional<u64> v) {
        if (v) sqlite3_bind_int64(s_, n, static_cast<sqlite3_int64>(*v));
        else sqlite3_bind_null(s_, n);
    }
    void bind(int n, const std::string& text) { sqlite3_bind_text(s_, n, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT); }
    /// True: there is a row.
    bool step() {
        const int code = sqlite3_step(s_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) db_.fail();
        return code == SQLITE_ROW;
    }
    void reset() { sqlite3_reset(s_); }
    std::optional<u64> number(int column) const {
        if (sqlite3_column_type(s_, column) == SQLITE_NULL) return std::nullopt;
        return static_cast<u64>(sqlite3_column_int64(s_, column));
    }
    std::string text(int column) const {
        const auto* const t = reinterpret_cast<const char*>(sqlite3_column_text(s_, column));
        return t == nullptr ? "" : t;
    }

private:
    Database& db_;
    sqlite3_stmt* s_ = nullptr;
};

constexpr const char* store_schema =
    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, time_ps INTEGER NOT NULL, kind TEXT NOT NULL, bond INTEGER, mm INTEGER, "
    "page INTEGER, txn INTEGER, fields TEXT NOT NULL);"
    "BEGIN";
} // namespace

EventStore::EventStore(base::EventBus& bus, sim::Duration after, bool every) : every_(every) {
    tokens_ = base::for_each_event<Told>(bus, [this](sim::Time now, const auto& e) { keep(row_of(now, e)); });
    auto path = base::for_each_event<Path>(bus, [this](sim::Time now, const auto& e) {
        using E = std::remove_cvref_t<decltype(e)>;
        if constexpr (std::same_as<E, devices::DmaIssued>) under_way_[e.transaction].emplace_back(now, e);
        else if (const auto found = under_way_.find(e.transaction); found != under_way_.end()) found->second.emplace_back(now, e);
    });
    std::move(path.begin(), path.end(), std::back_inserter(tokens_));
    tokens_.push_back(bus.subscribe<memory::DmaCommitted>([this](sim::Time now, const memory::DmaCommitted& e) { committed(now, e); }));
    tokens_.push_back(bus.subscribe<memory::WalkCommitted>([this](sim::Time now, const memory::WalkCommitted& e) {
        if (e.stale) keep(row_of(now, e));
    }));
    tokens_.push_back(bus.subscribe<iommu::FaultRaised>([this](sim::Time now, const iommu::FaultRaised& e) {
        keep_way(e.transaction);
        keep(row_of(now, e));
    }));
    // A read that has ended goes nowhere any more; a write of which its device hears no more may land yet.
    tokens_.push_back(bus.subscribe<devices::DmaEnded>([this](sim::Time, const devices::DmaEnded& e) {
        if (!e.write || e.ending != devices::DmaEnding::Success) under_way_.erase(e.transaction);
    }));
    tokens_.push_back(bus.subscribe<os::TeardownTriggered>([this, after](sim::Time now, const os::TeardownTriggered&) { until_ = now + after; }));
}

/// Once: what is retried may fault again.
void EventStore::keep_way(u64 transaction) {
    const auto way = under_way_.extract(transaction);
    if (!way) return;
    for (const auto& [at, step] : way.mapped()) {
        if (++way_rows_ > most_way_rows) ++left_out_;
        else std::visit([this, at = at](const auto& s) { keep(row_of(at, s)); }, step);
    }
}

void EventStore::keep(StoredEvent row) {
    if (rows_.size() < most_rows) rows_.push_back(std::move(row));
    else ++left_out_;
}

void EventStore::committed(sim::Time now, const memory::DmaCommitted& e) {
    const bool wrong = e.verdict != memory::Verdict::Legal && e.verdict != memory::Verdict::AfterUnmap;
    if (wrong || (told_in_full(now) && way_rows_ < most_way_rows)) {
        keep_way(e.transaction);
        keep(row_of(now, e));
        way_rows_ += !wrong;
    } else {
        under_way_.erase(e.transaction);
    }
}

void EventStore::write(const std::filesystem::path& file, const std::string& fingerprint) const {
    std::vector<const StoredEvent*> order;
    for (const StoredEvent& row : rows_) order.push_back(&row);
    std::stable_sort(order.begin(), order.end(), [](const StoredEvent* a, const StoredEvent* b) { return a->at < b->at; });
    const std::filesystem::path beside = file.string() + ".part" + std::to_string(::getpid());
    std::filesystem::remove(beside);
    {
        Database db(beside, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        db.run(store_schema);
        Statement meta(db, "INSERT INTO meta VALUES(?, ?)");
        for (const auto& [key, value] : {std::pair<std::string, std::string>{"fingerprint", fingerprint},
                                         std::pair<std::string, std::string>{"left_out", std::to_string(left_out_)}}) {
            meta.bind(1, key);
            meta.bind(2, value);
            meta.step();
            meta.reset();
        }
        Statement insert(db, "INSERT INTO events(time_ps, kind, bond, mm, page, txn, fields) VALUES(?, ?, ?, ?, ?, ?, ?)");
        for (const StoredEvent* row : order) {
            insert.bind(1, std::optional<u64>{static_cast<u64>(row->at.ps())});
            insert.bind(2, row->kind);
            insert.bind(3, row->bond);
            insert.bind(4, row->mm);
            insert.bind(5, row->page);
            insert.bind(6, row->transaction);
            insert.bind(7, row->fields);
            insert.step();
            insert.reset();
        }
        db.run("COMMIT");
    }
    std::filesystem::rename(beside, file);
}

std::vector<StoredEvent> read_events(const std::filesystem::path& file) {
    Database db(file, SQLITE_OPEN_READONLY);
    Statement all(db, "SELECT time_ps, kind, bond, mm, page, txn, fields FROM events ORDER BY id");
    std::vector<StoredEvent> rows;
    while (all.step())
        rows.push_back({sim::Time::at(sim::Duration::ps(static_cast<i64>(all.number(0).value_or(0)))), all.text(1), all.number(2), all.number(3),
                        all.number(4), all.number(5), all.text(6)});
    return rows;
}

} // namespace quiesce::observe
