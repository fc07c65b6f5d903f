package reconcile

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/ratelimit"
)

// intents keeps what a journal was told, in order.
type intents struct {
	befores []*Settings
	settled []Status
}

func (j *intents) Intend(_ context.Context, _ desired.Key, c *Change) error {
	j.befores = append(j.befores, c.Before)
	return nil
}

func (j *intents) Settle(_ desired.Key, r *ChangeResult) { j.settled = append(j.settled, r.Status) }

// The API has no precondition. Whatever others do between the read and a write
// that replaces or removes a record, nothing of theirs is erased unseen: the
// function is read again before a write whose read is old, and before a repeat.
func TestWhatOthersMadeAfterTheSurveyIsNotErased(t *testing.T) {
	theirs := Settings{desired.MaximumEventAgeInSeconds: desired.Number(900), desired.OnFailure: desired.Text(queueA)}
	ours := Settings{desired.MaximumRetryAttempts: desired.Number(0)}
	merged := theirs.With(retries(0))
	f := name("f", desired.Latest)
	for _, row := range []struct {
		why    string
		entry  desired.Entry
		before *Settings // at the survey
		wait   time.Duration
		exact  bool
		fault  func(op string, attempt int, aws *fakeAWS) error
		status Status
		after  *Settings
		action Action
		last   *Settings // before-image of the last intent; nil also for no record
	}{
		{why: "created within the minute: the window that stays open", entry: entry("f", desired.Latest, retries(0)),
			wait: 30 * time.Second, status: Applied, after: &ours, action: Create},
		{why: "created two minutes after the read: an Update of what differs", entry: entry("f", desired.Latest, retries(0)),
			wait: 2 * time.Minute, status: Applied, after: &merged, action: Update, last: &theirs},
		{why: "created while the function was busy", entry: entry("f", desired.Latest, retries(0)),
			fault: func(op string, attempt int, aws *fakeAWS) error {
				if op == "put" && attempt == 1 {
					aws.records[f] = theirs
					return busy()
				}
				return nil
			}, status: Applied, after: &merged, action: Update, last: &theirs},
		{why: "the write was done and its answer lost: it is not made again", entry: entry("f", desired.Latest, retries(0)),
			fault: func(op string, attempt int, aws *fakeAWS) error {
				if op == "put" && attempt == 1 {
					aws.records[f] = ours
					return broken()
				}
				if op == "put" {
					t.Error("a write that was done is made again")
				}
				return nil
			}, status: Applied, after: &ours, action: Create},
		{why: "others made it so while the function was busy: it is theirs, and no rollback of ours takes it away", entry: entry("f", desired.Latest, retries(0)),
			fault: func(op string, attempt int, aws *fakeAWS) error {
				if op == "put" && attempt == 1 {
					aws.records[f] = ours
					return busy()
				}
				return nil
			}, status: AlreadySo, after: &ours, action: NoChange},
		{why: "the same under a saved plan", entry: entry("f", desired.Latest, retries(0)), exact: true,
			fault: func(op string, attempt int, aws *fakeAWS) error {
				if op == "put" && attempt == 1 {
					aws.records[f] = ours
					return busy()
				}
				return nil
			}, status: AlreadySo, after: &ours, action: Create},
		{why: "a saved plan's write was perhaps done, and others changed the record: nobody may call that left alone", entry: entry("f", desired.Latest, retries(0)), exact: true,
			fault: func(op string, attempt int, aws *fakeAWS) error {
				if op == "put" && attempt == 1 {
					aws.records[f] = theirs
					return broken()
				}
				return nil
			}, status: Failed, action: Create},
		{why: "others have made it as it should be", entry: entry("f", desired.Latest, desired.Config{desired.OnFailure: desired.Text(queueA)}),
			wait: 2 * time.Minute, status: AlreadySo, after: &theirs, action: NoChange},
		{why: "a record to be removed has changed: what is removed is in the journal", entry: removed("f", desired.Latest), before: &ours,
			wait: 2 * time.Minute, status: Applied, action: Delete, last: &theirs},
		{why: "a record to be removed is gone", entry: removed("f", desired.Latest), before: &ours, wait: 2 * time.Minute,
			fault: func(op string, _ int, aws *fakeAWS) error { delete(aws.records, f); return nil }, status: AlreadySo, action: NoChange},
		{why: "a record was removed and the answer lost: it is not removed again", entry: removed("f", desired.Latest), before: &ours,
			fault: func(op string, attempt int, aws *fakeAWS) error {
				if op == "delete" && attempt == 1 {
					delete(aws.records, f)
					return broken()
				}
				if op == "delete" {
					t.Error("a delete that was done is made again")
				}
				return nil
			}, status: Applied, action: Delete, last: &ours},
		{why: "a saved plan or a rollback does not touch what has moved", entry: entry("f", desired.Latest, retries(0)), exact: true,
			wait: 2 * time.Minute, status: Stale, after: &theirs, action: Create},
	} {
		synctest.Test(t, func(t *testing.T) {
			aws := newFake("f")
			if row.before != nil {
				aws.records[f] = *row.before
			}
			fleet := wants(row.entry)
			fleet.Limits = desired.Limits{MaxChanges: desired.Limit{Number: 1}, MaxDeletes: desired.Limit{Number: 1}}
			plan := NewPlan(fleet, aws.survey(t, t.Context(), fleet))
			plan.Exact = row.exact
			approved, err := Guard{Limits: fleet.Limits}.approve(plan)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(row.wait)
			if row.wait > 0 {
				aws.records[f] = theirs
			}
			if row.fault != nil {
				aws.fail = func(op string, _ desired.Name, attempt int) error { return row.fault(op, attempt, aws) }
			}
			limiter := ratelimit.New(ratelimit.Options{Quota: 1000, Share: 1})
			defer limiter.Close()
			journal := &intents{}
			out := apply(t.Context(), approved, map[desired.Target]writeConn{home: {Writer: aws, Reader: aws, Limiter: limiter}}, journal, nil)
			r := out.Targets[0].Results[0]
			if r.Status != row.status || r.Action != row.action || !sameRecord(r.After, row.after) {
				t.Errorf("%s: %v %v, after %v (%v)", row.why, r.Action, r.Status, r.After, r.Err)
			}
			held := row.after
			if row.status == Failed {
				held = &theirs // what others made stays
			}
			if now, has := aws.records[f]; has != (held != nil) || has && now != *held {
				t.Errorf("%s: AWS holds %v", row.why, now)
			}
			if len(journal.befores) != len(journal.settled) {
				t.Errorf("%s: %d intents, %d settled", row.why, len(journal.befores), len(journal.settled))
			}
			if n := len(journal.befores); n > 0 && !sameRecord(journal.befores[n-1], row.last) {
				t.Errorf("%s: the last before-image is %v, want %v", row.why, journal.befores[n-1], row.last)
			}
		})
	}
}
