// SPDX-License-Identifier: Apache-2.0
#include "observe/event_store.h"

#include "observe/sqlite.h"
#include "observe/transactions.h"

#include <charconv>
#include <unistd.h>

namespace quiesce::observe {
namespace {

// ---- fields as JSON -------------------------------------------------------------------------------------------------

void append_text(std::string& out, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
        else (out += "\\u00") += {digits[c >> 4 & 15], digits[c & 15]};
    }
    out += '"';
}
template <std::integral N> void append_number(std::string& out, N n) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}
template <class V> void append_value(std::string& out, const V& v) {
    if constexpr (base::is_aside<V>) append_value(out, v.what);
    else if constexpr (std::same_as<V, base::Name>) append_text(out, v.text());
    else if constexpr (std::same_as<V, bool>) out += v ? "true" : "false";
    else if constexpr (std::same_as<V, sim::Time>) append_number(out, v.ps());
    else if constexpr (base::NamedEnum<V>) append_text(out, base::enum_text(v));
    else if constexpr (std::is_enum_v<V>) append_number(out, static_cast<u64>(v));
    else if constexpr (std::integral<V>) append_number(out, v);
    else append_number(out, static_cast<u64>(v.value()));
}

// ---- fields as columns ----------------------------------------------------------------------------------------------

template <class V> std::optional<u64> as_number(const V& v) {
    if constexpr (std::is_enum_v<V>) return static_cast<u64>(v);
    else if constexpr (std::integral<V>) return static_cast<u64>(v);
    else if constexpr (requires { { v.value() } -> std::convertible_to<u64>; }) return static_cast<u64>(v.value());
    else return std::nullopt;
}

/// Fields by which rows are found.
struct Columns {
    std::optional<u64> bond{}, mm{}, page{}, transaction{}, device{}, began{};

    template <class E> explicit Columns(const E& e) {
        if constexpr (requires { e.bond; }) bond = as_number(e.bond);
        if constexpr (requires { e.mm; }) mm = as_number(e.mm);
        if constexpr (requires { e.owner; }) mm = as_number(e.owner);
        if constexpr (requires { e.aimed_at; }) page = as_number(e.aimed_at);
        if constexpr (requires { e.page; }) page = as_number(e.page);
        if constexpr (requires { e.transaction; }) transaction = as_number(e.transaction);
        if constexpr (requires { e.device_id; }) device = as_number(e.device_id);
        else if constexpr (requires { e.device; }) device = as_number(e.device);
        if constexpr (requires { e.start; }) began = began_at(e.start);
        if constexpr (requires { e.began; }) began = began_at(e.began);
        if constexpr (requires { e.since; }) began = began_at(e.since);
        if constexpr (requires { e.asked; }) began = began_at(e.asked);
        if (page) *page = *page / page_size * page_size;
    }
    static std::optional<u64> began_at(sim::Time t) { return static_cast<u64>(t.ps()); }
};

// ---- tables ---------------------------------------------------------------------------------------------------------

/// Indices come last: what is sorted once costs less than what is kept sorted.
constexpr const char* store_schema =
    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32000;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE kinds(kind TEXT PRIMARY KEY, emitted INTEGER NOT NULL, kept INTEGER NOT NULL);"
    "CREATE TABLE whys(why TEXT PRIMARY KEY, meaning TEXT NOT NULL);"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, time_ps INTEGER NOT NULL, kind TEXT NOT NULL, bond INTEGER, mm INTEGER, "
    "page INTEGER, txn INTEGER, fields TEXT NOT NULL, began_ps INTEGER, device INTEGER);"
    "CREATE TABLE transactions(id INTEGER PRIMARY KEY, bond INTEGER, device INTEGER, kind TEXT, address INTEGER, bytes INTEGER, "
    "began_ps INTEGER NOT NULL, ended_ps INTEGER NOT NULL, outcome TEXT, first_event INTEGER NOT NULL REFERENCES events(id), "
    "last_event INTEGER NOT NULL REFERENCES events(id), asked_by INTEGER);"
    "CREATE TABLE causes(effect INTEGER NOT NULL REFERENCES events(id), cause INTEGER NOT NULL REFERENCES events(id), "
    "why TEXT NOT NULL REFERENCES whys(why), PRIMARY KEY(effect, cause)) WITHOUT ROWID;"
    "BEGIN";
constexpr const char* store_indices =
    "CREATE INDEX events_by_time ON events(time_ps);"
    "CREATE INDEX events_by_bond ON events(bond) WHERE bond IS NOT NULL;"
    "CREATE INDEX events_by_txn ON events(txn) WHERE txn IS NOT NULL;"
    "COMMIT";

