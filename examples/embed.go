// Package examples holds the fleet files that the documentation shows and the
// tests run. The demo is embedded, so that `eventinvoke demo` works from the
// binary alone. It contains no logic.
package examples

import "embed"

// FS holds the demo's fleet file and scenario.
//
//go:embed demo
var FS embed.FS

// The demo's files within FS.
const (
	DemoFleet    = "demo/fleet.yaml"
	DemoScenario = "demo/scenario.yaml"
)
