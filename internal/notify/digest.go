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
	"github.com/eventinvoke/eventinvoke/reconcile"
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
	Recovered  Kind = "recovered"   // nothing of what was told before is left
)

// Digest is what one run has to say. As JSON it is the body of a webhook, which Slack
// and those who read its format take as it is, and the detail of an event.
type Digest struct {
	Text    string       `json:"text"` // for people; what Slack reads as markup is escaped
	Version int          `json:"version"`
	Kinds   []Kind       `json:"kinds"` // sorted
	Verb    string       `json:"verb"`
	Run     string       `json:"run"`
	Time    time.Time    `json:"time"`
	Targets []TargetNews `json:"targets"`          // those with news, in the plan's order
	Errors  []string     `json:"errors,omitempty"` // of the run as a whole

	items map[string]bool // what is told, by a hash of each; those of Corrected are told each time
	whole bool            // the run looked at everything
	news  bool            // something happened, whether or not it was told before
}

// TargetNews is what there is to say about one target.
type TargetNews struct {
	Target     string   `json:"target"` // ACCOUNT/REGION
	Label      string   `json:"label,omitempty"`
	Differ     int      `json:"differ"` // configs that differed when they were read
	Corrected  int      `json:"corrected"`
	Failed     int      `json:"failed"`
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

// Of is the digest of a run. Whole says that it looked at everything that the fleet
// file names, so that what it does not tell is over.
func Of(r *reconcile.RunResult, whole bool) *Digest {
	d := &Digest{Version: 1, Verb: r.Verb, Run: r.ID, Time: r.Finished.UTC(), items: map[string]bool{}, whole: whole}
	guard := (*reconcile.GuardError)(nil)
	switch {
	case errors.As(r.Err, new(desired.Problems)):
		d.problem(FleetFiles, r.Err)
	case r.Err != nil:
		d.problem(Failed, r.Err)
	case errors.As(r.Refused, &guard):
		d.problem(Guard, r.Refused)
	}
	if r.Err == nil && r.Stopped != nil {
		d.problem(Failed, r.Stopped)
	}
	for i := range r.Plan.Targets {
		var outcome *reconcile.TargetOutcome
		if r.Outcome != nil && i < len(r.Outcome.Targets) {
			outcome = &r.Outcome.Targets[i]
		}
		d.target(&r.Plan.Targets[i], outcome)
	}
	return d
}

// FleetFiles adds that the fleet files do not load; the run went on with older ones.
func (d *Digest) FleetFiles(err error) {
	if err != nil {
		d.problem(FleetFiles, err)
	}
}

// Fights adds configs that somebody else changes back again and again.
func (d *Digest) Fights(configs []string) {
	for _, c := range configs {
		d.add(Fight, c)
	}
	if len(configs) > 0 {
		d.Errors = append(d.Errors, "changed back again and again by somebody else: "+some(configs, maxConfigs))
	}
}

func (d *Digest) problem(kind Kind, err error) {
	d.add(kind, err.Error())
	d.Errors = append(d.Errors, shorten(err.Error()))
}

// add notes one thing that is told. Kinds are those of what is noted.
func (d *Digest) add(kind Kind, what ...string) {
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + strings.Join(what, "\x00")))
	d.items[hex.EncodeToString(sum[:8])] = true
	d.note(kind)
}

func (d *Digest) note(kind Kind) {
	d.news = true
	if at, found := slices.BinarySearch(d.Kinds, kind); !found {
		d.Kinds = slices.Insert(d.Kinds, at, kind)
	}
}

