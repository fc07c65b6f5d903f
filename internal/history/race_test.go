//go:build race

package history

// Under the race detector a change costs ten times as much to find.
const raceDetector = true
