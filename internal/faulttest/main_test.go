package faulttest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"
)

// asked is what the flags of rapid ask for, and what came of it.
var asked = effort{checks: 25, steps: 8, seed: rand.Uint64() >> 8}

// effort keeps the suite short where nobody asked for more: with the race
// detector on two cores it is to stay under 20 seconds. `make soak` asks for more.
type effort struct {
	checks, steps int
	seed          uint64

	done struct {
		runs, steps int
		time        time.Duration // that passed in the bubbles
	}
}

// only makes the next check of rapid that of one seed.
func (e *effort) only(seed uint64) {
	for name, value := range map[string]string{
		"rapid.checks": "1", "rapid.steps": strconv.Itoa(e.steps), "rapid.seed": strconv.FormatUint(seed, 10),
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := os.Setenv("AWS_CA_BUNDLE", ""); err != nil { // every pass would parse it again
		panic(err)
	}
	flag.Visit(func(f *flag.Flag) {
		value := f.Value.(flag.Getter).Get()
		switch f.Name {
		case "rapid.checks":
			asked.checks = value.(int)
		case "rapid.steps":
			asked.steps = value.(int)
		case "rapid.seed":
			asked.seed = value.(uint64)
		}
	})
	code := m.Run()
	if done := asked.done; testing.Verbose() || done.steps > 1000 {
		days, hours := done.time.Hours()/24, processorTime().Hours()
		fmt.Printf("%d runs in %d steps; %.0f simulated days at %.0f a CPU hour\n", done.runs, done.steps, days, days/hours)
	}
	os.Exit(code)
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	runtime.GC() // the figures are brought up to date by it
	used := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"}}
	metrics.Read(used)
	return time.Duration((used[0].Value.Float64() - used[1].Value.Float64()) * float64(time.Second))
}
