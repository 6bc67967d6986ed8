#pragma once
// Where a mode transfers to, and its means, as the columns of table mode hold them: transfer_to,
// transfer_terminal, transfer_medium, offers, call_by and notification.

#include <optional>

#include "db/session.hpp"
#include "modules/availability/filter.hpp"

namespace whitebrick::availability {

template <class Enum>
std::optional<int> stored_number(const std::optional<Enum>& value) {
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

template <class Enum>
std::optional<Enum> read_enum(const db::Row& row, const char* column) {
  const auto number = row.number_or_null(column);
  return number ? std::optional(static_cast<Enum>(*number)) : std::nullopt;
}

inline TransferTarget read_transfer(const db::Row& row) {
  return {.number = row.text_or_null("transfer_to"),
          .terminal = row.text_or_null("transfer_terminal"),
          .medium = read_enum<Medium>(row, "transfer_medium")};
}

inline Means read_means(const db::Row& row) {
  return {.offers = read_enum<Offers>(row, "offers"),
          .call_by = static_cast<Media>(row.number_or_null("call_by").value_or(0)),
          .notification = read_enum<Notification>(row, "notification")};
}

// An active mode, or a level, for which the mode's columns are NULL: with its name as `mode`, its state,
// contacts and priority; not when and by what it became active.
inline CoveringMode read_covering(const db::Row& row) {
  CoveringMode mode;
  mode.mode = row.text_or_null("mode").value_or("");
  mode.state = static_cast<ModeState>(row.number("state"));
  mode.transfer = read_transfer(row);
  mode.means = read_means(row);
  mode.contacts = static_cast<int>(row.number_or_null("contacts").value_or(0));
  mode.priority = static_cast<int>(row.number_or_null("priority").value_or(0));
  return mode;
}

}  // namespace whitebrick::availability
