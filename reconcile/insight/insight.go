// Package insight is what can be known of a run's configs beyond what Lambda tells: whether
// their destinations exist, who made them what they are, who keeps changing them back, since
// when they differ, and what all of it rests on. It is the words alone, so that whoever finds such a thing out and whoever
// tells of it need not know how a run works.
package insight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Set is what the annotators of a run learnt; the zero Set is nothing.
type Set struct {
	Destinations []Destination // that configs send to once the plan is carried out; sorted by ARN
	Unavailable  []Unavailable // by annotator, in the order of Engine.Annotators
	Authors      []Authorship  // of what differs, where an annotator knows them; sorted by config
	Unsearched   []Unsearched  // of what differs, where nobody looked as far as its author; sorted by target
	Fights       []Fight       // among what differs; sorted by config
	Drifting     []Drifting    // of what differs, where an earlier audit found it so; sorted by config
}

// Drifting is a config of which each audit that saw it, since one before this run, has
// found that it differs.
type Drifting struct {
	desired.Key
	Since time.Time // when the first of them began
}

// Unsearched are the configs of a target that differ and whose authors were not looked for as
// far back as it takes. That nothing is known of them says nothing.
type Unsearched struct {
	Target  desired.Target
	Configs []desired.Name // sorted; never empty
	Reached time.Time      // how far back the search came; zero where it saw nothing
	Err     error          // why no further
}

// Fight is a config that somebody else keeps changing back.
type Fight struct {
	desired.Key
	Author Author    // of the last write that was not ours; zero where nobody told
	Times  int       // how often it was corrected
	Since  time.Time // of the first of these corrections
}

// Unavailable is something that could not be learnt. The plan stands without it.
type Unavailable struct {
	What   string         // the annotator's Name
	Target desired.Target // zero where it is not of one target
	// Err says why; its hint is the IAM statement to add where a permission is missing.
	Err error
}

// Unlearnt is why an annotator was cut short: slow, where the time for its kind of knowledge was
// up, and what ended the run, where that came first.
func Unlearnt(ctx context.Context, slow error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(why, context.DeadlineExceeded) {
		return why
	}
	return slow
}

// Evidence is what the verdicts on a target rest on in a run that was asked to read
// only what may have changed.
type Evidence struct {
	// Full is why everything was read all the same; "" where it was not.
	Full string

	Functions int // of the fleet in this target, and those that requirements choose
	Read      int // of them, those that were read, well or not
	Carried   int // of them, those that an earlier run read
	Scrubbed  int // of those read, those that nothing but their age made read
	Missed    int // functions that were scrubbed, had changed, and of which no event told in time

	Oldest time.Time     // when the carried function read longest ago was read; zero: none is carried
	Trail  time.Time     // up to when the trail of events is taken for complete; zero: it was not asked
	Lag    time.Duration // how late the latest of the new events appeared; 0: there was none
	MaxAge time.Duration // the oldest that anything carried may be
	TooOld bool          // something carried was older than that when the plan was made
}

// Destination is a destination of configs, and whether it takes what is sent there.
type Destination struct {
	ARN   string
	State DestinationState
	Uses  []DestinationUse // sorted by config, then by setting; never empty
}

// DestinationUse is one config that sends to a destination, once the plan is carried
// out.
type DestinationUse struct {
	desired.Key
	Setting desired.Setting
	Live    bool           // its record says so now
	Origin  desired.Origin // where that is declared; zero where it is not
}

// DestinationState is what is known of a destination.
type DestinationState uint8

// The states. What could not be learnt is never taken for missing.
const (
	DestinationUnknown   DestinationState = iota // see Set.Unavailable
	DestinationExists                            // and may be sent to, as far as is known
	DestinationMissing                           // there is none of that name: each event sent there is lost
	DestinationWrongKind                         // it is FIFO, which takes nothing from Lambda
)

// String is the state as JSON output spells it.
func (s DestinationState) String() string {
	return [...]string{"unknown", "exists", "missing", "wrong_kind"}[s]
}

// Loses reports whether what is sent to the destination is lost.
func (d *Destination) Loses() bool {
	return d.State == DestinationMissing || d.State == DestinationWrongKind
}

