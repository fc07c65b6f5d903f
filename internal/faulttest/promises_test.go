package faulttest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awstest"
	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// checkIntent holds a write against the journal before it leaves: what is not
// there with its before-image must not be sent, and what is sent must be what
// is there.
func (w *wire) checkIntent(a *attempt) {
	e := w.run.journal.open(a.key())
	if e == nil {
		w.wrongs = append(w.wrongs, fmt.Sprintf("a write without an intent in the journal: %v", a))
		return
	}
	if !strings.HasPrefix(a.op, "Update") && !w.looked(a, e.change.Before) {
		w.wrongs = append(w.wrongs, fmt.Sprintf("sent again, and nobody has looked whether it is still on %s: %v", spell(e.change.Before), a))
	}
	ops := map[reconcile.Action]string{
		reconcile.Create: "Put", reconcile.Restore: "Put", reconcile.Update: "Update", reconcile.Delete: "Delete",
	}
	if want := ops[e.change.Action] + "FunctionEventInvokeConfig"; a.op != want {
		w.wrongs = append(w.wrongs, fmt.Sprintf("the journal says %s: %v", e.change.Action, a))
	}
	if got, want := decode(a.body), asSent(e.change.Request()); !gocmp.Equal(got, want) {
		w.wrongs = append(w.wrongs, fmt.Sprintf("the journal says %v: %v", want, a))
	}
}

// looked reports whether a write is the first of its config, or somebody has seen
// since the last one that the record is what the write is to replace.
func (w *wire) looked(a *attempt, before *reconcile.Settings) bool {
	seen := false
	for _, earlier := range slices.Backward(w.sent[:len(w.sent)-1]) {
		switch {
		case earlier.writes() && earlier.key() == a.key():
			return seen
		case earlier.over && earlier.seen != nil && earlier.end == endOK && earlier.target == a.target && earlier.name.Function == a.name.Function:
			seen = seen || same(earlier.seen[a.name.Qualifier].settings(), before)
		}
	}
	return true
}

// decode is the body of a write as fields and values.
func decode(body string) map[string]any {
	var sent struct {
		MaximumRetryAttempts, MaximumEventAgeInSeconds *float64
		DestinationConfig                              struct{ OnSuccess, OnFailure *struct{ Destination string } }
	}
	fields := map[string]any{}
	if body == "" {
		return fields
	}
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		return map[string]any{"not JSON": err.Error()}
	}
	if v := sent.MaximumRetryAttempts; v != nil {
		fields["retries"] = int(*v)
	}
	if v := sent.MaximumEventAgeInSeconds; v != nil {
		fields["age"] = int(*v)
	}
	if v := sent.DestinationConfig.OnSuccess; v != nil {
		fields["success"] = v.Destination
	}
	if v := sent.DestinationConfig.OnFailure; v != nil {
		fields["failure"] = v.Destination
	}
	return fields
}

// asSent is a request in the same form.
func asSent(c desired.Config) map[string]any {
	fields := map[string]any{}
	if v := c[desired.MaximumRetryAttempts]; v.IsSet() {
		fields["retries"] = v.Int()
	}
	if v := c[desired.MaximumEventAgeInSeconds]; v.IsSet() {
		fields["age"] = v.Int()
	}
	if v := c[desired.OnSuccess]; v.IsSet() {
		fields["success"] = v.Text()
	}
	if v := c[desired.OnFailure]; v.IsSet() {
		fields["failure"] = v.Text()
	}
	return fields
}

// asHeld is a record in the same form; a field that is not set is nil.
func asHeld(i *image) map[string]any {
	all := map[string]any{"retries": nil, "age": nil, "success": "", "failure": ""}
	if i == nil {
		return all
	}
	maps.Copy(all, asSent(desired.Config(i.Settings)))
	return all
}

// hold ends the test when a promise was broken in a run, with all that the wire saw.
func (r *run) hold() {
	r.t.Helper()
	wrongs := slices.Concat(r.wire.wrongs, r.journal.wrongs, r.wrongWrites(), r.wrongCounts(), r.wrongWords())
	if r.dead.Load() {
		wrongs = append(wrongs, r.wrongRemains()...)
	} else {
		wrongs = slices.Concat(wrongs, r.wrongResults(), r.wrongRecords())
	}
	if len(wrongs) == 0 {
		return
	}
	var b strings.Builder
	for _, wrong := range wrongs {
		fmt.Fprintf(&b, "WRONG: %s\n", wrong)
	}
	r.t.Fatalf("%s", b.String())
}

