// Package trail asks CloudTrail's event history what was done to the functions of a
// target, and by whom.
//
// In goes a [Query]: which calls, since when. Out comes an [Answer]: the events that
// were found, as hints of where to look, and how much of what was asked they cover.
// The history needs no set-up, costs nothing and none of Lambda's quota, and has a
// quota of its own: two requests a second per account and region.
//
// It is a witness, not a source of truth. Events appear minutes to hours after the
// call, and one that is missing proves nothing: whoever relies on an answer checks
// it against what AWS holds. The package never writes, and an answer never fails:
// what could not be had is said in it.
package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/slice"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

const (
	// quota is the limit of LookupEvents per account and region, in requests a
	// second. It cannot be raised (CloudTrail quotas).
	quota = 2
	// Kept is how far back the event history goes.
	Kept = 90 * 24 * time.Hour

	// pageSize is the most events that one answer holds.
	pageSize = 50
	// attemptsAtOnce covers a slow answer: two requests a second and half a second each.
	attemptsAtOnce = 3
	// defaultBudget bounds a lookup that nobody bounded.
	defaultBudget = 30 * time.Second
)

// Pace is how fast the history of a target may be asked, for a registry of limiters
// that belong to LookupEvents alone.
func Pace(desired.Target) ratelimit.Options { return ratelimit.Options{Quota: quota} }

// ErrBudget is why a lookup ended before it had seen all that was asked.
var ErrBudget = errors.New("CloudTrail took longer than the time that was set aside for it")

// ErrPages is the same where the limit of pages was reached.
var ErrPages = errors.New("CloudTrail has more events than were worth reading")

// recordedAs is how CloudTrail spells a call where it does not by its plain name.
// Lookups are for an exact name; what comes back is read by its pattern.
var recordedAs = map[string]string{
	"CreateFunction": "CreateFunction20150331",
	"DeleteFunction": "DeleteFunction20150331",
	"PublishVersion": "PublishVersion20150331",
	"CreateAlias":    "CreateAlias20150331",
	"UpdateAlias":    "UpdateAlias20150331",
	"DeleteAlias":    "DeleteAlias20150331",
	"TagResource":    "TagResource20170331v2",
	"UntagResource":  "UntagResource20170331v2",
}

// The calls that can be asked for. Writes are those that change a config; the others
// change which functions and qualifiers there are, and their tags.
var (
	Writes    = []string{"PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", deleteCall}
	Functions = []string{"CreateFunction", "DeleteFunction"}
	Aliases   = []string{"CreateAlias", "UpdateAlias", "DeleteAlias"}
	Versions  = []string{"PublishVersion"}
	Tags      = []string{"TagResource", "UntagResource"}
)

// Source is the event history of one target.
type Source struct {
	target desired.Target
	client *cloudtrail.Client
	paced  func() *ratelimit.Limiter
}

// New makes a source with the configuration of an open target, as
// awslambda.InsightConfig gives it: its clients send reads alone. The registry holds the limiters of LookupEvents and of nothing else; see Pace.
func New(cfg aws.Config, target desired.Target, limiters *ratelimit.Registry[desired.Target]) *Source {
	s := &Source{target: target, paced: func() *ratelimit.Limiter { return limiters.For(target) }}
	cfg.Region = target.Region
	s.client = cloudtrail.NewFromConfig(awslambda.Paced(cfg, s.paced))
	return s
}

// Query is what a history is asked.
type Query struct {
	Names  []string  // of calls, without version: Writes and the others above
	From   time.Time // inclusive, to the second; zero is all that is kept
	Pages  int       // the most of one name, 50 events each; 0 is no limit
	Budget time.Duration
	// Enough is shown each page of a name, newest event first, and the time of its
	// last event. When it says true no older page of that name is asked for, and that
	// does not count as cut short. It may be nil.
	Enough func(name string, page []events.Hint, oldest time.Time) bool
}

// Answer is what a history said.
type Answer struct {
	// Events are what was done successfully, each once, oldest first. Events about one
	// second have no order that means anything.
	Events []events.Hint
	// Asked is the second up to which the history was asked. That it has everything
	// that was done until then must not be assumed: events appear late.
	Asked time.Time
	// Cut is why less was seen than was asked, or nil: a *callerr.Error,
	// ErrBudget, ErrPages or the end of the context, joined where names differ.
	Cut error
	// Reached is, of each call that was cut short, the time of the oldest event that was
	// seen, or Asked where none was: what is older nobody looked at, nor all of that second.
	Reached map[string]time.Time
	// Unread counts events of the names asked that do not say which function they are
	// about: something was changed, anywhere in the target.
	Unread int
}

