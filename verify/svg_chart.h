// Records as SVG pictures: the same record gives the same bytes. All text in them is escaped; they
// refer to nothing outside and need no script.
#pragma once

#include <string>
#include <string_view>

#include "manifests/record.h"

namespace repro::verify {

// Text as it may stand in an element or in a quoted attribute of HTML and SVG; what cannot be shown
// is "\xHH".
std::string escape_markup(std::string_view text);

// All series against the step, one colour each, with a legend. Of more points than the picture has
// columns, each column shows lowest and highest. A line is broken where values are no finite
// numbers. Of a curve without a finite value, a picture that says so.
std::string svg_chart(const manifests::Curve& curve);
std::string svg_bars(const manifests::Histogram& histogram);

}  // namespace repro::verify
