// Package queue makes an SQS queue a source of wakes.
//
// In come messages that hold events in any envelope that internal/events reads.
// Out go wakes of internal/worker, and the messages' ends in SQS:
//
//   - A message whose touched functions were dealt with is deleted, in batches.
//   - A message that needs nothing is deleted: our own echoes, calls that AWS
//     refused, events about something else, events that were handled before.
//   - A message that cannot be read is left alone, so that the queue's redrive
//     policy moves it to where a person looks at it.
//   - A message whose pass failed is left alone too, and comes again.
//   - While a message waits for its pass, its invisibility is renewed.
//   - When the worker stops, what was not looked at is given back at once.
//
// A message is never deleted before its pass has succeeded. The package makes
// calls to SQS only, prints nothing, and never decides what a pass does.
package queue
