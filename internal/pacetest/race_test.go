//go:build race

package pacetest

// Under the race detector a call costs seven times as much. What that buys is
// the interleaving, and one run of each scenario has it all.
const raceDetector = true