// wrongWords finds what no person should read in the reports of the run.
func (r *run) wrongWords() (wrongs []string) {
	told := &report.Run{Verb: r.Verb, Surveyed: r.Surveyed, Finished: r.Finished, Refused: r.Refused, Outcome: r.Outcome, Err: r.Err}
	if r.Planned() {
		told.Plan = &r.Plan
	}
	var text bytes.Buffer
	for _, render := range []func(io.Writer, *report.Run) error{report.Markdown, report.JSON, report.JUnit} {
		if err := render(&text, told); err != nil {
			wrongs = append(wrongs, err.Error())
		}
	}
	if err := report.Text(&text, told, report.TextOptions{}); err != nil {
		wrongs = append(wrongs, err.Error())
	}
	if phrase := awstest.ForeignPhrase(text.String()); phrase != "" {
		_, after, _ := strings.Cut(text.String(), phrase)
		wrongs = append(wrongs, fmt.Sprintf("%q is in a report, before %.200q", phrase, after))
	}
	return wrongs
}

// story is all that happened in a run, line by line.
func (r *run) story() string {
	var b strings.Builder
	for _, d := range r.storm.deeds {
		fmt.Fprintf(&b, "\ndeed  %v", d)
	}
	// Limiters may let go of several at the same instant.
	for _, a := range slices.SortedStableFunc(slices.Values(r.wire.sent), func(a, b *attempt) int {
		return cmp.Or(a.at.Compare(b.at), a.target.Compare(b.target), cmp.Compare(a.String(), b.String()))
	}) {
		fmt.Fprintf(&b, "\nsent  %v", a)
	}
	r.results(func(k desired.Key, res *reconcile.ChangeResult) {
		fmt.Fprintf(&b, "\nsaid  %v %s %s: %v", k, res.Action, res.Status, res.Err)
	})
	return b.String()
}

// wrongWrites holds every write that AWS did against what the run had any
// business with, whatever the neighbour did meanwhile.
func (r *run) wrongWrites() (wrongs []string) {
	for _, a := range r.wire.sent {
		if !a.writes() {
			continue
		}
		if r.mayWrite == nil || !r.mayWrite(a.key()) {
			wrongs = append(wrongs, fmt.Sprintf("a write to a key that is none of ours: %v", a))
			continue
		}
		if !a.applied || a.op == "DeleteFunctionEventInvokeConfig" {
			continue
		}
		// A Put replaces a record that appeared after the survey: AWS has no
		// precondition that could prevent it. An Update leaves it be.
		if a.op == "PutFunctionEventInvokeConfig" && a.before != nil && !quiet(r.from, r.to, a.key()) {
			continue
		}
		managed, before := decode(a.body), asHeld(a.before)
		for field, value := range asHeld(a.after) {
			if _, ours := managed[field]; !ours && !gocmp.Equal(value, before[field]) && !r.restores(a.key()) {
				wrongs = append(wrongs, fmt.Sprintf("%s is not managed, and went from %v to %v: %v", field, before[field], value, a))
			}
		}
	}
	return wrongs
}

// restores reports whether the run puts a whole record back, which is to touch
// every field.
func (r *run) restores(k desired.Key) bool {
	if e := r.journal.byKey[k]; e != nil {
		return e.change.Action == reconcile.Restore
	}
	return slices.ContainsFunc(r.Plan.Targets, func(t reconcile.TargetPlan) bool {
		return t.Target == k.Target && slices.ContainsFunc(t.Findings, func(f reconcile.Finding) bool {
			return f.Name == k.Name && f.Kind == reconcile.FindingQualifierMissing // it would have, and said why not
		})
	})
}

// results visits every result of the run.
func (r *run) results(visit func(desired.Key, *reconcile.ChangeResult)) {
	if r.Outcome == nil {
		return
	}
	for i := range r.Outcome.Targets {
		t := &r.Outcome.Targets[i]
		for j := range t.Results {
			visit(desired.Key{Target: t.Target, Name: t.Results[j].Name}, &t.Results[j])
		}
	}
}

