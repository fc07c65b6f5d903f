// Package destination finds out whether the destinations of a fleet exist.
//
// In goes a run whose plan is known; out comes each distinct destination that its
// configs send to once the plan is carried out, with its state and who uses it. A
// deleted queue leaves every record in sync, and Lambda accepts a bus that was never
// there: each event sent to one is lost.
//
// What holds:
//   - A destination is looked up once, whatever the number of configs. A target costs
//     a few dozen calls at most, beside Lambda's quota: more than a handful of queues
//     are listed instead, a thousand a call, and of others the most used are asked for.
//   - Functions cost no call: what the run has read or listed says whether they exist.
//     Their aliases and versions are not looked at.
//   - Missing is only what cannot be hidden. A service may deny that something of
//     another account exists, so that is not known; nor is what was denied, what came
//     too late, and what there were too many of. All that is said, by cause.
//
// The package never writes: its clients can send what awslambda.InsightConfig lets
// them and nothing else.
package destination

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Annotator is a reconcile.Annotator.
type Annotator struct{}

// Name implements reconcile.Annotator.
func (Annotator) Name() string { return "whether destinations exist" }

// Annotate implements reconcile.Annotator.
func (Annotator) Annotate(ctx context.Context, r *reconcile.RunResult) (learnt insight.Set) {
	learnt.Destinations = destinations(r)
	byTarget := map[int][]*job{} // by the index of the target whose credentials ask
	for d := range slice.Pointers(learnt.Destinations) {
		a, err := arn.Parse(d.ARN)
		switch {
		case err != nil: // such as one that the simulator was told to hold
		case strings.HasSuffix(a.Resource, ".fifo") && (a.Service == "sqs" || a.Service == "sns"):
			d.State = insight.DestinationWrongKind
		case a.Service == "lambda":
			d.State = functionState(r, a)
		default:
			if at := asker(r, d, a); at >= 0 {
				byTarget[at] = append(byTarget[at], &job{Destination: d, arn: a})
			}
		}
	}
	missed := make([][]insight.Unavailable, len(r.Opened.Targets))
	var wg sync.WaitGroup
	for at, jobs := range byTarget {
		wg.Go(func() { missed[at] = lookUp(ctx, r.Opened.Targets[at], jobs) })
	}
	wg.Wait()
	learnt.Unavailable = slices.Concat(missed...)
	return learnt
}

// destinations are those of a run, each with its uses: what records hold, as the plan
// leaves them, and what is declared of configs that have none.
func destinations(r *reconcile.RunResult) []insight.Destination {
	type use struct {
		desired.Key
		desired.Setting
		arn string
	}
	found := map[string]*insight.Destination{}
	known := map[use]bool{}
	for t := range slice.Pointers(r.Fleet.Targets) {
		origins := map[desired.Name]*desired.Origins{}
		for j := range t.Entries {
			origins[t.Entries[j].Name] = t.Entries[j].Origins
		}
		add := func(n desired.Name, s desired.Setting, v desired.Value, live bool) {
			u := use{desired.Key{Target: t.Target, Name: n}, s, v.Text()}
			if u.arn == "" || known[u] {
				return
			}
			known[u] = true
			d := found[u.arn]
			if d == nil {
				d = &insight.Destination{ARN: u.arn}
				found[u.arn] = d
			}
			of := insight.DestinationUse{Key: u.Key, Setting: s, Live: live}
			if o := origins[n]; o != nil {
				of.Origin = o.Settings[s]
			}
			d.Uses = append(d.Uses, of)
		}
		before, after := recordsOf(r, t)
		for n, was := range before {
			if is := after[n]; is != nil {
				for _, s := range desired.AllSettings() {
					add(n, s, is[s], was != nil && was[s] == is[s])
				}
			}
		}
		for e := range slice.Pointers(t.Entries) {
			if e.Want != nil && !e.Remove {
				for _, s := range desired.AllSettings() {
					add(e.Name, s, e.Want[s], false)
				}
			}
		}
	}
	var all []insight.Destination
	for _, arn := range slices.Sorted(maps.Keys(found)) {
		d := found[arn]
		slices.SortFunc(d.Uses, func(a, b insight.DestinationUse) int {
			return cmp.Or(a.Target.Compare(b.Target), a.Name.Compare(b.Name), cmp.Compare(a.Setting, b.Setting))
		})
		all = append(all, *d)
	}
	return all
}

// recordsOf are the records of a target, nil where there is none, by every name that has
// one before or after the plan.
func recordsOf(r *reconcile.RunResult, t *desired.TargetSpec) (before, after map[desired.Name]*reconcile.Settings) {
	before, after = map[desired.Name]*reconcile.Settings{}, map[desired.Name]*reconcile.Settings{}
	if known := reconcile.FindTarget(r.Known.Targets, t.Target); known != nil {
		for _, f := range known.Functions {
			for _, record := range f.Records {
				n := desired.Name{Function: f.Function, Qualifier: record.Qualifier}
				if _, ignored := slices.BinarySearchFunc(t.Ignored, n, desired.Ignored.Compare); !ignored {
					before[n], after[n] = record.Settings, record.Settings
				}
			}
		}
	}
	if plan := reconcile.FindTarget(r.Plan.Targets, t.Target); plan != nil {
		for c := range slice.Pointers(plan.Changes) {
			before[c.Name], after[c.Name] = c.Before, c.After()
		}
	}
	return before, after
}

// functionState is what the run knows of a function: from its own records, else from
// the names of all functions, where those were listed.
func functionState(r *reconcile.RunResult, a arn.ARN) insight.DestinationState {
	name, _, _ := strings.Cut(strings.TrimPrefix(a.Resource, "function:"), ":")
	at := desired.Target{Account: a.AccountID, Region: a.Region}
	if known := reconcile.FindTarget(r.Known.Targets, at); known != nil {
		i, read := slices.BinarySearchFunc(known.Functions, name, func(f reconcile.ObservedFunction, name string) int { return strings.Compare(f.Function, name) })
		switch {
		case read && known.Functions[i].State == reconcile.FunctionPresent:
			return insight.DestinationExists
		case read && known.Functions[i].State == reconcile.FunctionAbsent:
			return insight.DestinationMissing
		}
	}
	if all := r.Inventory[at].Functions; all != nil {
		if _, listed := slices.BinarySearch(all, name); listed {
			return insight.DestinationExists
		}
		return insight.DestinationMissing
	}
	return insight.DestinationUnknown
}

// asker is the index of the open target whose credentials know most of a destination:
// those of its own account, else of the first target that uses it; -1 where none of
// them is open.
func asker(r *reconcile.RunResult, d *insight.Destination, a arn.ARN) int {
	rank := func(t *reconcile.OpenTarget) int {
		switch at := (desired.Target{Account: a.AccountID, Region: a.Region}); {
		case t.Err != nil:
			return 0
		case t.Target == at:
			return 3
		case t.Account == at.Account:
			return 2
		case slices.ContainsFunc(d.Uses, func(u insight.DestinationUse) bool { return u.Target == t.Target }):
			return 1
		}
		return 0
	}
	best, most := -1, 0
	for i := range r.Opened.Targets {
		if n := rank(&r.Opened.Targets[i]); n > most {
			best, most = i, n
		}
	}
	return best
}

// describe counts destinations in a sentence about what was not learnt.
func describe(n int) string {
	if n == 1 {
		return "whether 1 destination exists"
	}
	return fmt.Sprintf("whether %d destinations exist", n)
}