// LosingDestinations counts those that lose what is sent to them.
func (s *Set) LosingDestinations() (n int) {
	for j := range s.Destinations {
		if s.Destinations[j].Loses() {
			n++
		}
	}
	return n
}

// Add takes in one annotator's answer. Each kind of thing comes from one annotator, so that
// what is sorted stays so.
func (s *Set) Add(more Set) {
	s.Destinations = append(s.Destinations, more.Destinations...)
	s.Authors = append(s.Authors, more.Authors...)
	s.Unsearched = append(s.Unsearched, more.Unsearched...)
	s.Fights = append(s.Fights, more.Fights...)
	s.Drifting = append(s.Drifting, more.Drifting...)
	s.Unavailable = append(s.Unavailable, more.Unavailable...)
}

// ByAuthor sums up the authors, who made most differ first: "38 by role deploy (Terraform)".
func (s *Set) ByAuthor() []string {
	count := map[string]int{}
	for j := range s.Authors {
		count[s.Authors[j].Author.String()]++
	}
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], strings.Compare(a, b))
	})
	for j, name := range names {
		names[j] = fmt.Sprintf("%d by %s", count[name], name)
	}
	return names
}

// AuthorOf is who made a config what it is, or nil where that is not known.
func (s *Set) AuthorOf(key desired.Key) *Authorship {
	at, found := slices.BinarySearchFunc(s.Authors, key, Authorship.Compare)
	if !found {
		return nil
	}
	return &s.Authors[at]
}

// Searched reports whether the author of a config that differs was looked for as far as it takes.
func (s *Set) Searched(key desired.Key) bool {
	for j := range s.Unsearched {
		if u := &s.Unsearched[j]; u.Target == key.Target {
			_, not := slices.BinarySearchFunc(u.Configs, key.Name, desired.Name.Compare)
			return !not
		}
	}
	return true
}

// DriftingSince is since when audits have found that a config differs, or zero.
func (s *Set) DriftingSince(key desired.Key) time.Time {
	at, found := slices.BinarySearchFunc(s.Drifting, key, Drifting.Compare)
	if !found {
		return time.Time{}
	}
	return s.Drifting[at].Since
}

// Author is who made a call, and with what. All of it is text from outside: whoever
// may call AWS chooses their own names and user agent.
type Author struct {
	Principal string `json:"principal"` // the ARN, or the best that is known in its place
	Kind      string `json:"kind"`      // user, role, account or service; "" where that is not known
	Name      string `json:"name"`      // of that user, role, account or service
	Client    string `json:"client"`    // console, Terraform, CloudFormation, aws-cli and so on; "" if unknown
	RunID     string `json:"run_id"`    // of eventinvoke, where it was one and named its session so; ""
	// Stack is the CloudFormation stack that owns the function, where it was the author.
	Stack string `json:"stack,omitempty"`
}

// String is "role deploy (Terraform)" or "role deploy (CloudFormation stack orders)", as much
// of it as is known, and "" for nothing.
func (a Author) String() string {
	who := a.Kind + " " + a.Name
	switch {
	case a.RunID != "":
		who = "run " + a.RunID
	case a.Name == "":
		who = a.Principal
	}
	switch {
	case a.Stack != "":
		who += " (" + a.Client + " stack " + a.Stack + ")"
	case a.Client != "":
		who += " (" + a.Client + ")"
	}
	return strings.TrimSpace(who)
}

// deploying are the clients that keep what they wrote in a template or a state.
var deploying = []string{"Terraform", "OpenTofu", "CloudFormation", "Pulumi", "Serverless"}

// Redeploys reports whether what the author wrote will be written again, at the next
// deployment from the same template or state.
func (a Author) Redeploys() bool { return slices.Contains(deploying, a.Client) }

// Authorship is who made a config what it is, as far as a witness tells.
type Authorship struct {
	desired.Key
	Author Author
	At     time.Time // to the second
	Call   string    // the API's operation, such as PutFunctionEventInvokeConfig
}

// Deleted reports whether the record was deleted.
func (a *Authorship) Deleted() bool { return strings.HasPrefix(a.Call, "Delete") }

// Redeploys reports whether the author's next deployment writes the same again. What a
// tool has deleted it no longer declares, and does not delete a second time.
func (a *Authorship) Redeploys() bool { return a.Author.Redeploys() && !a.Deleted() }