// Lookup asks the history. It ends within the budget, and some seconds for what is
// under way then.
func (s *Source) Lookup(ctx context.Context, q Query) *Answer {
	to := time.Now().UTC().Truncate(time.Second)
	from := q.From.UTC().Truncate(time.Second)
	if oldest := to.Add(-Kept); from.Before(oldest) {
		from = oldest
	}
	budget := cmp.Or(q.Budget, defaultBudget)
	ctx, cancel := context.WithTimeoutCause(ctx, budget, ErrBudget)
	defer cancel()

	a := &Answer{Asked: to, Reached: map[string]time.Time{}}
	if from.After(to) {
		return a // AWS would call it an invalid range
	}
	l := &lookup{source: s, query: q, answer: a, seen: map[string]bool{}}
	jobs := make([]ratelimit.Job, len(q.Names))
	names := make([]*nameJob, len(q.Names))
	for i, name := range q.Names {
		names[i] = &nameJob{lookup: l, name: name, oldest: to, in: cloudtrail.LookupEventsInput{
			LookupAttributes: []types.LookupAttribute{{
				AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String(cmp.Or(recordedAs[name], name)),
			}},
			StartTime: &from, EndTime: &to, MaxResults: aws.Int32(pageSize),
		}}
		jobs[i] = names[i]
	}
	policy := ratelimit.Policy{Workers: attemptsAtOnce, FaultAttempts: 3, GiveUpAfter: budget}
	ratelimit.Run(ctx, s.paced(), policy, slices.Values(jobs))

	var cut []error
	for _, j := range names {
		if j.err == nil {
			continue
		}
		a.Reached[j.name] = j.oldest
		if cause := context.Cause(ctx); cause != nil {
			j.err = cause
		}
		if !slices.ContainsFunc(cut, func(e error) bool { return e.Error() == j.err.Error() }) {
			cut = append(cut, j.err)
		}
	}
	a.Cut = errors.Join(cut...)
	slices.SortFunc(a.Events, func(x, y events.Hint) int {
		return cmp.Or(x.EventTime.Compare(y.EventTime), strings.Compare(x.EventID, y.EventID))
	})
	return a
}

// lookup is what the jobs of one Lookup share. Only the goroutine of ratelimit.Run
// touches it, but for the calls.
type lookup struct {
	source *Source
	query  Query
	answer *Answer
	seen   map[string]bool // ids of events
}

// nameJob pages through the events of one name: a ratelimit.Job.
type nameJob struct {
	*lookup
	name   string
	in     cloudtrail.LookupEventsInput
	page   *cloudtrail.LookupEventsOutput // of the last call
	tokens awslambda.Pages
	pages  int
	oldest time.Time // of the events read
	over   bool
	err    error // why older ones were not
}

var _ ratelimit.Job = (*nameJob)(nil)

func (j *nameJob) Next() (ratelimit.Priority, bool) { return ratelimit.Scan, !j.over }

func (j *nameJob) Call(ctx context.Context) error {
	out, err := j.source.client.LookupEvents(ctx, &j.in)
	if err != nil {
		return awslambda.AsCallError(j.source.target.String(), err)
	}
	j.page = out
	return nil
}

func (j *nameJob) Done(err error, _ ratelimit.CallStats) {
	if err != nil {
		j.over, j.err = true, err
		return
	}
	j.pages++
	hints := j.take(j.page.Events)
	endless := j.tokens.Turn(j.page.NextToken)
	j.in.NextToken = j.tokens.Token
	switch {
	case endless == nil && j.tokens.Token == nil:
		j.over = true
	case j.query.Enough != nil && j.query.Enough(j.name, hints, j.oldest):
		j.over = true
	case endless != nil:
		j.over, j.err = true, fmt.Errorf("events of %s: %w", j.name, endless)
	case j.query.Pages > 0 && j.pages >= j.query.Pages:
		j.over, j.err = true, fmt.Errorf("%w: %d pages of %s", ErrPages, j.pages, j.name)
	}
}

// take reads a page. What failed has changed nothing and is left out; what does not
// say what it is about is counted.
func (j *nameJob) take(page []types.Event) []events.Hint {
	var hints []events.Hint
	for e := range slice.Pointers(page) {
		at := aws.ToTime(e.EventTime).UTC()
		if e.EventTime != nil && at.Before(j.oldest) {
			j.oldest = at
		}
		found, err := events.Record([]byte(aws.ToString(e.CloudTrailEvent)), j.source.target)
		if err != nil {
			j.answer.Unread++
			continue
		}
		for _, h := range found {
			if id := aws.ToString(e.EventId); id != "" {
				h.EventID = id
			}
			if h.EventTime.IsZero() {
				h.EventTime = at
			}
			if h.Failed || h.Target != j.source.target || h.EventID != "" && j.seen[h.EventID] {
				continue
			}
			j.seen[h.EventID] = true
			hints = append(hints, h)
		}
	}
	j.answer.Events = append(j.answer.Events, hints...)
	return hints
}
