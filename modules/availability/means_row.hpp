#pragma once
// Where a mode transfers to, and its means, as the columns of table mode hold them: transfer_to,
// transfer_terminal, transfer_medium, offers, call_by and notification.

#include <optional>

#include "db/session.hpp"
#include "modules/availability/communication.hpp"

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

struct MeansColumns {
  const char *transfer_to = "transfer_to", *transfer_terminal = "transfer_terminal",
             *transfer_medium = "transfer_medium", *offers = "offers", *call_by = "call_by",
             *notification = "notification";
};

inline TransferTarget read_transfer(const db::Row& row, const MeansColumns& columns = {}) {
  return {.number = row.text_or_null(columns.transfer_to),
          .terminal = row.text_or_null(columns.transfer_terminal),
          .medium = read_enum<Medium>(row, columns.transfer_medium)};
}

inline Means read_means(const db::Row& row, const MeansColumns& columns = {}) {
  return {.offers = read_enum<Offers>(row, columns.offers),
          .call_by = static_cast<Media>(row.number_or_null(columns.call_by).value_or(0)),
          .notification = read_enum<Notification>(row, columns.notification)};
}

}  // namespace whitebrick::availability
