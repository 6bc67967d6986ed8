#pragma once
// Ways to communicate: what kind of communication reaches somebody (A9), by which medium he is
// called, and how he is told of what he missed (A2, A3, A8). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace whitebrick::availability {

// Voice or written, immediate or delayed. Values are bits.
enum class Communication : unsigned {
  kVoiceImmediate = 1,
  kWrittenImmediate = 2,
  kVoiceDelayed = 4,
  kWrittenDelayed = 8
};
inline constexpr Communication kCommunications[] = {
    Communication::kVoiceImmediate, Communication::kWrittenImmediate, Communication::kVoiceDelayed,
    Communication::kWrittenDelayed};

// A set of these.
using Offers = unsigned;
inline constexpr Offers kImmediate = 1 | 2;
inline constexpr Offers kDelayed = 4 | 8;
inline constexpr Offers kAllCommunications = kImmediate | kDelayed;
constexpr bool holds(Offers offers, Communication type) {
  return (offers & static_cast<unsigned>(type)) != 0;
}

enum class Medium { kFixed = 1, kMobile, kVoip, kSms, kMms, kEmail };
inline constexpr Medium kMedia[] = {Medium::kFixed, Medium::kMobile, Medium::kVoip,
                                    Medium::kSms,   Medium::kMms,    Medium::kEmail};

// A set of media, medium n in bit n-1. Empty: any.
using Media = unsigned;
constexpr Media media_bit(Medium medium) { return 1U << (static_cast<unsigned>(medium) - 1); }
// The others carry messages.
inline constexpr Media kCallMedia =
    media_bit(Medium::kFixed) | media_bit(Medium::kMobile) | media_bit(Medium::kVoip);
constexpr bool is_call_medium(Medium medium) { return (media_bit(medium) & kCallMedia) != 0; }

enum class Notification { kTerminals = 1, kVoiceMessage, kWrittenMessage, kNone };

// At most one is set.
struct TransferTarget {
  std::optional<std::string> number;    // normalised
  std::optional<std::string> terminal;  // wire id of a terminal of the owner
  std::optional<Medium> medium;         // how the owner is to be reached instead
  friend bool operator==(const TransferTarget&, const TransferTarget&) = default;
};

// What a mode says about them.
struct Means {
  std::optional<Offers> offers;              // nothing: what its state brings with it
  Media call_by = 0;                         // calls are to come by these
  std::optional<Notification> notification;  // nothing: on his terminals
};

}  // namespace whitebrick::availability
