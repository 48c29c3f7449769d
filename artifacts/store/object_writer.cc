#include "artifacts/store/object_writer.h"

#include "artifacts/base/error.h"

namespace repro::artifacts {

ObjectWriter::ObjectWriter(File& file, Codec codec, int threads, std::optional<Digest> known)
    : file_(file), known_(known) {
  REPRO_CHECK(codec != Codec::linked);
  trailer_.codec = codec;
  if (codec == Codec::zstd) encoder_.emplace(threads);
}

void ObjectWriter::add(std::span<const std::byte> bytes) {
  trailer_.raw_size += bytes.size();
  if (!known_) raw_.update(bytes);
  if (encoder_) {
    encoder_->update(bytes, [this](std::span<const std::byte> coded) { write_coded(coded); });
  } else {
    file_.write(bytes);
  }
}

void ObjectWriter::write_coded(std::span<const std::byte> bytes) {
  trailer_.stored_size += bytes.size();
  stored_.update(bytes);
  file_.write(bytes);
}

ObjectTrailer ObjectWriter::finish() {
  if (encoder_) {
    encoder_->finish([this](std::span<const std::byte> coded) { write_coded(coded); });
  }
  trailer_.raw_digest = known_ ? *known_ : raw_.finish();
  if (encoder_) {
    trailer_.stored_digest = stored_.finish();
  } else {
    trailer_.stored_size = trailer_.raw_size;
    trailer_.stored_digest = trailer_.raw_digest;
  }
  file_.write(encode_trailer(trailer_));
  return trailer_;
}

}  // namespace repro::artifacts
