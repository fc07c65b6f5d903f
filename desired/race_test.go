//go:build race

package desired

// Under the race detector a read of memory costs ten times as much, and a
// single goroutine has no race to find.
const raceDetector = true
