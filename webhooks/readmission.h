#pragma once

#include <cstdint>
#include <vector>

#include "config/config.h"
#include "core/result.h"
#include "webhooks/refused_delivery.h"
#include "webhooks/signature_report.h"
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

/// Whether readmit() would take it: explain_signature(), and where that fits a part "content" about
/// what was signed.
///
/// @param source  Its source; must be of `sources`.
SignatureReport explain_readmission(const RefusedDelivery& delivery, const config::Source& source,
                                    const std::vector<config::Source>& sources,
                                    const JobRules& rules, std::int64_t tolerance_s);

}  // namespace deskwire::webhooks
