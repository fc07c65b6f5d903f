// Package events turns whatever woke the program into hints of where to look.
//
// In come the bytes of one event: from EventBridge (CloudTrail records,
// schedules, S3), S3 itself, an SNS hop, an SQS batch, or an item of a Step
// Functions map. Out come [Hint] values, or an error for bytes that are none of
// these. An event that is understood and concerns nobody here gives no hints
// and no error.
//
// A hint never says what to do. Delivery is best effort and unordered, so the
// live state decides, and an event that is lost, doubled or late costs time at
// most. For the same reason parsing is lenient: a field that is missing or has
// an odd type is treated as absent, and only an event that then names nothing
// is an error.
//
// The package reads no network and no clock, and never panics on any input.
package events