void write_about(Database& db, const EventLog& log, const std::string& fingerprint) {
    Statement meta(db, "INSERT INTO meta VALUES(?, ?)");
    const std::string left_out = std::to_string(log.left_out());
    for (const auto& [key, value] : {std::pair<std::string_view, std::string_view>{"fingerprint", fingerprint}, {"left_out", left_out}}) {
        meta.bind(1, key);
        meta.bind(2, value);
        meta.done();
    }
    Statement kinds(db, "INSERT INTO kinds VALUES(?, ?, ?)");
    base::for_each_type<AllEvents>([&](auto type) {
        using E = typename decltype(type)::type;
        const EventLog::Counts& c = log.counts()[event_type<E>];
        kinds.bind(1, E::event_name);
        kinds.bind(2, std::optional{c.emitted});
        kinds.bind(3, std::optional{c.kept});
        kinds.done();
    });
    Statement whys(db, "INSERT INTO whys VALUES(?, ?)");
    for (const CauseRow& row : cause_rows) {
        whys.bind(1, row.name);
        whys.bind(2, row.meaning);
        whys.done();
    }
}

void write_rows(Database& db, const std::vector<LoggedEvent>& rows) {
    Statement insert(db, "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    std::string fields;
    for (const LoggedEvent& row : rows) {
        fields.clear();
        append_fields(fields, row);
        insert.bind(1, std::optional{row.id});
        insert.bind(2, std::optional{static_cast<u64>(row.at.ps())});
        visit(row, [&](const auto& e) {
            const Columns c(e);
            insert.bind(3, std::remove_cvref_t<decltype(e)>::event_name);
            insert.bind(4, c.bond);
            insert.bind(5, c.mm);
            insert.bind(6, c.page);
            insert.bind(7, c.transaction);
            insert.bind(9, c.began);
            insert.bind(10, c.device);
        });
        insert.bind(8, std::string_view{fields});
        insert.done();
    }
}

void write_transactions(Database& db, const std::vector<LoggedEvent>& rows) {
    Statement insert(db, "INSERT INTO transactions VALUES(?, ?, ?, NULLIF(?, ''), ?, ?, ?, ?, NULLIF(?, ''), ?, ?, ?)");
    for (const Transaction& t : find_transactions(rows)) {
        insert.bind(1, std::optional{t.id});
        insert.bind(2, t.bond);
        insert.bind(3, t.device);
        insert.bind(4, t.kind);
        insert.bind(5, t.address);
        insert.bind(6, t.bytes);
        insert.bind(7, std::optional{static_cast<u64>(t.began.ps())});
        insert.bind(8, std::optional{static_cast<u64>(t.ended.ps())});
        insert.bind(9, t.outcome);
        insert.bind(10, std::optional{t.first_event});
        insert.bind(11, std::optional{t.last_event});
        insert.bind(12, t.asked_by);
        insert.done();
    }
}

void write_causes(Database& db, const std::vector<LoggedEvent>& rows) {
    Statement insert(db, "INSERT INTO causes VALUES(?, ?, ?)");
    for (const Cause& c : find_causes(rows)) {
        insert.bind(1, std::optional{c.effect});
        insert.bind(2, std::optional{c.cause});
        insert.bind(3, cause_rows[static_cast<std::size_t>(c.why)].name);
        insert.done();
    }
}
} // namespace

void append_fields(std::string& out, const LoggedEvent& row) {
    char before = '{';
    visit(row, [&](const auto& e) {
        base::for_each_field(e, [&](std::string_view name, const auto& v) {
            out += before;
            before = ',';
            ((out += '"') += name) += "\":";
            append_value(out, v);
        });
    });
    out += before == '{' ? "{}" : "}";
}

void write_events(const EventLog& log, const std::filesystem::path& file, const std::string& fingerprint) {
    const std::vector<LoggedEvent> rows = log.rows();
    const std::filesystem::path beside = file.string() + ".part" + std::to_string(::getpid());
    std::filesystem::remove(beside);
    {
        Database db(beside, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        db.run(store_schema);
        write_about(db, log, fingerprint);
        write_rows(db, rows);
        write_transactions(db, rows);
        write_causes(db, rows);
        db.run(store_indices);
    }
    std::filesystem::rename(beside, file);
}

std::vector<StoredEvent> read_events(const std::filesystem::path& file) {
    Database db(file, SQLITE_OPEN_READONLY);
    Statement all(db, "SELECT time_ps, kind, bond, mm, page, txn, fields, id FROM events WHERE kind NOT IN ('LevelChanged', 'StateChanged', "
                      "'Span', 'CpuRuns', 'CpuSpent', 'CreditStalled') ORDER BY id");
    std::vector<StoredEvent> rows;
    while (all.step())
        rows.push_back({all.number(7).value_or(0), sim::Time::at(sim::Duration::ps(static_cast<i64>(all.number(0).value_or(0)))), all.text(1),
                        all.number(2), all.number(3), all.number(4), all.number(5), all.text(6)});
    return rows;
}

std::string fingerprint_of_events(const std::filesystem::path& file) {
    Database db(file, SQLITE_OPEN_READONLY);
    Statement row(db, "SELECT value FROM meta WHERE key = 'fingerprint'");
    return row.step() ? row.text(0) : std::string{};
}

} // namespace quiesce::observe
