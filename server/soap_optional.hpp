#pragma once
// What a request may leave out: a pointer in generated code, an optional in ours. What is
// put into an answer lives as long as the context's message.

#include <new>
#include <optional>
#include <string>
#include <type_traits>

#include "envH.h"

namespace whitebrick {

template <class T>
std::optional<T> given(const T* value) {
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

inline std::string* put(struct soap* soap, const std::optional<std::string>& value) {
  if (!value) return nullptr;
  std::string* text = ::soap_new_std__string(soap);
  *text = *value;
  return text;
}

// Numbers and enumerations.
template <class T>
requires std::is_trivially_copyable_v<T> T* put(struct soap* soap, const std::optional<T>& value) {
  if (!value) return nullptr;
  return new (soap_malloc(soap, sizeof(T))) T(*value);
}

}  // namespace whitebrick
