//go:build race

package pacetest

// Under the race detector a call costs seven times as much. What is worth that
// is the interleaving, and one seed of each scenario has it all.
const raceDetector = true
