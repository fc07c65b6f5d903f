// Package report renders a run.
//
// In comes a Run: a plan, the outcome of applying it, the figures of the calls
// that were made. Out goes text for people, one JSON document, or a stream of
// JSON lines while the run goes on.
//
// What holds:
//   - A renderer takes values and a writer and decides nothing: what drifted,
//     what failed and which exit code follows is settled before it is called.
//   - The same Run gives the same bytes.
//   - Names, paths, labels and AWS's messages come from outside. In text, none
//     of them can move the cursor, change a colour, forge a line or reverse the
//     reading direction: see clean. JSON is escaped as JSON.
//   - JSON and JSON lines are a versioned contract, docs/output.md. Text is for
//     reading, save for the line of totals at its end, which may be searched for.
//   - JSON is written item by item, so its memory does not grow with the fleet.
//
// The package makes no calls and writes nowhere but to the writer it is given.
// Only a Stream reads the clock, to date its lines and space out its progress.
package report
