package report

import (
	"math"

	"github.com/eventinvoke/eventinvoke/ratelimit"
)

type apiJSON struct {
	countsJSON
	Targets []targetAPIJSON `json:"targets"`
}

type countsJSON struct {
	Calls     int64 `json:"calls"`
	Throttled int64 `json:"throttled"`
	Conflicts int64 `json:"conflicts"`
	Faults    int64 `json:"faults"`
	Refused   int64 `json:"refused"`
	Retries   int64 `json:"retries"` // throttled + conflicts + faults
}

type targetAPIJSON struct {
	targetJSON
	countsJSON
	Rate          float64         `json:"rate"`
	Ceiling       float64         `json:"ceiling"`
	Cuts          int64           `json:"cuts"`
	PausedMS      int64           `json:"paused_ms"`
	Breaker       string          `json:"breaker"`
	ThrottleRatio float64         `json:"throttle_ratio"`
	Efficiency    float64         `json:"efficiency"`
	Tokens        tokensJSON      `json:"tokens"`
	Operations    []operationJSON `json:"operations"`
}

// tokensJSON counts the requests that were let go, by what they were for.
type tokensJSON struct {
	Scan   int64 `json:"scan"`
	Lookup int64 `json:"lookup"`
	Write  int64 `json:"write"`
	Probe  int64 `json:"probe"`
}

type operationJSON struct {
	Name string `json:"name"`
	countsJSON
}

func newCounts(t tally) countsJSON {
	return countsJSON{
		Calls: t.Calls, Throttled: t.Throttled, Conflicts: t.Conflicts, Faults: t.Faults,
		Refused: t.Refused, Retries: t.retries(),
	}
}

func newAPI(targets []TargetAPI) apiJSON {
	out := apiJSON{Targets: make([]targetAPIJSON, len(targets))}
	var all tally
	for i, t := range targets {
		var sum tally
		operations := make([]operationJSON, len(t.Operations))
		for j, o := range t.Operations {
			var one tally
			one.add(o)
			sum.add(o)
			all.add(o)
			operations[j] = operationJSON{Name: o.Name, countsJSON: newCounts(one)}
		}
		l := &t.Limiter
		out.Targets[i] = targetAPIJSON{
			targetJSON: newTarget(t.Target, t.Label), countsJSON: newCounts(sum),
			Rate: rounded(l.Rate), Ceiling: rounded(l.Ceiling), Cuts: l.Cuts, PausedMS: l.Paused.Milliseconds(),
			Breaker: l.Breaker.String(), ThrottleRatio: rounded(l.ThrottleRatio()), Efficiency: rounded(l.Efficiency()),
			Tokens: tokensJSON{
				Scan: l.Tokens[ratelimit.Scan], Lookup: l.Tokens[ratelimit.Lookup],
				Write: l.Tokens[ratelimit.Write], Probe: l.Tokens[ratelimit.Probe],
			},
			Operations: operations,
		}
	}
	out.countsJSON = newCounts(all)
	return out
}

// rounded is a figure to four decimals, which is all that it is good for.
func rounded(f float64) float64 { return math.Round(f*1e4) / 1e4 }
