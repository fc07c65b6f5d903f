package faulttest

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the suite short where nobody asked for more: with the race
// detector on two cores it is to stay under 20 seconds. `make soak` asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "25", "rapid.steps": "8"} {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}
