#pragma once

#include <cstdint>
#include <vector>

#include "config/config.h"
#include "core/result.h"
#include "webhooks/refused_delivery.h"
#include "webhooks/understood_delivery.h"

namespace deskwire::webhooks {

/// A refused delivery, checked anew with today's secrets and parser: what can be enqueued now. Its
/// time stays that of its arrival. The timestamp's window is waived, since an operator has looked
/// at it; nothing else is.
///
/// @errors kNotFound: its source is no longer configured. kUnauthorized: the signature does not fit
///         today either. kInvalid, kTooLarge: no JSON object that can be read. kConflict: it is of
///         another account than the source's.
Result<UnderstoodDelivery> readmit(const RefusedDelivery& delivery,
                                   const std::vector<config::Source>& sources,
                                   const JobRules& rules);

}  // namespace deskwire::webhooks
