// Package notify tells people and programs outside what a run found and did: one
// digest a run, to webhooks, SNS topics and EventBridge buses.
//
// A notification never fails a run and never holds one up. What was told is not told
// again while it stays as it is: drift that nobody corrects is news once.
package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/reconcile"
	"github.com/eventinvoke/eventinvoke/reconcile/callerr"
	"github.com/eventinvoke/eventinvoke/reconcile/insight"
)

// Kind is a reason to tell somebody.
type Kind string

// The kinds.
const (
	Drift      Kind = "drift"       // configs differ, and this run does not write
	Corrected  Kind = "corrected"   // they were written
	Failed     Kind = "failed"      // changes that AWS refused or stored otherwise, or a run without a plan
	Guard      Kind = "guard"       // the guard stopped the run
	Unreadable Kind = "unreadable"  // targets or configs that could not be read
	Fight      Kind = "fight"       // configs that somebody else changes back again and again
	FleetFiles Kind = "fleet_files" // they do not load
	Lost       Kind = "lost"        // destinations that are missing or FIFO: what is sent there is lost
	Breach     Kind = "breach"      // records that break a requirement of the fleet file
	Recovered  Kind = "recovered"   // nothing of what was told before is left
)

// Digest is what one run has to say. As JSON it is the body of a webhook, which Slack
// and those who read its format take as it is, and the detail of an event.
type Digest struct {
	Text    string       `json:"text"` // for people; what Slack reads as markup is escaped
	Version int          `json:"version"`
	Kinds   []Kind       `json:"kinds"` // sorted
	Verb    string       `json:"verb"`
	RunID   string       `json:"run_id"`
	Time    time.Time    `json:"time"`
	Targets []TargetNews `json:"targets"`          // those with news, in the plan's order
	Errors  []string     `json:"errors,omitempty"` // of the run as a whole

	// items is what is told, each by its part of the run and a hash. What was
	// corrected is not among them: that is told each time.
	items map[string]bool
	// whole says that the run was about everything. Then read names the parts that it
	// came to know: what was told of these and is told no more is over, but for what is
	// unsure. Parts that are neither read nor in it are no longer of the fleet.
	whole  bool
	read   map[string]bool // false: in the run, and not known
	unsure map[string]bool // items of which the run does not know whether they still hold
	news   bool            // something happened, whether or not it was told before
}

// The parts of a run beside its targets, which are called ACCOUNT/REGION. Of a target more
// is known than was read there, and may be unknown where that is known: a part each.
const (
	ofRun          = "run"
	ofAll          = "all" // has one item, owed; read where every target was
	ofInsights     = "insights/"
	ofRequirements = "requirements/"
)

// owed is remembered while anything is told: the end of it all is to be told, once a run has
// looked everywhere.
const owed = ofAll + " end"

// TargetNews is what there is to say about one target.
type TargetNews struct {
	Target     string   `json:"target"` // ACCOUNT/REGION
	Label      string   `json:"label,omitempty"`
	Differ     int      `json:"differ"` // configs that differed when they were read
	Corrected  int      `json:"corrected"`
	Failed     int      `json:"failed"`
	Breaches   int      `json:"breaches"`          // records that break a requirement
	Unreadable *int     `json:"unreadable"`        // null: nobody knows how many
	Configs    []string `json:"configs,omitempty"` // the first few that the numbers are about
	Errors     []string `json:"errors,omitempty"`
}

// These bound a digest, so that it fits every service: EventBridge takes 256 KiB,
// and people read less.
const (
	maxTargets = 50
	maxConfigs = 5
	maxErrors  = 3
	maxError   = 500 // bytes of one error
)

