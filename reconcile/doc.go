// Package reconcile holds want against have and closes the difference.
//
// In come a desired.Fleet and a way to call AWS, target by target; out come an
// Observed (what was seen), a Plan (what differs), and an Outcome (what was done):
//
//	Survey ─► Observed ─► NewPlan ─► Plan ─► Guard.Approve ─► Approved ─► Apply ─► Outcome
//
// Survey and Apply are the rim: they make calls, paced by package ratelimit.
// Everything between them is a function of values, without a context, a clock
// or a logger.
//
// What holds:
//   - Survey takes a Reader and has no way to write. Apply takes an Approved
//     plan, which only a Guard can make.
//   - Apply cannot begin before every target has been surveyed.
//   - One function's failure is one row. What could not be read is never taken
//     for absent, and what was not attempted is never taken for failed.
//   - A write never touches a setting that the fleet does not manage, and an
//     existing record is only ever updated, never replaced.
//   - Equal in effect is in sync, and in sync is never written.
//
// The package prints nothing and knows no SDK type.
package reconcile
