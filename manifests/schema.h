// The names of all schemas, and which of them some bytes carry.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace repro::manifests {

inline constexpr std::string_view kConfigSchema = "repro.config/1";
inline constexpr std::string_view kDatasetSchema = "repro.dataset/1";
inline constexpr std::string_view kDerivationSchema = "repro.derivation/1";
inline constexpr std::string_view kModelSchema = "repro.model/1";
inline constexpr std::string_view kRunSchema = "repro.run/1";
inline constexpr std::string_view kSpecSchema = "repro.spec/1";
inline constexpr std::string_view kImportedLogSchema = "repro.imported-log/1";
inline constexpr std::string_view kRecordsSchema = "repro.records/1";
inline constexpr std::string_view kStateSchema = "repro.state/1";

// The "schema" of a canonical JSON object ("repro.run/1", or any other text), else nullopt. Never
// throws; cheap for bytes that are no JSON object.
std::optional<std::string> find_schema(std::string_view bytes);

}  // namespace repro::manifests
