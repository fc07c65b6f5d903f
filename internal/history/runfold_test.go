package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/internal/shard"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

var runStart = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

// shardRecord is what one shard left, minute minutes after the first.
func shardRecord(index, count, minute int, state State) RunRecord {
	return RunRecord{
		Version: RecordVersion, RunID: "job", State: state, Shard: shard.Shard{Index: index, Count: count},
		Started: runStart.Add(time.Duration(minute) * time.Minute),
		Items:   []Item{{Key: testKey(index), Action: reconcile.Delete, Status: fmt.Sprintf("minute %d", minute)}},
	}
}

func TestRunTellsWhatIsMissing(t *testing.T) {
	rows := []struct {
		why        string
		attempts   []RunRecord
		state      State
		incomplete string
	}{
		{"a run without shards", []RunRecord{shardRecord(0, 0, 0, Finished)}, Finished, ""},
		{"all shards", []RunRecord{shardRecord(1, 2, 0, Finished), shardRecord(0, 2, 0, Finished)}, Finished, ""},
		{"one never began", []RunRecord{shardRecord(0, 2, 0, Finished)}, Finished, "no record of shard 1 of 2"},
		{"two never began", []RunRecord{shardRecord(1, 3, 0, Finished)}, Finished, "no record of shards 0, 2 of 3"},
		{"one died", []RunRecord{shardRecord(0, 2, 0, Died), shardRecord(1, 2, 0, Finished)}, Died, "shard-0-of-2 died"},
		{"one died and was tried again", []RunRecord{shardRecord(0, 2, 0, Died), shardRecord(1, 2, 0, Finished), shardRecord(0, 2, 1, Finished)}, Finished, ""},
		{"one finished and its second try is at work", []RunRecord{shardRecord(0, 1, 0, Finished), shardRecord(0, 1, 1, Running)}, Running, "shard-0-of-1 running"},
		{"tried again with another number of shards", []RunRecord{shardRecord(0, 2, 0, Died), shardRecord(0, 3, 1, Finished)}, Finished, "no record of shards 1, 2 of 3"},
		{"missing and interrupted", []RunRecord{shardRecord(0, 2, 0, Interrupted)}, Interrupted, "no record of shard 1 of 2, shard-0-of-2 interrupted"},
		{"nothing is known", nil, "", ""},
	}
	for _, row := range rows {
		run := NewRun(row.attempts...)
		if run.State() != row.state || run.Incomplete() != row.incomplete {
			t.Errorf("%s: %q, %q, want %q, %q", row.why, run.State(), run.Incomplete(), row.state, row.incomplete)
		}
	}
}

func TestItemsAreThoseOfTheLastTry(t *testing.T) {
	run := NewRun(shardRecord(1, 2, 5, Finished), shardRecord(1, 2, 0, Died), shardRecord(0, 2, 0, Finished))
	var got []string
	for _, item := range run.Items() {
		got = append(got, item.Key.Function+" "+item.Status)
	}
	if diff := cmp.Diff([]string{"orders-000 minute 0", "orders-001 minute 5"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !run.Started().Equal(runStart) {
		t.Errorf("Started = %s, want when the first part began", run.Started())
	}
}

func TestNamesOfAttemptsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := attempt{
			run:     rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}`).Filter(func(s string) bool { return s != newest }).Draw(t, "run"),
			started: runStart.Add(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "µs")) * time.Microsecond),
		}
		if a.shard.Count = rapid.IntRange(0, 100).Draw(t, "count"); a.shard.Count > 0 {
			a.shard.Index = rapid.IntRange(0, a.shard.Count-1).Draw(t, "index")
		}
		if got, is := parseAttempt(a.record(), runsFolder, ".json"); !is || got != a {
			t.Fatalf("%s came back as %+v, %v", a.record(), got, is)
		}
		if err := checkName(a.journal()); err != nil {
			t.Fatal(err)
		}
	})
}