// Of is the digest of a run. Whole says that it was about everything that the fleet
// file names, so that what it does not tell is over, where it came to know it. Passes,
// which may be nil, reports an error that another run of ours explains, such as a
// target that it holds: no news.
func Of(r *reconcile.RunResult, whole bool, passes func(error) bool) *Digest {
	d := &Digest{Version: 1, Verb: r.Verb, RunID: r.ID, Time: r.Finished.UTC(), items: map[string]bool{}, whole: whole, read: map[string]bool{}, unsure: map[string]bool{}}
	if r.Finished.IsZero() {
		d.Time = time.Now().UTC()
	}
	d.read[ofRun] = r.Planned()
	switch {
	case errors.As(r.Err, new(desired.Problems)):
		d.problem(FleetFiles, r.Err)
	case r.Err != nil && (passes == nil || !passes(r.Err)):
		d.problem(Failed, r.Err)
	case errors.As(r.Refused, new(*reconcile.GuardError)):
		d.problem(Guard, r.Refused)
	}
	if r.Err == nil && r.Stopped != nil {
		d.problem(Failed, r.Stopped)
	}
	d.read[ofAll] = r.Planned()
	for t := range slice.Pointers(r.Plan.Targets) {
		d.target(t, r.Outcome.Of(t.Target), passes)
		name := t.Target.String()
		d.read[ofAll] = d.read[ofAll] && d.read[name]
		d.read[ofRequirements+name] = d.read[name] && len(t.Unjudged) == 0
		d.read[ofInsights+name] = d.read[name] && asked(r, t.Target)
	}
	d.insights(r)
	if !r.Planned() {
		d.whole = false // it says nothing about any target
	}
	return d
}

// FleetFiles adds that the fleet files do not load; the run went on with older ones.
func (d *Digest) FleetFiles(err error) {
	if err != nil {
		d.problem(FleetFiles, err)
	}
}

// asked reports whether the annotators were asked about a target, and all answered.
func asked(r *reconcile.RunResult, t desired.Target) bool {
	return r.InsightPolicy != reconcile.InsightsOff && r.Stopped == nil && !slices.ContainsFunc(r.Insights.Unavailable, func(u insight.Unavailable) bool {
		return u.Target == t || u.Target == desired.Target{}
	})
}

// insights adds what is known beside the survey.
func (d *Digest) insights(r *reconcile.RunResult) {
	var fought []string
	for f := range slice.Pointers(r.Insights.Fights) {
		d.add(ofInsights+f.Target.String(), Fight, f.Key.String())
		fought = append(fought, f.Key.String())
	}
	if fought != nil {
		d.Errors = append(d.Errors, "changed back again and again by somebody else: "+some(fought, maxConfigs))
	}
	for to := range slice.Pointers(r.Insights.Destinations) {
		for _, use := range to.Uses {
			part := ofInsights + use.Target.String()
			switch {
			case to.Loses():
				d.add(part, Lost, to.ARN, to.State.String())
			case to.State == insight.DestinationUnknown:
				for state := range lostBecause {
					d.unsure[item(part, Lost, to.ARN, state.String())] = true
				}
			}
		}
		if to.Loses() && len(d.Errors) < maxTargets {
			who := fmt.Sprintf("%d configs send", len(to.Uses))
			if len(to.Uses) == 1 {
				who = "1 config sends"
			}
			d.Errors = append(d.Errors, fmt.Sprintf("events are lost: %s to %s, which %s", who, to.ARN, lostBecause[to.State]))
		}
	}
}

var lostBecause = map[insight.DestinationState]string{
	insight.DestinationMissing:   "does not exist",
	insight.DestinationWrongKind: "is FIFO and takes nothing from Lambda",
}

func (d *Digest) problem(kind Kind, err error) {
	d.add(ofRun, kind, causeOf(err))
	d.Errors = append(d.Errors, shorten(err.Error()))
}

// causeOf is what stays the same of an error from one run to the next: texts name
// requests, runs and times.
func causeOf(err error) string {
	var call *callerr.Error
	var problems desired.Problems
	switch {
	case errors.As(err, &call):
		return call.Cause()
	case errors.As(err, &problems):
		return problems.Error()
	case errors.As(err, new(*reconcile.GuardError)):
		return "guard"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}

// add notes one thing that is told about a part of the run. Kinds are those of what is
// noted.
func (d *Digest) add(part string, kind Kind, what ...string) {
	d.items[item(part, kind, what...)] = true
	d.note(kind)
}

func item(part string, kind Kind, what ...string) string {
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + strings.Join(what, "\x00")))
	return part + " " + hex.EncodeToString(sum[:8])
}

