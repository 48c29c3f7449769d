#include "artifacts/store/zstd_codec.h"

#include <zstd.h>

#include <algorithm>
#include <string>

#include "artifacts/base/error.h"

namespace repro::artifacts {
namespace {

// Level 3 codes text at some 300 MB/s a core; higher levels cost far more than they save here.
constexpr int kLevel = 3;
constexpr int kMaxWindowLog = 23;

ZSTD_CCtx* encoder_of(void* context) { return static_cast<ZSTD_CCtx*>(context); }
ZSTD_DCtx* decoder_of(void* context) { return static_cast<ZSTD_DCtx*>(context); }

void check_zstd(std::size_t code) {
  if (ZSTD_isError(code) != 0) {
    throw Error(Code::environment, std::string("zstd failed: ") + ZSTD_getErrorName(code));
  }
}

}  // namespace

bool is_compressible(std::span<const std::byte> sample) {
  std::vector<std::byte> coded(ZSTD_compressBound(sample.size()));
  const std::size_t size =
      ZSTD_compress(coded.data(), coded.size(), sample.data(), sample.size(), kLevel);
  check_zstd(size);
  return size <= sample.size() - sample.size() / 10;
}

void ZstdEncoder::Free::operator()(void* context) const { ZSTD_freeCCtx(encoder_of(context)); }

ZstdEncoder::ZstdEncoder(int threads)
    : context_(ZSTD_createCCtx()), buffer_(ZSTD_CStreamOutSize()) {
  if (!context_) throw Error(Code::environment, "out of memory for zstd");
  ZSTD_CCtx* const encoder = encoder_of(context_.get());
  check_zstd(ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, kLevel));
  // A zstd that was built without threads refuses this and goes on with one.
  if (threads > 1) ZSTD_CCtx_setParameter(encoder, ZSTD_c_nbWorkers, threads);
}

void ZstdEncoder::run(std::span<const std::byte> bytes, bool last, const ByteSink& sink) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  const auto directive = last ? ZSTD_e_end : ZSTD_e_continue;
  while (true) {
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    const std::size_t left = ZSTD_compressStream2(encoder_of(context_.get()), &out, &in, directive);
    check_zstd(left);
    if (out.pos != 0) sink(std::span(buffer_).first(out.pos));
    if (last ? left == 0 : in.pos == in.size) return;
  }
}

void ZstdEncoder::update(std::span<const std::byte> bytes, const ByteSink& sink) {
  run(bytes, false, sink);
}

void ZstdEncoder::finish(const ByteSink& sink) { run({}, true, sink); }

void ZstdDecoder::Free::operator()(void* context) const { ZSTD_freeDCtx(decoder_of(context)); }

ZstdDecoder::ZstdDecoder(std::uint64_t raw_bytes)
    : context_(ZSTD_createDCtx()),
      buffer_(std::clamp<std::uint64_t>(raw_bytes, 1, std::size_t{1} << 20)) {
  if (!context_) throw Error(Code::environment, "out of memory for zstd");
  check_zstd(
      ZSTD_DCtx_setParameter(decoder_of(context_.get()), ZSTD_d_windowLogMax, kMaxWindowLog));
}

bool ZstdDecoder::update(std::span<const std::byte> bytes, const ByteSink& sink) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  bool drained = false;
  while (in.pos < in.size || !drained) {
    if (finished_) return in.pos == in.size;
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    const std::size_t left = ZSTD_decompressStream(decoder_of(context_.get()), &out, &in);
    if (ZSTD_isError(left) != 0) return false;
    if (out.pos != 0) sink(std::span(buffer_).first(out.pos));
    finished_ = left == 0;
    drained = out.pos < out.size;
  }
  return true;
}

}  // namespace repro::artifacts
