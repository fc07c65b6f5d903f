package report

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
	Rate       float64         `json:"rate"`
	Ceiling    float64         `json:"ceiling"`
	Cuts       int             `json:"cuts"`
	PausedMS   int64           `json:"paused_ms"`
	Operations []operationJSON `json:"operations"`
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
		out.Targets[i] = targetAPIJSON{
			targetJSON: newTarget(t.Target, t.Label), countsJSON: newCounts(sum),
			Rate: t.Pace.Rate, Ceiling: t.Pace.Ceiling, Cuts: t.Pace.Cuts, PausedMS: t.Pace.Paused.Milliseconds(),
			Operations: operations,
		}
	}
	out.countsJSON = newCounts(all)
	return out
}
