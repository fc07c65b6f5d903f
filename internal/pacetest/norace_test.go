//go:build !race

package pacetest

const raceDetector = false