// target adds what there is to say about one target.
func (d *Digest) target(t *reconcile.TargetPlan, outcome *reconcile.TargetOutcome) {
	n := TargetNews{Target: t.Target.String(), Label: t.Label, Differ: len(t.Changes)}
	unreadable := t.Counts().Unreadable
	if !t.Unknown {
		n.Unreadable = &unreadable
	}
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
		d.add(kind, append([]string{n.Target}, what...)...)
	}
	if t.Err != nil {
		tell(Unreadable, t.Err.Error())
		fail(t.Err)
	}
	for i := range t.Findings {
		if f := &t.Findings[i]; f.Kind == reconcile.FindingUnreadable && t.Err == nil {
			tell(Unreadable, f.Name.String())
			name(f.Name)
			if f.Err != nil {
				fail(f.Err)
			}
		}
	}
	ended := map[desired.Name]*reconcile.Result{}
	if outcome != nil {
		for i := range outcome.Results {
			ended[outcome.Results[i].Name] = &outcome.Results[i]
		}
	}
	for i := range t.Changes {
		c := &t.Changes[i]
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

// shorten bounds an error that may repeat what AWS or a file said.
func shorten(s string) string {
	s, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > maxError {
		s, more = strings.ToValidUTF8(s[:maxError], ""), true
	}
	if more {
		s += " …"
	}
	return s
}

func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// finish writes the text, and cuts what would make the digest too long.
func (d *Digest) finish() {
	lines := []string{d.headline()}
	for _, e := range d.Errors {
		lines = append(lines, "• "+e)
	}
	for i, t := range d.Targets {
		if i == maxConfigs {
			lines = append(lines, fmt.Sprintf("… and %d more targets", len(d.Targets)-i))
			break
		}
		lines = append(lines, "• "+t.line())
		for _, e := range t.Errors {
			lines = append(lines, "    "+e)
		}
	}
	if len(d.Targets) > maxTargets {
		d.Targets = d.Targets[:maxTargets]
	}
	lines = append(lines, "Run "+d.Run)
	d.Text = escapeMarkup.Replace(strings.Join(lines, "\n"))
}

// headline is the one line that fits the subject of a mail.
func (d *Digest) headline() string {
	var differ, corrected, failed, unreadable int
	unknown := false
	for _, t := range d.Targets {
		differ += t.Differ - t.Corrected - t.Failed
		corrected += t.Corrected
		failed += t.Failed
		if t.Unreadable == nil {
			unknown = true
		} else {
			unreadable += *t.Unreadable
		}
	}
	var said []string
	say := func(n int, what string) {
		if n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, kind := range d.Kinds {
		switch kind {
		case FleetFiles:
			said = append(said, "the fleet file does not load")
		case Guard:
			said = append(said, "the guard stopped the run")
		case Fight:
			said = append(said, "somebody else changes configs back")
		case Recovered:
			said = append(said, "all as declared again")
		}
	}
	say(failed, "failed")
	say(unreadable, "unreadable")
	if unknown {
		said = append(said, "some targets could not be read at all")
	}
	say(differ, "differ")
	say(corrected, "corrected")
	if len(said) == 0 {
		said = append(said, "the run failed")
	}
	return "eventinvoke " + d.Verb + ": " + strings.Join(said, ", ")
}

// line is one target in the text.
func (t *TargetNews) line() string {
	where := t.Target
	if t.Label != "" {
		where = t.Label + " (" + t.Target + ")"
	}
	var said []string
	say := func(n int, what string) {
		if n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, what))
		}
	}
	say(t.Failed, "failed")
	if t.Unreadable == nil {
		said = append(said, "could not be read")
	} else {
		say(*t.Unreadable, "unreadable")
	}
	say(t.Differ-t.Corrected-t.Failed, "differ")
	say(t.Corrected, "corrected")
	total := t.Differ
	if t.Unreadable != nil {
		total += *t.Unreadable
	}
	if len(t.Configs) > 0 {
		names := strings.Join(t.Configs, ", ")
		if more := total - len(t.Configs); more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		return where + ": " + strings.Join(said, ", ") + ": " + names
	}
	return where + ": " + strings.Join(said, ", ")
}

// escapeMarkup takes their meaning from the three characters that mean something to
// Slack: what AWS or a file says must not call a channel together.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var escapeMarkup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Told remembers what was told already, from one run to the next.
type Told map[string]bool

// take reports whether a digest has news, and remembers it. After a run over
// everything what it does not tell is over, and would be news again.
func (t *Told) take(d *Digest) bool {
	fresh := slices.Contains(d.Kinds, Corrected)
	for item := range d.items {
		fresh = fresh || !(*t)[item]
	}
	before := len(*t) > 0
	switch {
	case d.whole:
		*t = maps.Clone(d.items)
	case *t == nil:
		*t = maps.Clone(d.items)
	default:
		maps.Copy(*t, d.items)
	}
	if d.whole && before && !d.news {
		d.note(Recovered)
		return true
	}
	return fresh
}
