//go:build !race

package desired

const raceDetector = false
