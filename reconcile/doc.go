// Package reconcile compares event invoke configs with what is wanted of them, and corrects
// what differs.
//
// A run is one call of [Engine.Run]:
//
//	in     Request     what is wanted (Wishes, mostly the FleetWishes of a fleet file), and
//	                   whether the run may write
//	       Opener      a Reader, a Finder and a Writer for each target: AWS, a simulator, a map
//	out    RunResult   what was seen (Observed), what differs (Plan), how each write ended
//	                   (Outcome), and as an error everything that failed (each a Failure)
//
// An [Engine] with an [Opener] alone is whole, as the example shows. [Memory] adds a record and
// a journal and keeps other runs away, [Annotator] what package insight has words for, and
// [Observations] spare reads. Reporters are told of every run once it is over. Between the calls at both ends everything is a function of values, without a
// context, a clock or a logger, and can be used alone: [NewPlan] compares, [Guard] holds the
// plan against limits.
//
// What holds:
//   - A survey takes a [Reader] and has no way to write. An apply takes a plan
//     that the guard has approved, and nothing else.
//   - No write is sent before every target has been surveyed.
//   - One function's failure is one row. What could not be read is never taken
//     for absent, and what was not attempted is never taken for failed.
//   - A write never touches a setting that the fleet does not manage, and an
//     existing record is only ever updated, never replaced, but where a run is undone.
//   - Equal in effect is in sync, and in sync is never written.
//
// A failed request is a [callerr.Error] everywhere. The package prints nothing and knows no SDK
// type; package ratelimit paces all of its calls.
package reconcile
