package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

var wholeStart = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

// shardRecord is what one shard left, minute minutes after the first.
func shardRecord(index, count, minute int, state State) Record {
	return Record{
		Version: RecordVersion, Run: "job", State: state, Shard: Shard{Index: index, Count: count},
		Started: wholeStart.Add(time.Duration(minute) * time.Minute),
		Items:   []Item{{Key: testKey(index), Action: reconcile.Delete, Status: fmt.Sprintf("minute %d", minute)}},
	}
}

func genWhole() *rapid.Generator[Run] {
	return rapid.Custom(func(t *rapid.T) Run {
		var whole Run
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			count := rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "count")
			index := rapid.IntRange(0, max(count-1, 0)).Draw(t, "index")
			state := rapid.SampledFrom([]State{Running, Died, Failed, Interrupted, Finished}).Draw(t, "state")
			r := shardRecord(index, count, rapid.IntRange(0, 1).Draw(t, "minute"), state)
			r.Verb = rapid.SampledFrom([]string{"apply", "audit"}).Draw(t, "verb") // nothing but bytes to tell them apart
			whole = mustMerge(t, whole, NewRun(r))
		}
		return whole
	})
}

func mustMerge(t rapid.TB, a, b Run) Run {
	t.Helper()
	merged, err := Merge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

func TestMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := genWhole().Draw(t, "a"), genWhole().Draw(t, "b"), genWhole().Draw(t, "c")
		same := func(law string, x, y Run) {
			if diff := cmp.Diff(x, y, compareOpts); diff != "" {
				t.Fatalf("Merge is not %s:\n%s", law, diff)
			}
		}
		same("commutative", mustMerge(t, a, b), mustMerge(t, b, a))
		same("associative", mustMerge(t, a, mustMerge(t, b, c)), mustMerge(t, mustMerge(t, a, b), c))
		same("idempotent", mustMerge(t, a, a), a)
		same("neutral to nothing", mustMerge(t, a, Run{}), a)
		ab := mustMerge(t, a, b)
		same("absorbing", mustMerge(t, ab, b), ab)
	})
}

func TestMergeOfTwoRunsIsRefused(t *testing.T) {
	other := shardRecord(0, 2, 0, Finished)
	other.Run = "other"
	if _, err := Merge(NewRun(shardRecord(0, 2, 0, Finished)), NewRun(other)); err == nil {
		t.Error("Merge of two runs succeeded")
	}
}

func TestWholeTellsWhatIsMissing(t *testing.T) {
	rows := []struct {
		why        string
		parts      []Record
		state      State
		missing    []int
		incomplete string
	}{
		{"a run without shards", []Record{shardRecord(0, 0, 0, Finished)}, Finished, nil, ""},
		{"all shards", []Record{shardRecord(1, 2, 0, Finished), shardRecord(0, 2, 0, Finished)}, Finished, nil, ""},
		{"one never began", []Record{shardRecord(0, 2, 0, Finished)}, Finished, []int{1}, "no record of shard 1 of 2"},
		{"two never began", []Record{shardRecord(1, 3, 0, Finished)}, Finished, []int{0, 2}, "no record of shards 0, 2 of 3"},
		{"one died", []Record{shardRecord(0, 2, 0, Died), shardRecord(1, 2, 0, Finished)}, Died, nil, "shard-0-of-2 died"},
		{"one died and was tried again", []Record{shardRecord(0, 2, 0, Died), shardRecord(1, 2, 0, Finished), shardRecord(0, 2, 1, Finished)}, Finished, nil, ""},
		{"one finished and its second try is at work", []Record{shardRecord(0, 1, 0, Finished), shardRecord(0, 1, 1, Running)}, Running, nil, "shard-0-of-1 running"},
		{"tried again with another number of shards", []Record{shardRecord(0, 2, 0, Died), shardRecord(0, 3, 1, Finished)}, Finished, []int{1, 2}, "no record of shards 1, 2 of 3"},
		{"missing and interrupted", []Record{shardRecord(0, 2, 0, Interrupted)}, Interrupted, []int{1}, "no record of shard 1 of 2, shard-0-of-2 interrupted"},
		{"nothing is known", nil, "", nil, ""},
	}
	for _, row := range rows {
		var whole Run
		for _, r := range row.parts {
			whole = mustMerge(t, whole, NewRun(r))
		}
		if diff := cmp.Diff(row.missing, whole.Missing()); diff != "" {
			t.Errorf("%s: missing (-want +got)\n%s", row.why, diff)
		}
		if whole.State() != row.state || whole.Incomplete() != row.incomplete {
			t.Errorf("%s: %q, %q, want %q, %q", row.why, whole.State(), whole.Incomplete(), row.state, row.incomplete)
		}
	}
}

func TestWholeItemsAreThoseOfTheLastTry(t *testing.T) {
	whole := mustMerge(t, NewRun(shardRecord(1, 2, 0, Died)), NewRun(shardRecord(0, 2, 0, Finished)))
	whole = mustMerge(t, whole, NewRun(shardRecord(1, 2, 5, Finished)))
	var got []string
	for _, item := range whole.Items() {
		got = append(got, item.Key.Function+" "+item.Status)
	}
	if diff := cmp.Diff([]string{"orders-000 minute 0", "orders-001 minute 5"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !whole.Started().Equal(wholeStart) {
		t.Errorf("Started = %s, want when the first part began", whole.Started())
	}
}

func TestNamesOfPartsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := part{
			run:     rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}`).Filter(func(s string) bool { return s != newest }).Draw(t, "run"),
			started: wholeStart.Add(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "µs")) * time.Microsecond),
		}
		if p.shard.Count = rapid.IntRange(0, 100).Draw(t, "count"); p.shard.Count > 0 {
			p.shard.Index = rapid.IntRange(0, p.shard.Count-1).Draw(t, "index")
		}
		if got, is := parsePart(p.record(), runsFolder, ".json"); !is || got != p {
			t.Fatalf("%s came back as %+v, %v", p.record(), got, is)
		}
		if err := checkName(p.journal()); err != nil {
			t.Fatal(err)
		}
	})
}
