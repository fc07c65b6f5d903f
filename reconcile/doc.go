// Package reconcile holds want against have and closes the difference.
//
// In come wishes, mostly those of a fleet file ([FleetWishes]), and an [Opener] of
// targets, which are AWS, a simulator or a map. Out comes a [RunResult]: what was
// seen, what differs ([Plan]), and how each write ended ([Outcome]). [Engine.Run] is
// the whole road, and run.go reads from its first step to its last:
//
//	survey ─► Observed ─► NewPlan ─► Plan ─► Guard ─► apply ─► Outcome
//
// Its two ends make calls, paced by package ratelimit. Everything between them
// is a function of values, without a context, a clock or a logger.
//
// What holds:
//   - A survey takes a [Reader] and has no way to write. An apply takes a plan
//     that the guard has approved, and nothing else.
//   - No write is sent before every target has been surveyed.
//   - One function's failure is one row. What could not be read is never taken
//     for absent, and what was not attempted is never taken for failed.
//   - A write never touches a setting that the fleet does not manage, and an
//     existing record is only ever updated, never replaced.
//   - Equal in effect is in sync, and in sync is never written.
//
// The package prints nothing and knows no SDK type.
package reconcile