func (d *Digest) note(kind Kind) {
	d.news = true
	if at, found := slices.BinarySearch(d.Kinds, kind); !found {
		d.Kinds = slices.Insert(d.Kinds, at, kind)
	}
}

// target adds what there is to say about one target.
func (d *Digest) target(t *reconcile.TargetPlan, outcome *reconcile.TargetOutcome, passes func(error) bool) {
	counts := t.Counts()
	n := TargetNews{Target: t.Target.String(), Label: t.Label, Differ: len(t.Changes)}
	if !t.Unknown {
		n.Unreadable = &counts.Unreadable
	}
	d.read[n.Target] = t.Err == nil && counts.Unreadable+counts.NotExamined == 0 && (t.Evidence == nil || !t.Evidence.TooOld)
	name := func(config desired.Name) {
		if len(n.Configs) < maxConfigs {
			n.Configs = append(n.Configs, config.String())
		}
	}
	fail := func(err error) {
		if text := shorten(err.Error()); len(n.Errors) < maxErrors && !slices.Contains(n.Errors, text) {
			n.Errors = append(n.Errors, text)
		}
	}
	news := false
	tell := func(kind Kind, what ...string) {
		news = true
		d.add(n.Target, kind, what...)
	}
	if t.Err != nil {
		if passes != nil && passes(t.Err) {
			return
		}
		tell(Unreadable, causeOf(t.Err))
		fail(t.Err)
	}
	for b := range slice.Pointers(t.Breaches) {
		if b.Now && (outcome == nil || b.Planned) {
			n.Breaches++
			news = true
			d.add(ofRequirements+n.Target, Breach, b.Name.String(), b.Message)
			name(b.Name)
		}
	}
	for f := range slice.Pointers(t.Findings) {
		if f.Kind == reconcile.FindingUnreadable && t.Err == nil {
			tell(Unreadable, f.Name.String())
			name(f.Name)
			if f.Err != nil {
				fail(f.Err)
			}
		}
	}
	ended := map[desired.Name]*reconcile.ChangeResult{}
	if outcome != nil {
		for i := range outcome.Results {
			ended[outcome.Results[i].Name] = &outcome.Results[i]
		}
	}
	for c := range slice.Pointers(t.Changes) {
		result := ended[c.Name]
		switch {
		case result == nil, result.Status == reconcile.NotAttempted, result.Status == reconcile.Stale:
			tell(Drift, c.Name.String(), c.Action.String(), differences(c))
			name(c.Name)
		case result.Status == reconcile.AlreadySo:
		case result.Status == reconcile.Applied:
			n.Corrected++
			news = true
			d.note(Corrected)
			name(c.Name)
		default:
			n.Failed++
			tell(Failed, c.Name.String())
			name(c.Name)
			if result.Err != nil {
				fail(result.Err)
			}
		}
	}
	if news {
		d.Targets = append(d.Targets, n)
	}
}

// differences are those of a change, so that another drift of the same config is news.
func differences(c *reconcile.Change) string {
	if c.Before == nil {
		return ""
	}
	return fmt.Sprint(*c.Before)
}

// Told remembers what was told already, from one run to the next.
type Told map[string]bool

// take reports whether a digest has news, and remembers it. What was told of a part
// that the run came to know, and is told no more, is over: it would be news again.
func (t *Told) take(d *Digest) bool {
	if *t == nil {
		*t = Told{}
	}
	before := len(*t) > 0
	fresh := slices.Contains(d.Kinds, Corrected)
	for item := range d.items {
		fresh = fresh || !(*t)[item]
	}
	maps.DeleteFunc(*t, func(item string, _ bool) bool {
		part, _, _ := strings.Cut(item, " ")
		read, in := d.read[part]
		return d.whole && (read || !in) && !d.items[item] && !d.unsure[item]
	})
	maps.Copy(*t, d.items)
	if len(d.items) > 0 {
		(*t)[owed] = true
	}
	if before && len(*t) == 0 && !d.news {
		d.note(Recovered)
		return true
	}
	return fresh
}