// wrongResults holds what is reported of each change against its requests.
func (r *run) wrongResults() (wrongs []string) {
	wrong := func(k desired.Key, res *reconcile.ChangeResult, format string, args ...any) {
		wrongs = append(wrongs, fmt.Sprintf("%v is reported %s (%v), and %s", k, res.Status, res.Err, fmt.Sprintf(format, args...)))
	}
	attempts := map[desired.Key][]*attempt{}
	for _, a := range r.wire.sent {
		if a.writes() {
			attempts[a.key()] = append(attempts[a.key()], a)
		}
	}
	// Between the writes a function is looked at again, for whichever of its configs.
	looks := map[desired.Key]map[end]int{}
	function := func(k desired.Key) desired.Key {
		return desired.Key{Target: k.Target, Name: desired.Name{Function: k.Function}}
	}
	for _, a := range r.wire.sent[r.surveyed:] {
		if f := function(a.key()); !a.writes() {
			if looks[f] == nil {
				looks[f] = map[end]int{}
			}
			looks[f][a.end]++
		}
	}
	seen := map[desired.Key]bool{}
	r.results(func(k desired.Key, res *reconcile.ChangeResult) {
		if seen[k] {
			wrong(k, res, "it is reported twice")
		}
		seen[k] = true
		all := attempts[k]
		ends, applied := map[end]int{}, false
		for _, a := range all {
			ends[a.end]++
			applied = applied || a.applied
		}
		last := &attempt{}
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		switch res.Status {
		case reconcile.Applied:
			gone := res.Action == reconcile.Delete && last.status == 404 && last.end == endRefused
			looked := ends[endFault] > 0 && looks[function(k)][endOK] > 0 // what was perhaps done was looked at, and it was there
			if !gone && !looked && (last.end != endOK || !last.applied) {
				wrong(k, res, "its last request ended otherwise")
			}
		case reconcile.Mismatched:
			if quiet(r.from, r.to, k) {
				wrong(k, res, "nobody else wrote")
			}
		case reconcile.NotAttempted:
			if applied || ends[endFault] > 0 {
				wrong(k, res, "it was sent, and done or perhaps done")
			}
		case reconcile.Failed:
			if res.Err == nil {
				wrong(k, res, "nobody says why")
			}
		}
		if res.Status == reconcile.Stale && (applied || ends[endFault] > 0) {
			wrong(k, res, "it was sent, and done or perhaps done")
		}
		effort := res.Stats
		// A look is part of the effort; where there was none the numbers are those of the writes.
		look, looked := looks[function(k)], 0
		for _, n := range look {
			looked += n
		}
		within := func(n, writes, looks int) bool { return n >= writes && n <= writes+looks }
		if !within(effort.Attempts, len(all), looked) || !within(effort.Throttled, ends[endThrottled], look[endThrottled]) ||
			!within(effort.Conflicts, ends[endConflict], look[endConflict]) || !within(effort.Faults, ends[endFault], look[endFault]) {
			wrong(k, res, "its effort is %+v, while %d requests ended in %v", effort, len(all), ends)
		}
		if e := r.journal.byKey[k]; e != nil {
			again := e.result != nil && e.result.Status == reconcile.NotAttempted && !same(e.change.Before, res.Before) // planned again, and not intended again
			if !again && (e.result == nil || e.result.Status != res.Status) {
				wrong(k, res, "the journal has %v", e.result)
			}
		}
	})
	for k := range attempts {
		if !seen[k] {
			wrongs = append(wrongs, fmt.Sprintf("%v was written and is not reported", k))
		}
	}
	return wrongs
}

// wrongRemains holds what a killed run left: every record that the neighbour left
// alone is as it was, or as the journal says that it might be.
func (r *run) wrongRemains() (wrongs []string) {
	for k := range everyKey {
		before, after, e := r.from.images[k], r.to.images[k], r.byKey[k]
		if quiet(r.from, r.to, k) && before.String() != after.String() && (e == nil || !same(e.change.After(), after.settings())) {
			wrongs = append(wrongs, fmt.Sprintf("%v was %v and is %v after a kill, and the journal has %+v", k, before, after, e))
		}
	}
	return wrongs
}

// wrongRecords holds every record that the neighbour left alone against what is
// reported of it.
func (r *run) wrongRecords() (wrongs []string) {
	results := map[desired.Key]*reconcile.ChangeResult{}
	r.results(func(k desired.Key, res *reconcile.ChangeResult) { results[k] = res })
	for k := range everyKey {
		before, after, res := r.from.images[k], r.to.images[k], results[k]
		if !quiet(r.from, r.to, k) {
			continue
		}
		untouched := gocmp.Equal(before, after, gocmp.AllowUnexported(image{}, desired.Value{}))
		wrong := func(what string) {
			wrongs = append(wrongs, fmt.Sprintf("%v: %s; it was %v and is %v", k, what, before, after))
		}
		switch {
		case res == nil || res.Status == reconcile.NotAttempted || res.Status == reconcile.Stale:
			if !untouched {
				wrong("not reported as written")
			}
			continue
		case !same(res.Before, before.settings()):
			wrong("the plan saw " + spell(res.Before))
		}
		planned := res.Change.After()
		switch res.Status {
		case reconcile.Applied:
			if !same(planned, after.settings()) || !same(res.After, after.settings()) {
				wrong("reported as " + spell(res.After) + ", planned as " + spell(planned))
			}
		case reconcile.Failed:
			if !untouched && !same(planned, after.settings()) {
				wrong("failed, and neither as before nor as planned, " + spell(planned))
			}
		}
	}
	return wrongs
}
