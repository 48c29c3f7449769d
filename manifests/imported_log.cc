#include "manifests/imported_log.h"

#include <nlohmann/json.hpp>

#include "manifests/json_fields.h"
#include "manifests/parsers.h"
#include "manifests/schema.h"

namespace repro::manifests {

std::string encode_imported_log(const ImportedLog& log) {
  const Json json = {{"file", log.file.hex()},
                     {"format", log.format},
                     {"ignored", log.num_ignored},
                     {"not_finite", log.not_finite},
                     {"points", log.points},
                     {"records", log.records.hex()},
                     {"replaced", log.replaced},
                     {"schema", kImportedLogSchema},
                     {"size", log.size}};
  check_as(Code::invalid_argument, "cannot write",
           [&] { static_cast<void>(imported_log_from_json(json, "manifest of a log")); });
  return encode_json(json);
}

ImportedLog imported_log_from_json(const Json& json, std::string_view what) {
  check_schema(json, kImportedLogSchema, what);
  check_json_keys(json,
                  {"file", "format", "ignored", "not_finite", "points", "records", "replaced",
                   "schema", "size"},
                  {}, what);
  ImportedLog log;
  log.format = text_field(json, "format", what);
  require(log.format == "csv" || log.format == "jsonl" || log.format == "tensorboard", what,
          "its format is unknown");
  log.file = digest_field(json, "file", what);
  log.records = digest_field(json, "records", what);
  log.size = int_field(json, "size", what, 1, kMaxBytes);
  log.points = int_field(json, "points", what, 1, kMaxBytes);
  log.replaced = int_field(json, "replaced", what, 0, kMaxBytes);
  log.not_finite = int_field(json, "not_finite", what, 0, log.points);
  log.num_ignored = int_field(json, "ignored", what, 0, kMaxBytes);
  return log;
}

ImportedLog parse_imported_log(std::string_view json, std::string_view what) {
  return imported_log_from_json(parse_canonical_json(json, what), what);
}

}  // namespace repro::manifests
