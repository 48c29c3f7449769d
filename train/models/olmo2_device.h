// OLMo 2 in exact/1 on a device (train/device/device.h), with the bits of olmo2_exact.h.
//
// The state lives on the device: `parameters` is uploaded by refresh() and brought up to date by
// fetch(). A device that fails, or has no room, leaves `parameters` as they were last fetched.
#pragma once

#include <memory>

#include "train/device/context.h"
#include "train/models/backend.h"

namespace repro::train {

// How the work is cut on the device; no bit depends on it.
struct DeviceTiles {
  std::int64_t product_bytes = kProductBytes;  // sums of one product in between
  std::int64_t queries = 512;                  // of attention at once, a multiple of 128
};

// `parameters` outlives the backend. Error(unsupported) for data.mask_documents. A micro-batch for
// which the device has no room is refused before it is begun: Error(environment) says what would
// fit.
std::unique_ptr<Backend> make_device_olmo2(const manifests::Config& config,
                                           std::unique_ptr<Device> device, Parameters& parameters,
                                           const DeviceTiles& tiles = {});

// Bytes of device memory that training with such micro-batches holds at most. Nothing is computed
// and nothing read from `parameters` but its layout.
std::int64_t device_bytes(const manifests::Config& config, Parameters& parameters,
                          const MicroBatch& batch, const DeviceTiles& tiles = {});

}  // namespace repro::train
