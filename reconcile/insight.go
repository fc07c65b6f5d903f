package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Annotator knows something about a plan that Lambda does not tell: whether the
// destinations exist, who changed a record. Each kind of knowledge is a package of
// its own that makes one.
type Annotator interface {
	// Name says what it knows, such as "whether destinations exist".
	Name() string
	// Annotate looks at a run whose plan is known, and changes nothing of it. It
	// comes back soon after ctx ends, with what it has: what it could not learn is
	// Unavailable, and no error.
	Annotate(ctx context.Context, r *RunResult) Insights
}

// Insights are what the annotators of a run learnt.
type Insights struct {
	Destinations []Destination // that configs send to once the plan is carried out; sorted by ARN
	Unavailable  []Unavailable // by annotator, in the order of Engine.Annotators
	Authors      []Authorship  // of what differs, where somebody told; sorted
	Fights       []Fight       // among what differs; sorted
	Drifting     []Drifting    // of what differs, where an earlier audit found it so; sorted
}

// Drifting is a config of which each audit that saw it, since one before this run, has
// found that it differs.
type Drifting struct {
	desired.Key
	Since time.Time // when the first of them began
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
	DestinationUnknown   DestinationState = iota // see Insights.Unavailable
	DestinationExists                            //
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
func (i *Insights) LosingDestinations() (n int) {
	for j := range i.Destinations {
		if i.Destinations[j].Loses() {
			n++
		}
	}
	return n
}

// InsightPolicy says whether a run asks its annotators.
type InsightPolicy uint8

// The policies.
const (
	InsightsAuto     InsightPolicy = iota // ask; what cannot be learnt is told, and is no failure
	InsightsRequired                      // ask; what cannot be learnt counts as not read
	InsightsOff                           // make no call
)

// insightTime is how long a run waits for its annotators. They ask services with
// quotas of their own, side by side, so that a fleet of any size needs a second or two.
const insightTime = 10 * time.Second

// annotate asks all annotators at once. None of them can fail the run, or hold it up
// much beyond insightTime: one that does not come back is left behind.
//
// Answers are taken in the order of Engine.Annotators and not as they come, so that a report
// is the same every time. Each channel has room for the answer of one that nobody waits for
// any more.
func (e Engine) annotate(ctx context.Context, r *RunResult) {
	if r.InsightPolicy == InsightsOff || len(e.Annotators) == 0 || context.Cause(ctx) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, insightTime)
	defer cancel()
	seen := *r // for one that is left behind while the run goes on
	answers := make([]chan Insights, len(e.Annotators))
	for i, a := range e.Annotators {
		answers[i] = make(chan Insights, 1)
		go func() { answers[i] <- annotateSafely(ctx, a, &seen) }()
	}
	late := make(chan struct{})
	defer time.AfterFunc(insightTime+time.Second, func() { close(late) }).Stop()
	for i, a := range e.Annotators {
		select {
		case learnt := <-answers[i]:
			r.Insights.add(learnt)
			continue
		case <-late:
		}
		select {
		case learnt := <-answers[i]: // it was waited for after one that is late
			r.Insights.add(learnt)
		default:
			r.Insights.add(unavailable(a.Name(), fmt.Errorf("no answer within %v", insightTime)))
		}
	}
}

// annotateSafely makes of a panic what could not be learnt.
func annotateSafely(ctx context.Context, a Annotator, r *RunResult) (learnt Insights) {
	defer func() {
		if p := recover(); p != nil {
			learnt = unavailable(a.Name(), fmt.Errorf("a fault of this program, please report it: %v", p))
		}
	}()
	return a.Annotate(ctx, r)
}

// unavailable is the whole answer of an annotator that learnt nothing.
func unavailable(what string, err error) Insights {
	return Insights{Unavailable: []Unavailable{{What: what, Err: err}}}
}

// add takes in one annotator's answer.
func (i *Insights) add(more Insights) {
	i.Destinations = append(i.Destinations, more.Destinations...)
	i.Authors = append(i.Authors, more.Authors...)
	i.Fights = append(i.Fights, more.Fights...)
	i.Drifting = append(i.Drifting, more.Drifting...)
	i.Unavailable = append(i.Unavailable, more.Unavailable...)
}

// ByAuthor sums up the authors, who made most differ first: "38 by role deploy (Terraform)".
func (i *Insights) ByAuthor() []string {
	count := map[string]int{}
	for j := range i.Authors {
		count[i.Authors[j].Author.String()]++
	}
	names := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(count[b]-count[a], strings.Compare(a, b))
	})
	for j, name := range names {
		names[j] = fmt.Sprintf("%d by %s", count[name], name)
	}
	return names
}

// AuthorOf is who made a config what it is, or nil where nobody told.
func (i *Insights) AuthorOf(key desired.Key) *Authorship {
	at, found := slices.BinarySearchFunc(i.Authors, key, Authorship.Compare)
	if !found {
		return nil
	}
	return &i.Authors[at]
}

// DriftingSince is since when audits have found that a config differs, or zero.
func (i *Insights) DriftingSince(key desired.Key) time.Time {
	at, found := slices.BinarySearchFunc(i.Drifting, key, Drifting.Compare)
	if !found {
		return time.Time{}
	}
	return i.Drifting[at].Since
}

// Author is who made a call, and with what. All of it is text from outside: whoever
// may call AWS chooses their own names and user agent.
type Author struct {
	Principal string `json:"principal"` // the ARN, or the best that is known in its place
	Kind      string `json:"kind"`      // user, role, account or service; "" where that is not known
	Name      string `json:"name"`      // of that user, role, account or service
	Client    string `json:"client"`    // console, Terraform, CloudFormation, aws-cli and so on; "" if unknown
	Run       string `json:"run"`       // of eventinvoke, where it was one and named its session so; ""
	// Stack is the CloudFormation stack that owns the function, where it was the author.
	Stack string `json:"stack,omitempty"`
}

// String is "role deploy (Terraform)" or "role deploy (CloudFormation stack orders)", as much
// of it as is known, and "" for nothing.
func (a Author) String() string {
	who := a.Kind + " " + a.Name
	switch {
	case a.Run != "":
		who = "run " + a.Run
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
