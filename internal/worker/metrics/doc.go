// Package metrics keeps the numbers that an operator alarms on, for Prometheus.
//
// In come reports of passes, wakes, messages, API calls, and the limiters'
// snapshots. Out go metrics by an HTTP handler, or as a text file after a run
// of a program that does not stay.
//
// The labels are bounded: target (its label in the fleet file), account and
// region by the fleet, and state, action, status, operation, outcome, cause and
// fate by the code. No function's name is ever a label, since a fleet has tens
// of thousands. Numbers about a target that has left the fleet go with it.
//
// The registry is the package's own. Nothing is registered globally, and nothing
// here influences a pass.
package metrics
